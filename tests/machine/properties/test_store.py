"""Each property across the store holds for a good state and is broken by a hand-built one."""

import pytest

from troth.machine.properties import State
from troth.machine.properties import store as properties
from troth.machine.properties.store import STORE, STORE_IN_TIME
from troth.protocol.records import Tag, TaskState
from troth.testing.samples import NOW, TARGET, acquired, promise, resolved, schedule, suspended, targeted, task

FULFILLED = TaskState.FULFILLED

GOOD = State(
    promises=(promise("a"), resolved("b"), targeted("t"), targeted("w")),
    tasks=(task("t"), suspended("w")),
    callbacks=(("a", "w"), ("b", "t")),
    listeners=(("a", TARGET), ("b", TARGET), ("a", "poll://any@other")),
    calls=(("w", "a"), ("w", "b"), ("a", "w")),
    schedules=(schedule("a"), schedule("s")),
)

LOST = "mailto:nobody"

VIOLATORS = {
    properties.promise_ids_are_unique: [State((promise("a"), resolved("a")))],
    properties.task_ids_are_unique: [State(tasks=(task("a"), acquired("a")))],
    properties.schedule_ids_are_unique: [State(schedules=(schedule(), schedule(cron="@daily")))],
    properties.callbacks_are_unique: [State(callbacks=(("a", "w"), ("a", "w")))],
    properties.listeners_are_unique: [State(listeners=(("a", TARGET), ("a", TARGET)))],
    properties.nobody_awaits_itself: [State(callbacks=(("a", "a"),))],
    properties.a_task_exactly_for_each_target: [
        State((targeted("a"),)),
        State((promise("a"),), (task("a"),)),
        State((), (task("a"),)),
    ],
    properties.a_settled_promise_has_a_fulfilled_task: [State((resolved("a"),), (acquired("a"),))],
    properties.a_fulfilled_task_has_a_settled_promise: [
        State((targeted("a"),), (task("a", FULFILLED),)),
        State((), (task("a", FULFILLED),)),
    ],
    properties.a_callback_joins_a_promise_and_a_task: [
        State((targeted("w"),), callbacks=(("a", "w"),)),
        State((promise("a"),), callbacks=(("a", "w"),)),
        State((promise("a"), promise("w")), callbacks=(("a", "w"),)),
    ],
    properties.a_listener_joins_a_promise_and_an_address: [
        State(listeners=(("a", TARGET),)),
        State((promise("a"),), listeners=(("a", LOST),)),
    ],
    properties.a_call_joins_two_promises: [
        State((promise("a"),), calls=(("a", "b"),)),
        State((promise("a"),), calls=(("b", "a"),)),
    ],
    properties.calls_are_unique: [State(calls=(("a", "b"), ("a", "b")))],
    properties.an_execute_message_has_an_address: [
        State((), (task("a"),)),
        State((promise("a"),), (task("a"),)),
        State((promise("a", tags={Tag.TARGET: LOST}),), (task("a"),)),
    ],
    properties.an_unblock_message_has_an_address: [State((resolved("a"),), listeners=(("a", LOST),))],
}

VIOLATORS_IN_TIME = {
    properties.a_suspended_task_awaits_something: [
        State((targeted("w"),), (suspended("w"),)),
        State((targeted("w"), targeted("v")), (suspended("w"),), callbacks=(("w", "v"),)),
        State((), (suspended("w"),)),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(VIOLATORS) == set(STORE)
    assert set(VIOLATORS_IN_TIME) == set(STORE_IN_TIME)


@pytest.mark.parametrize("holds", STORE)
def test_a_property_can_fail(holds) -> None:
    assert holds(State())
    assert holds(GOOD)
    assert not any(holds(violator) for violator in VIOLATORS[holds])


@pytest.mark.parametrize("holds", STORE_IN_TIME)
def test_a_property_in_time_can_fail(holds) -> None:
    assert holds(GOOD, NOW)
    assert not any(holds(violator, NOW) for violator in VIOLATORS_IN_TIME[holds])


def test_who_is_past_its_deadline_need_not_await_anything() -> None:
    ending = State((targeted("w", timeout_at=NOW),), (suspended("w"),))
    assert properties.a_suspended_task_awaits_something(ending, NOW)
    assert not properties.a_suspended_task_awaits_something(ending, NOW - 1)
