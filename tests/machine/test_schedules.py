"""Schedules, guard by guard (protocol §6)."""

import pytest

from troth.machine.effects import DropSchedule, Effect, Outcome, PutSchedule
from troth.machine.limits import ID_BYTES_MAX, INSTANT_MAX
from troth.machine.schedules import next_run, occurrence_id, render_id
from troth.machine.view import Page
from troth.protocol.answers import EMPTY, Refusal, Response, ScheduleAnswer, SchedulePage
from troth.protocol.records import Tag, Value
from troth.protocol.requests import CreateSchedule, DeleteSchedule, GetSchedule, SearchSchedules
from troth.testing.samples import NOW, TARGET, schedule, take

CREATE = CreateSchedule("s", "* * * * * *", "{{.id}}-{{.timestamp}}", 5_000, Value(data="MQ=="), {"a": "b"})


def refused(outcome: Outcome) -> tuple[int, tuple[Effect, ...]]:
    assert isinstance(outcome.response.data, Refusal), outcome.response
    assert outcome.response.data.reason
    return outcome.response.status, outcome.effects


@pytest.mark.parametrize(
    ("template", "id", "expected"),
    [
        ("{{.id}}", "s", "s"),
        ("{{.id}}.{{.timestamp}}", "s", "s.7"),
        ("x{{.timestamp}}{{.timestamp}}y{{.id}}{{.id}}", "s", "x77yss"),
        ("fixed", "s", "fixed"),
        ("{{.ID}} {{ .id }} {.id}", "s", "{{.ID}} {{ .id }} {.id}"),
        ("{{.id}}", "{{.timestamp}}", "{{.timestamp}}"),
        ("{{.id}}{{.id}}", "{{.id}}", "{{.id}}{{.id}}"),
    ],
)
def test_the_id_of_an_occurrence(template: str, id: str, expected: str) -> None:
    assert render_id(template, id, 7) == expected
    assert occurrence_id(schedule(id, promise_id=template), 7) == expected


def test_the_next_run_is_the_cron_lines() -> None:
    assert next_run("* * * * * *", NOW) == NOW + 1000
    assert next_run("0 0 31 2 *", NOW) is None


def test_create_stores_a_schedule_with_its_first_run() -> None:
    outcome = take(CREATE)
    stored = schedule(created_at=NOW, next_run_at=NOW + 1000, promise_param=Value(data="MQ=="), promise_tags={"a": "b"})
    assert outcome == Outcome(Response(200, ScheduleAnswer(stored.record())), (PutSchedule(stored),))


def test_create_answers_what_exists() -> None:
    stored = schedule(cron="@daily")
    assert take(CREATE, stored) == Outcome(Response(200, ScheduleAnswer(stored.record())))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "\0"},
        {"cron": "* * * *"},
        {"cron": "@every 1ns"},
        {"cron": "0 0 31 2 *"},
        {"cron": "0 0 0 1 1 * 1970"},
        {"promise_id": ""},
        {"promise_id": "{{.id}}", "id": "\ud800"},
        {"promise_id": "a" * (ID_BYTES_MAX + 1)},
        {"promise_id": "{{.id}}" * 20, "id": "a" * 60},
        {"promise_id": "a" * (ID_BYTES_MAX - 15) + "{{.timestamp}}"},
        {"promise_timeout": -1},
        {"promise_timeout": INSTANT_MAX + 1},
        {"promise_param": Value(data="\0")},
        {"promise_tags": {"a": "\0"}},
        {"promise_tags": {Tag.TARGET: "bash://x"}},
        {"promise_tags": {Tag.TARGET: TARGET, Tag.TIMER: "true"}},
        {"promise_tags": {Tag.TARGET: TARGET, Tag.DELAY: "5"}},
    ],
)
@pytest.mark.parametrize("stored", [(), (schedule(),)])
def test_create_refuses_bad_input_before_it_looks(changes, stored) -> None:
    fields = {field: getattr(CREATE, field) for field in CREATE.__struct_fields__}
    assert refused(take(CreateSchedule(**fields | changes), *stored)) == (400, ())


@pytest.mark.parametrize("fits", [{"promise_timeout": 0}, {"promise_timeout": INSTANT_MAX}, {"promise_id": "x"}])
def test_create_takes_what_is_extreme_and_possible(fits) -> None:
    fields = {field: getattr(CREATE, field) for field in CREATE.__struct_fields__}
    assert take(CreateSchedule(**fields | fits)).response.status == 200


def test_get_answers_the_record() -> None:
    stored = schedule()
    assert take(GetSchedule("s"), stored) == Outcome(Response(200, ScheduleAnswer(stored.record())))
    assert refused(take(GetSchedule("s"))) == (404, ())
    assert refused(take(GetSchedule(""))) == (400, ())


def test_delete_ends_a_schedule() -> None:
    assert take(DeleteSchedule("s"), schedule()) == Outcome(Response(200, EMPTY), (DropSchedule("s"),))
    assert refused(take(DeleteSchedule("s"))) == (404, ())
    assert refused(take(DeleteSchedule("\0"))) == (400, ())


def test_search_answers_a_page() -> None:
    found = schedule("a"), schedule("b")
    outcome = take(SearchSchedules(), page=Page(schedules=found, cursor="b"))
    assert outcome == Outcome(Response(200, SchedulePage(tuple(s.record() for s in found), "b")))
    assert refused(take(SearchSchedules(limit=0))) == (400, ())
