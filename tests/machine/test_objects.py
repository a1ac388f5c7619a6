"""Stored objects: what time makes of them, and the moves of a task."""

import pytest

from troth.protocol.records import NO_VALUE, Promise, PromiseState, Schedule, Tag, Task, TaskState, Value
from troth.testing.samples import (
    CREATED_AT,
    DEADLINE,
    NOW,
    PID,
    TARGET,
    TTL_MS,
    acquired,
    promise,
    resolved,
    schedule,
    suspended,
    targeted,
    task,
)


@pytest.mark.parametrize(("timeout_at", "overdue"), [(NOW - 1, True), (NOW, True), (NOW + 1, False)])
def test_the_deadline_wins_the_tie(timeout_at: int, overdue: bool) -> None:
    stored = promise(timeout_at=timeout_at)
    assert stored.overdue(NOW) == overdue
    assert stored.project(NOW) == (stored.timed_out() if overdue else stored)


def test_what_is_settled_is_never_overdue() -> None:
    stored = resolved(timeout_at=NOW - 1)
    assert not stored.overdue(NOW)
    assert stored.project(NOW) is stored


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        ({}, PromiseState.TIMED_OUT),
        ({Tag.TIMER: "false"}, PromiseState.TIMED_OUT),
        ({Tag.TIMER: "true"}, PromiseState.RESOLVED),
    ],
)
def test_the_deadlines_verdict(tags: dict[str, str], verdict: PromiseState) -> None:
    settled = promise(tags=tags).timed_out()
    assert (settled.state, settled.value, settled.settled_at) == (verdict, NO_VALUE, DEADLINE)


def test_a_promise_knows_its_target() -> None:
    assert promise().target is None
    assert targeted().target == TARGET


def test_records_show_what_is_stored() -> None:
    value = Value(data="MQ==")
    stored = promise("p", param=value, tags={"a": "b"}).settled(PromiseState.REJECTED, value, at=NOW)
    assert stored.record() == Promise("p", PromiseState.REJECTED, value, value, {"a": "b"}, DEADLINE, CREATED_AT, NOW)
    assert acquired("t", resumes=("a", "b")).record() == Task("t", TaskState.ACQUIRED, 1, 2, TTL_MS, PID)
    assert schedule(last_run_at=NOW - 1).record() == Schedule(
        *("s", "* * * * * *", "{{.id}}-{{.timestamp}}", 5_000, NO_VALUE, {}, CREATED_AT, NOW, NOW - 1),
    )


def test_a_grant_is_the_only_thing_that_moves_the_version() -> None:
    held = task(version=3, resumes=("a",)).acquired("w", 50, NOW)
    assert held == acquired(version=4, pid="w", ttl=50, expires_at=NOW + 50)
    moves = (
        held.renewed(NOW + 5),
        held.forgot_resumes(),
        held.runnable(NOW),
        held.suspended(),
        held.halted(),
        held.fulfilled(),
        held.resumed("a", NOW),
    )
    assert {moved.version for moved in moves} == {4}


def test_a_lease_is_renewed_for_its_whole_span() -> None:
    assert acquired(expires_at=NOW + 1).renewed(NOW) == acquired(expires_at=NOW + TTL_MS)


def test_a_lease_that_is_not_held_is_not_renewed() -> None:
    with pytest.raises(AssertionError):
        task().renewed(NOW)


def test_an_idle_task_holds_nothing() -> None:
    held = acquired(resumes=("a",))
    assert held.suspended() == suspended()
    assert held.halted() == task(state=TaskState.HALTED, resumes=("a",))
    assert held.fulfilled() == task(state=TaskState.FULFILLED)
    assert held.runnable(NOW) == task(version=1, resumes=("a",))


def test_an_offer_moves_only_the_next_one() -> None:
    assert task(version=2).offered(NOW + 9) == task(version=2, retry_at=NOW + 9)


def test_a_resume_is_counted_once() -> None:
    awake = suspended().resumed("a", NOW)
    assert awake == task(version=1, resumes=("a",), retry_at=NOW)
    assert awake.resumed("a", NOW + 1) == awake
    assert awake.resumed("b", NOW + 1).resumes == ("a", "b")
