"""Each property of the server's own steps and of refusals holds for good steps and is broken by a hand-built one."""

import pytest
from msgspec.structs import replace

from troth.machine.effects import AddCall, answer, refuse
from troth.machine.internal import ExpireLease
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.properties import PromiseMove, State, TaskMove, Transition
from troth.machine.properties import server as properties
from troth.machine.properties.server import SERVER_PROMISE_MOVES, SERVER_STEPS, SERVER_TASK_MOVES
from troth.machine.step import Event
from troth.protocol.answers import EMPTY
from troth.protocol.records import PromiseState, TaskState, Value
from troth.protocol.requests import GetPromise
from troth.testing.samples import NOW, acquired, promise, resolved, suspended, task

ITSELF: Event = ExpireLease("p")
ASKED: Event = GetPromise("p")
HALTED = task(state=TaskState.HALTED)


def move(before: TaskObject, after: TaskObject, cause: Event = ITSELF) -> TaskMove:
    return TaskMove(before, after, Transition(State(), State(), cause, NOW, answer(EMPTY)))


def settles(before: PromiseObject, after: PromiseObject, cause: Event = ITSELF) -> PromiseMove:
    return PromiseMove(before, after, Transition(State(), State(), cause, NOW, answer(EMPTY)))


GOOD_TASK_MOVES = (
    move(acquired(), task(version=1)),
    move(suspended(), task(version=1)),
    move(HALTED, task(state=TaskState.FULFILLED)),
    move(task(), acquired(), ASKED),
    move(acquired(), suspended(), ASKED),
    move(acquired(), HALTED, ASKED),
    move(HALTED, task(version=1), ASKED),
)

TASK_MOVES_THAT_VIOLATE = {
    properties.the_server_never_acquires: [move(task(), acquired())],
    properties.the_server_never_suspends: [move(acquired(), suspended())],
    properties.the_server_never_halts: [move(acquired(), HALTED), move(suspended(), HALTED)],
    properties.the_server_never_continues: [move(HALTED, task(version=1))],
}

DUE = promise(timeout_at=NOW)

GOOD_PROMISE_MOVES = (
    settles(DUE, DUE.timed_out()),
    settles(promise(), promise()),
    settles(resolved(), resolved()),
    settles(promise(), resolved(), ASKED),
)

PROMISE_MOVES_THAT_VIOLATE = {
    properties.the_server_settles_only_by_the_deadline: [
        settles(promise(), resolved()),
        settles(promise(timeout_at=NOW + 1), promise(timeout_at=NOW + 1).timed_out()),
        settles(DUE, replace(DUE.timed_out(), state=PromiseState.CANCELED)),
        settles(DUE, replace(DUE.timed_out(), value=Value(data="MQ=="))),
    ],
}

ONE = State((promise(),))
REFUSED = refuse(404, "why")

GOOD_STEPS = (
    Transition(ONE, ONE, ASKED, NOW, REFUSED),
    Transition(State(), ONE, ASKED, NOW, answer(EMPTY)),
)

STEPS_THAT_VIOLATE = {
    properties.a_refusal_changes_nothing: [
        Transition(State(), ONE, ASKED, NOW, REFUSED),
        Transition(ONE, ONE, ASKED, NOW, replace(REFUSED, effects=(AddCall("a", "b"),))),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(TASK_MOVES_THAT_VIOLATE) == set(SERVER_TASK_MOVES)
    assert set(PROMISE_MOVES_THAT_VIOLATE) == set(SERVER_PROMISE_MOVES)
    assert set(STEPS_THAT_VIOLATE) == set(SERVER_STEPS)


@pytest.mark.parametrize("holds", SERVER_TASK_MOVES)
def test_a_property_of_a_tasks_move_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_TASK_MOVES)
    assert [violator for violator in TASK_MOVES_THAT_VIOLATE[holds] if holds(violator)] == []


@pytest.mark.parametrize("holds", SERVER_PROMISE_MOVES)
def test_a_property_of_a_promises_move_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_PROMISE_MOVES)
    assert [violator for violator in PROMISE_MOVES_THAT_VIOLATE[holds] if holds(violator)] == []


@pytest.mark.parametrize("holds", SERVER_STEPS)
def test_a_property_of_a_step_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_STEPS)
    assert [violator for violator in STEPS_THAT_VIOLATE[holds] if holds(violator)] == []
