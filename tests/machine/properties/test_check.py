"""Checking everything names what is broken, and where."""

import sys
from inspect import getmembers, isfunction

import pytest

from troth.machine.effects import answer, refuse
from troth.machine.internal import FireSchedule, TimeOutPromise
from troth.machine.properties import PROPERTIES, State, Violation, check_rest, check_state, check_step
from troth.machine.properties import check as module
from troth.protocol.answers import EMPTY
from troth.protocol.records import PromiseState, TaskState
from troth.protocol.requests import GetPromise
from troth.testing.samples import CREATED_AT, NOW, acquired, promise, resolved, schedule, suspended, targeted, task

GOOD = State((promise("a"), targeted("t")), (task("t"),), schedules=(schedule(),))


def test_every_property_is_checked_under_a_name_of_its_own() -> None:
    names = [holds.__name__ for holds in PROPERTIES]
    assert len(set(names)) == len(names)
    written = {
        name
        for found in {holds.__module__ for holds in PROPERTIES}
        for name, function in getmembers(sys.modules[found], isfunction)
        if function.__module__ == found and not name.startswith("_")
    }
    assert written == set(names)
    assert all(holds.__doc__ for holds in PROPERTIES)


def test_a_good_state_breaks_nothing() -> None:
    assert check_state(State(), NOW) == []
    assert check_state(GOOD, NOW) == []


@pytest.mark.parametrize(
    ("state", "violation"),
    [
        (State((promise("a", created_at=NOW + 1),)), Violation("created_in_the_past", "a")),
        (State((promise("a", settled_at=NOW),)), Violation("settled_at_exactly_when_settled", "a")),
        (
            State((targeted("a"),), (task("a", retry_at=None),)),
            Violation("retry_at_exactly_when_pending", "a"),
        ),
        (
            State(schedules=(schedule(next_run_at=CREATED_AT - 1),)),
            Violation("next_run_after_creation", "s"),
        ),
        (State((targeted("a"),)), Violation("a_task_exactly_for_each_target")),
        (State((targeted("a"),), (suspended("a"),)), Violation("a_suspended_task_awaits_something")),
    ],
)
def test_a_bad_state_is_named(state: State, violation: Violation) -> None:
    assert check_state(state, NOW) == [violation]


def test_a_step_that_changes_nothing_breaks_nothing() -> None:
    assert check_step(GOOD, GOOD, GetPromise("a"), NOW, answer(EMPTY)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            State((resolved("a"),)),
            State((resolved("a", state=PromiseState.CANCELED),)),
            {
                Violation("a_settled_record_never_changes", "a"),
                Violation("a_promise_settles_once", "a"),
                Violation("settlement_is_stamped", "a"),
            },
        ),
        (
            State((promise("a"),)),
            State((promise("a").settled(PromiseState.RESOLVED, promise().value, NOW),)),
            {Violation("the_server_settles_only_by_the_deadline", "a")},
        ),
        (
            State((targeted("a"),), (acquired("a"),)),
            State((targeted("a"),), (acquired("a", pid="thief"),)),
            {Violation("the_holder_stays_within_a_version", "a")},
        ),
        (
            State((targeted("a"),), (acquired("a"),)),
            State((targeted("a"),), (task("a", TaskState.HALTED),)),
            {Violation("the_server_never_halts", "a")},
        ),
        (
            State(schedules=(schedule(),)),
            State(schedules=(schedule(cron="@daily"),)),
            {Violation("a_schedules_birth_fields_never_change", "s")},
        ),
        (State((promise("a"),)), State(), {Violation("promises_never_disappear")}),
    ],
)
def test_a_bad_step_is_named(before: State, after: State, expected: set[Violation]) -> None:
    assert set(check_step(before, after, TimeOutPromise("a"), NOW, answer(EMPTY))) == expected


def test_a_refusal_that_writes_is_named() -> None:
    broken = check_step(State(), GOOD, FireSchedule("s", 1, "x"), NOW, refuse(409, "why"))
    assert Violation("a_refusal_changes_nothing") in broken


def test_what_is_owed_is_named() -> None:
    assert check_rest(State((promise("a", timeout_at=NOW),)), NOW) == [Violation("every_due_promise_is_settled")]
    assert check_rest(State((promise("a"),)), NOW) == []


def test_check_lists_all_groups() -> None:
    groups = [value for name, value in vars(module).items() if name.isupper() and name != "PROPERTIES"]
    assert sorted(h.__name__ for group in groups for h in group) == sorted(h.__name__ for h in PROPERTIES)
