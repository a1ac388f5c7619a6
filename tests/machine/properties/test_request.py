"""Each property of a request's step holds for good steps and is broken by a hand-built one."""

import pytest

from troth.machine.effects import answer, refuse
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.properties import State, TaskMove, Transition
from troth.machine.properties import request as properties
from troth.machine.properties.request import REQUEST_STEPS, REQUEST_TASK_MOVES
from troth.machine.step import Event
from troth.protocol.answers import (
    EMPTY,
    Answer,
    FenceAnswer,
    GrantAnswer,
    PromiseAnswer,
    Refusal,
    ScheduleAnswer,
    TaskAnswer,
)
from troth.protocol.records import PromiseState
from troth.protocol.requests import (
    AcquireTask,
    CreatePromise,
    FenceTask,
    FulfillTask,
    GetPromise,
    HeartbeatTasks,
    RegisterCallback,
    ReleaseTask,
    SettlePromise,
    SuspendTask,
    TaskRef,
)
from troth.testing.samples import (
    DEADLINE,
    NOW,
    PID,
    TTL_MS,
    acquired,
    promise,
    resolved,
    schedule,
    suspended,
    targeted,
    task,
)

OVERDUE = targeted(timeout_at=NOW)
HOLDERS: tuple[Event, ...] = (
    FenceTask("p", 1, CreatePromise("q", DEADLINE)),
    SuspendTask("p", 1, (RegisterCallback("q", "p"),)),
    FulfillTask("p", 1, SettlePromise("p", PromiseState.RESOLVED)),
    ReleaseTask("p", 1),
)
ACQUIRE: Event = AcquireTask("p", 0, PID, TTL_MS)
ANY: Event = GetPromise("p")


def step(state: State, cause: Event = ANY, data: Answer = EMPTY) -> Transition:
    return Transition(state, state, cause, NOW, answer(data))


def refused(state: State, cause: Event) -> Transition:
    return Transition(state, state, cause, NOW, refuse(409, "why"))


def stored(work: TaskObject, of: PromiseObject | None = None) -> State:
    return State((of or targeted(),), (work,), schedules=(schedule(),))


HELD = stored(acquired())

GOOD_STEPS = (
    *(step(HELD, cause) for cause in HOLDERS),
    *(refused(stored(suspended()), cause) for cause in HOLDERS),
    step(stored(task()), ACQUIRE),
    refused(stored(acquired()), ACQUIRE),
    refused(State(), ACQUIRE),
    step(HELD, data=PromiseAnswer(targeted().record())),
    step(stored(acquired(), OVERDUE), data=PromiseAnswer(OVERDUE.timed_out().record())),
    step(stored(acquired(), OVERDUE), data=TaskAnswer(acquired().fulfilled().record())),
    step(HELD, data=GrantAnswer(acquired().record(), targeted().record())),
    step(HELD, HOLDERS[0], FenceAnswer("promise.create", 200, PromiseAnswer(targeted().record()))),
    step(HELD, HOLDERS[0], FenceAnswer("promise.settle", 404, Refusal("why"))),
    step(HELD, data=ScheduleAnswer(schedule().record())),
)

NOT_HELD = (
    State(),
    stored(task(version=1)),
    stored(suspended()),
    stored(acquired(version=2)),
    stored(acquired(), OVERDUE),
)
NOT_OFFERED = (State(), stored(acquired(version=0)), stored(task(version=1)), stored(task(), OVERDUE))

STEPS_THAT_VIOLATE = {
    properties.only_a_live_claim_writes: [step(state, cause) for state in NOT_HELD for cause in HOLDERS],
    properties.only_the_offered_version_is_granted: [step(state, ACQUIRE) for state in NOT_OFFERED],
    properties.an_answer_shows_what_is_stored: [
        step(HELD, data=PromiseAnswer(resolved().record())),
        step(HELD, data=PromiseAnswer(promise("unknown").record())),
        step(stored(acquired(), OVERDUE), data=PromiseAnswer(OVERDUE.record())),
        step(HELD, data=TaskAnswer(task().record())),
        step(State(), data=TaskAnswer(task().record())),
        step(stored(acquired(), OVERDUE), data=TaskAnswer(acquired().record())),
        step(HELD, data=GrantAnswer(acquired(version=2).record(), targeted().record())),
        step(HELD, data=GrantAnswer(acquired().record(), promise().record())),
        step(HELD, HOLDERS[0], FenceAnswer("promise.create", 200, PromiseAnswer(resolved().record()))),
        step(HELD, data=ScheduleAnswer(schedule(cron="@daily").record())),
        step(State(), data=ScheduleAnswer(schedule().record())),
    ],
}

RENEWED = acquired(expires_at=NOW + 2 * TTL_MS)


def beat(before: TaskObject, after: TaskObject, cause: Event, of: PromiseObject | None = None) -> TaskMove:
    states = stored(before, of), stored(after, of)
    return TaskMove(before, after, Transition(*states, cause, NOW, answer(EMPTY)))


OWN: Event = HeartbeatTasks(PID, (TaskRef("x", 9), TaskRef("p", 1)))

GOOD_MOVES = (
    beat(acquired(), RENEWED, OWN),
    beat(acquired(), acquired(), HeartbeatTasks("other", ())),
    beat(acquired(), RENEWED, ANY),
)

MOVES_THAT_VIOLATE = {
    properties.a_heartbeat_renews_only_its_own: [
        beat(acquired(), RENEWED, HeartbeatTasks("other", (TaskRef("p", 1),))),
        beat(acquired(), RENEWED, HeartbeatTasks(PID, (TaskRef("p", 2),))),
        beat(acquired(), RENEWED, HeartbeatTasks(PID, (TaskRef("x", 1),))),
        beat(acquired(), RENEWED, OWN, OVERDUE),
        beat(task(version=1), RENEWED, OWN),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(STEPS_THAT_VIOLATE) == set(REQUEST_STEPS)
    assert set(MOVES_THAT_VIOLATE) == set(REQUEST_TASK_MOVES)


@pytest.mark.parametrize("holds", REQUEST_STEPS)
def test_a_property_of_a_step_can_fail(holds) -> None:
    assert [good for good in GOOD_STEPS if not holds(good)] == []
    assert [violator for violator in STEPS_THAT_VIOLATE[holds] if holds(violator)] == []


@pytest.mark.parametrize("holds", REQUEST_TASK_MOVES)
def test_a_property_of_a_move_can_fail(holds) -> None:
    assert [good for good in GOOD_MOVES if not holds(good)] == []
    assert [violator for violator in MOVES_THAT_VIOLATE[holds] if holds(violator)] == []
