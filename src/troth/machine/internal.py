"""The server's own six steps (protocol §5): what it does when time passes or something has settled.

They have the shape of a request's step and are told everything, so that the footprint follows from the event
alone. A step whose precondition no longer holds does nothing: what is due is listed before it is done.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from troth.protocol.answers import EMPTY, Response
from troth.protocol.messages import Execute, Unblock
from troth.protocol.records import Tag, TaskState
from troth.protocol.requests import CreatePromise

from .effects import Effect, Outcome, PutSchedule, PutTask, RemoveCallback, RemoveListener, Sent, answer
from .limits import INSTANT_MAX
from .objects import ScheduleObject
from .promises import birth, settlement
from .schedules import next_run, occurrence_id
from .view import View


class OwnStep(Struct, frozen=True):
    """Base of the steps that the server takes by itself."""


class TimeOutPromise(OwnStep, frozen=True):
    """The promise's deadline has come."""

    id: str


class DrainCallback(OwnStep, frozen=True):
    """The awaited promise has settled: resume the awaiter."""

    awaited_id: str
    awaiter_id: str


class DrainListener(OwnStep, frozen=True):
    """The awaited promise has settled: tell the address. Hand the message over before this is committed."""

    awaited_id: str
    address: str


class ExpireLease(OwnStep, frozen=True):
    """The holder has not renewed its lease."""

    id: str


class DispatchTask(OwnStep, frozen=True):
    """Offer the task to its target, and again after ``retry_ms`` milliseconds should nobody take it."""

    id: str
    retry_ms: int


class FireSchedule(OwnStep, frozen=True):
    """The schedule's occurrence at ``at``; ``promise_id`` is its `schedules.occurrence_id`.

    With ``catch_up=False`` the occurrences missed between ``at`` and now are skipped.
    """

    id: str
    at: int
    promise_id: str
    catch_up: bool = True


NOTHING_TO_DO: Final = Outcome(Response(200, EMPTY))
"""The precondition does not hold (any more)."""


def time_out_promise(view: View, event: TimeOutPromise, now: int) -> Outcome:
    """Write what every projection has been showing since the deadline."""
    promise = view.promise(event.id)
    if promise is None or not promise.overdue(now):
        return NOTHING_TO_DO
    return answer(EMPTY, settlement(view, promise.timed_out()))


def drain_callback(view: View, event: DrainCallback, now: int) -> Outcome:
    """A suspended awaiter is offered again, any other just learns of it, one past its deadline is left."""
    awaited = view.promise(event.awaited_id)
    if awaited is None or awaited.pending:
        return NOTHING_TO_DO
    removed = RemoveCallback(event.awaited_id, event.awaiter_id)
    awaiter, task = view.promise(event.awaiter_id), view.task(event.awaiter_id)
    if awaiter is None or task is None or not awaiter.project(now).pending:
        return answer(EMPTY, (removed,))
    return answer(EMPTY, (removed, PutTask(task.resumed(event.awaited_id, now))))


def drain_listener(view: View, event: DrainListener, now: int) -> Outcome:  # noqa: ARG001 - all steps have one shape
    """The address gets the stored record."""
    awaited = view.promise(event.awaited_id)
    if awaited is None or awaited.pending:
        return NOTHING_TO_DO
    return Outcome(
        Response(200, EMPTY),
        effects=(RemoveListener(event.awaited_id, event.address),),
        sent=Sent(event.address, Unblock(awaited.record())),
    )


def expire_lease(view: View, event: ExpireLease, now: int) -> Outcome:
    """The task is offered again. Its version stays: it grows when the task is granted again."""
    task, promise = view.task(event.id), view.promise(event.id)
    if task is None or task.expires_at is None or task.expires_at > now:
        return NOTHING_TO_DO
    if promise is None or promise.overdue(now):
        return NOTHING_TO_DO
    return answer(EMPTY, (PutTask(task.runnable(now)),))


def dispatch_task(view: View, event: DispatchTask, now: int) -> Outcome:
    """The message may be lost, so the offer is repeated until somebody acquires the task."""
    task, promise = view.task(event.id), view.promise(event.id)
    if task is None or task.state is not TaskState.PENDING or task.retry_at is None or task.retry_at > now:
        return NOTHING_TO_DO
    if promise is None or promise.target is None or promise.overdue(now):
        return NOTHING_TO_DO
    return Outcome(
        Response(200, EMPTY),
        effects=(PutTask(task.offered(retry_at=now + event.retry_ms)),),
        sent=Sent(promise.target, Execute(task.id, task.version)),
    )


def fire_schedule(view: View, event: FireSchedule, now: int) -> Outcome:
    """One promise an occurrence; an id that exists is skipped. Then the schedule waits for the next one."""
    schedule = view.schedule(event.id)
    if schedule is None or schedule.next_run_at != event.at or event.at > now:
        return NOTHING_TO_DO
    if event.promise_id != occurrence_id(schedule, event.at):
        return NOTHING_TO_DO
    effects: tuple[Effect, ...] = ()
    if view.promise(event.promise_id) is None:
        effects = birth(_occurrence(schedule, event), now).effects()
    seen_until = event.at if event.catch_up else now
    next_run_at = next_run(schedule.cron, seen_until)
    moved = replace(schedule, last_run_at=event.at, next_run_at=INSTANT_MAX if next_run_at is None else next_run_at)
    return answer(EMPTY, (*effects, PutSchedule(moved)))


def _occurrence(schedule: ScheduleObject, event: FireSchedule) -> CreatePromise:
    return CreatePromise(
        event.promise_id,
        timeout_at=min(event.at + schedule.promise_timeout, INSTANT_MAX),
        param=schedule.promise_param,
        tags={**schedule.promise_tags, **_root_tags(schedule.id, event.promise_id)},
    )


def _root_tags(schedule_id: str, promise_id: str) -> Mapping[str, str]:
    """An occurrence is the root of its own call tree."""
    return {
        Tag.SCHEDULE: schedule_id,
        Tag.ORIGIN: promise_id,
        Tag.BRANCH: promise_id,
        Tag.PARENT: promise_id,
        Tag.PREFIX: promise_id,
    }
