"""Records as JSON: the field names and omissions of protocol §2."""

import msgspec

from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Schedule, Task, TaskState, Value


def as_json(record: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(record))


def test_a_pending_promise_has_no_settled_at_and_empty_values_are_objects() -> None:
    promise = Promise("p", PromiseState.PENDING, Value(data="MQ=="), NO_VALUE, {"a": "b"}, 9, 1)
    assert as_json(promise) == {
        "id": "p",
        "state": "pending",
        "param": {"data": "MQ=="},
        "value": {},
        "tags": {"a": "b"},
        "timeoutAt": 9,
        "createdAt": 1,
    }


def test_a_settled_promise_has_one() -> None:
    promise = Promise("p", PromiseState.TIMED_OUT, NO_VALUE, Value({"h": "v"}), {}, 9, 1, 9)
    shown = as_json(promise)
    assert isinstance(shown, dict)
    assert (shown["state"], shown["settledAt"], shown["value"]) == ("rejected_timedout", 9, {"headers": {"h": "v"}})


def test_a_task_names_its_holder_only_while_it_is_held() -> None:
    idle = Task("p", TaskState.SUSPENDED, 3, 0)
    assert as_json(idle) == {"id": "p", "state": "suspended", "version": 3, "resumes": 0}
    held = Task("p", TaskState.ACQUIRED, 3, 0, 60_000, "worker-1")
    assert as_json(held) == {
        "id": "p",
        "state": "acquired",
        "version": 3,
        "resumes": 0,
        "ttl": 60_000,
        "pid": "worker-1",
    }


def test_a_schedule_that_never_ran_has_no_last_run() -> None:
    schedule = Schedule("s", "* * * * *", "p-{{.timestamp}}", 5, NO_VALUE, {}, 1, 2)
    assert as_json(schedule) == {
        "id": "s",
        "cron": "* * * * *",
        "promiseId": "p-{{.timestamp}}",
        "promiseTimeout": 5,
        "promiseParam": {},
        "promiseTags": {},
        "createdAt": 1,
        "nextRunAt": 2,
    }


def test_a_record_is_read_back() -> None:
    promise = Promise("p", PromiseState.REJECTED, NO_VALUE, Value(data="eA=="), {}, NEVER, 1, 2)
    assert msgspec.json.decode(msgspec.json.encode(promise), type=Promise) == promise


def test_never_is_the_largest_instant_that_a_double_holds_exactly() -> None:
    assert float(NEVER) == NEVER
    assert float(NEVER + 1) == float(NEVER + 2)
