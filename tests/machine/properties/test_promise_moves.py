"""Each property of promises over one step holds for good steps and is broken by a hand-built one."""

from typing import Any

import pytest
from msgspec.structs import replace

from troth.machine.effects import Sent, answer
from troth.machine.internal import TimeOutPromise
from troth.machine.objects import PromiseObject
from troth.machine.properties import PromiseMove, State, Transition
from troth.machine.properties import promise_moves as properties
from troth.machine.properties.promise_moves import PROMISE_MOVES, PROMISE_STEPS
from troth.protocol.answers import EMPTY
from troth.protocol.messages import Unblock
from troth.protocol.records import PromiseState, TaskState, Value
from troth.testing.samples import CREATED_AT, DEADLINE, NOW, TARGET, promise, resolved, task

VALUE = Value(data="MQ==")


def step(before: State, after: State, sent: Sent | None = None) -> Transition:
    outcome = replace(answer(EMPTY), sent=sent)
    return Transition(before, after, TimeOutPromise("p"), NOW, outcome)


def move(before: PromiseObject, after: PromiseObject, state: TaskState | None = None) -> PromiseMove:
    tasks = () if state is None else (task("p", state),)
    return PromiseMove(before, after, step(State((before,), tasks), State((after,), tasks)))


SETTLED = promise().settled(PromiseState.RESOLVED, VALUE, at=NOW)

GOOD_MOVES = (
    move(promise(), promise()),
    move(promise(), SETTLED),
    move(promise(), SETTLED, TaskState.FULFILLED),
    move(promise(timeout_at=NOW - 5), promise(timeout_at=NOW - 5).timed_out()),
    move(SETTLED, SETTLED),
)


def born_with(**changes: Any) -> PromiseMove:
    return move(promise(), promise(**changes))


MOVES_THAT_VIOLATE = {
    properties.birth_fields_never_change: [
        born_with(id="q"),
        born_with(param=VALUE),
        born_with(tags={"a": "b"}),
        born_with(created_at=CREATED_AT + 1),
        born_with(timeout_at=DEADLINE + 1),
    ],
    properties.a_settled_record_never_changes: [
        move(SETTLED, replace(SETTLED, value=Value(data="Mg=="))),
        move(SETTLED, replace(SETTLED, settled_at=NOW - 1)),
        move(SETTLED, replace(SETTLED, state=PromiseState.REJECTED)),
    ],
    properties.a_promise_settles_once: [
        move(SETTLED, promise()),
        move(SETTLED, replace(SETTLED, state=PromiseState.TIMED_OUT)),
    ],
    properties.the_value_comes_with_the_settlement: [
        move(promise(), promise(value=VALUE)),
        move(SETTLED, replace(SETTLED, value=Value())),
    ],
    properties.settlement_is_stamped: [
        move(promise(), replace(SETTLED, settled_at=NOW - 1)),
        move(promise(), replace(SETTLED, settled_at=None)),
        move(promise(), promise(settled_at=NOW)),
    ],
    properties.settlement_fulfills_the_task: [
        move(promise(), SETTLED, state) for state in TaskState if state is not TaskState.FULFILLED
    ],
}


def sent(record: PromiseObject, address: str = TARGET) -> Sent:
    return Sent(address, Unblock(record.record()))


WAITED_FOR = State((promise("p"),), callbacks=(("p", "w"),), listeners=(("p", TARGET), ("p", "http://x")))
OVER = State((resolved("p"),), callbacks=(("p", "w"),), listeners=(("p", TARGET), ("p", "http://x")))
TOLD = State((resolved("p"),), callbacks=(("p", "w"),), listeners=(("p", "http://x"),))
OVERDUE = State((promise("p", timeout_at=NOW),))
BORN_SETTLED = promise("m", created_at=NOW - 3, timeout_at=NOW - 3).timed_out()

GOOD_STEPS = (
    step(State(), State()),
    step(State(), State((promise("n"), BORN_SETTLED))),
    step(State((promise("p"),)), WAITED_FOR),
    step(WAITED_FOR, OVER),
    step(OVER, TOLD, sent(resolved("p"))),
    step(OVER, State((resolved("p"),), listeners=OVER.listeners)),
    step(State((promise("p"),), calls=(("p", "q"),)), State((promise("p"),), calls=(("p", "q"), ("q", "p")))),
)

STEPS_THAT_VIOLATE = {
    properties.promises_never_disappear: [step(OVER, State())],
    properties.ids_never_double: [step(State((promise(),)), State((promise(), promise())))],
    properties.a_promise_is_born_clean: [
        step(State(), State((promise("n", value=VALUE),))),
        step(State(), State((replace(SETTLED, value=Value()),))),
        step(State(), State((replace(BORN_SETTLED, value=VALUE),))),
        step(State(), WAITED_FOR),
        step(State(), State((promise("p"),), listeners=(("p", TARGET),))),
    ],
    properties.calls_never_disappear: [step(State(calls=(("a", "b"),)), State())],
    properties.callbacks_grow_only_while_pending: [
        step(State((resolved("p"),)), State((resolved("p"),), callbacks=(("p", "w"),))),
        step(OVERDUE, replace(OVERDUE, callbacks=(("p", "w"),))),
    ],
    properties.callbacks_shrink_only_once_settled: [step(WAITED_FOR, replace(WAITED_FOR, callbacks=()))],
    properties.listeners_grow_only_while_pending: [
        step(State((resolved("p"),)), State((resolved("p"),), listeners=(("p", TARGET),))),
        step(OVERDUE, replace(OVERDUE, listeners=(("p", TARGET),))),
    ],
    properties.listeners_shrink_only_once_settled: [step(WAITED_FOR, replace(WAITED_FOR, listeners=()))],
    properties.a_consumed_listener_leaves_a_message: [
        step(OVER, TOLD),
        step(OVER, TOLD, sent(resolved("p"), "http://x")),
        step(OVER, TOLD, sent(resolved("q"))),
        step(OVER, replace(OVER, listeners=()), sent(resolved("p"))),
    ],
    properties.an_unblock_carries_the_record: [
        step(OVER, TOLD, sent(replace(resolved("p"), value=Value(data="other")))),
        step(OVER, OVER, sent(resolved("p"))),
        step(OVER, replace(OVER, listeners=()), sent(resolved("p"))),
        step(OVER, TOLD, sent(resolved("unknown"))),
        step(State((promise("p"),)), State((promise("p"),)), sent(promise("p"))),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(MOVES_THAT_VIOLATE) == set(PROMISE_MOVES)
    assert set(STEPS_THAT_VIOLATE) == set(PROMISE_STEPS)


@pytest.mark.parametrize("holds", PROMISE_MOVES)
def test_a_property_of_a_move_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_MOVES)
    assert not any(holds(violator) for violator in MOVES_THAT_VIOLATE[holds])


@pytest.mark.parametrize("holds", PROMISE_STEPS)
def test_a_property_of_a_step_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_STEPS)
    assert not any(holds(violator) for violator in STEPS_THAT_VIOLATE[holds])
