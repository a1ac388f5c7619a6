"""Schedules (protocol §6): a cron line that creates one promise an occurrence."""

from typing import Final

from troth.protocol.answers import EMPTY, ScheduleAnswer, SchedulePage
from troth.protocol.records import Tag
from troth.protocol.requests import CreateSchedule, DeleteSchedule, GetSchedule, SearchSchedules

from .cron import CronError, parse_cron
from .effects import DropSchedule, Outcome, PutSchedule, answer, refuse
from .footprint import ScheduleQuery
from .guards import id_fault, instant_fault, search_fault, tags_fault, value_fault
from .limits import INSTANT_MAX
from .objects import ScheduleObject
from .view import View

NO_SCHEDULE: Final = "there is no schedule of this id"


def render_id(template: str, schedule_id: str, at: int) -> str:
    """The id of the promise of one occurrence.

    >>> render_id("{{.id}}-{{.timestamp}}", "nightly", 1700000000000)
    'nightly-1700000000000'
    """
    # Only what the template says is a placeholder: a schedule's id may itself contain "{{.timestamp}}".
    parts = template.split("{{.id}}")
    return schedule_id.join(part.replace("{{.timestamp}}", str(at)) for part in parts)


def occurrence_id(schedule: ScheduleObject, at: int) -> str:
    """The id of the promise that the schedule creates at an instant."""
    return render_id(schedule.promise_id, schedule.id, at)


def next_run(cron: str, after: int) -> int | None:
    """The first occurrence after an instant; None if the line has none left."""
    return parse_cron(cron).after(after)


# --- handlers


def get(view: View, request: GetSchedule, now: int) -> Outcome:  # noqa: ARG001 - all steps have one shape
    """The record."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    schedule = view.schedule(request.id)
    if schedule is None:
        return refuse(404, NO_SCHEDULE)
    return answer(ScheduleAnswer(schedule.record()))


def create(view: View, request: CreateSchedule, now: int) -> Outcome:
    """Idempotent by id: an existing schedule is answered as it is."""
    if fault := create_fault(request):
        return refuse(400, fault)
    try:
        next_run_at = next_run(request.cron, now)
    except CronError as error:
        return refuse(400, f"cron: {error}")
    if next_run_at is None:
        return refuse(400, "cron: no such date is left")
    schedule = view.schedule(request.id)
    if schedule is not None:
        return answer(ScheduleAnswer(schedule.record()))
    schedule = ScheduleObject(
        id=request.id,
        cron=request.cron,
        promise_id=request.promise_id,
        promise_timeout=request.promise_timeout,
        promise_param=request.promise_param,
        promise_tags=request.promise_tags,
        created_at=now,
        next_run_at=next_run_at,
    )
    return answer(ScheduleAnswer(schedule.record()), (PutSchedule(schedule),))


def delete(view: View, request: DeleteSchedule, now: int) -> Outcome:  # noqa: ARG001 - all steps have one shape
    """The schedule ends; the promises it has created stay."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    if view.schedule(request.id) is None:
        return refuse(404, NO_SCHEDULE)
    return answer(EMPTY, (DropSchedule(request.id),))


def search(view: View, request: SearchSchedules, now: int) -> Outcome:  # noqa: ARG001 - all steps have one shape
    """Schedules by id."""
    if fault := search_fault(request):
        return refuse(400, fault)
    page = view.page(schedule_query(request))
    return answer(SchedulePage(tuple(schedule.record() for schedule in page.schedules), page.cursor))


def schedule_query(request: SearchSchedules) -> ScheduleQuery:
    """The query a search is."""
    return ScheduleQuery(tuple(request.tags.items()), request.limit, request.cursor)


def create_fault(request: CreateSchedule) -> str | None:
    """What is wrong with the promises it would create is wrong with the schedule. The cron line apart."""
    if Tag.DELAY in request.promise_tags:
        return f"{Tag.DELAY} is one instant, and a schedule has many"
    return (
        id_fault(request.id)
        or id_fault(request.promise_id, "promiseId")
        or id_fault(render_id(request.promise_id, request.id, INSTANT_MAX), "the promise's id")
        or instant_fault(request.promise_timeout, "promiseTimeout")
        or tags_fault(request.promise_tags, "promiseTags")
        or value_fault(request.promise_param, "promiseParam")
    )
