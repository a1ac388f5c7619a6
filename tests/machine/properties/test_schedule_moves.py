"""Each property of schedules over one step holds for good steps and is broken by a hand-built one."""

import pytest

from troth.machine.effects import answer
from troth.machine.internal import FireSchedule
from troth.machine.objects import ScheduleObject
from troth.machine.properties import ScheduleMove, State, Transition
from troth.machine.properties import schedule_moves as properties
from troth.machine.properties.schedule_moves import SCHEDULE_MOVES, SCHEDULE_STEPS
from troth.machine.step import Event
from troth.protocol.answers import EMPTY
from troth.protocol.records import Value
from troth.protocol.requests import DeleteSchedule
from troth.testing.samples import NOW, promise, schedule

FIRE: Event = FireSchedule("s", NOW, "s.1")
DELETE: Event = DeleteSchedule("s")
RAN = schedule(last_run_at=NOW, next_run_at=NOW + 1000)


def step(before: State, after: State, cause: Event) -> Transition:
    return Transition(before, after, cause, NOW, answer(EMPTY))


def move(before: ScheduleObject, after: ScheduleObject, cause: Event = FIRE, created: str = "s.1") -> ScheduleMove:
    states = State(schedules=(before,)), State((promise(created),), schedules=(after,))
    return ScheduleMove(before, after, step(*states, cause))


GOOD_MOVES = (move(schedule(), schedule(), DELETE), move(schedule(), RAN))

MOVES_THAT_VIOLATE = {
    properties.a_schedules_birth_fields_never_change: [
        move(schedule(), schedule(id="x")),
        move(schedule(), schedule(cron="@daily")),
        move(schedule(), schedule(promise_id="x")),
        move(schedule(), schedule(promise_timeout=1)),
        move(schedule(), schedule(promise_param=Value(data="MQ=="))),
        move(schedule(), schedule(promise_tags={"a": "b"})),
        move(schedule(), schedule(created_at=NOW)),
    ],
    properties.a_run_moves_a_schedule_on: [
        move(schedule(), RAN, DELETE),
        move(schedule(), schedule(next_run_at=NOW + 1000)),
        move(schedule(), schedule(last_run_at=NOW)),
        move(schedule(), schedule(last_run_at=NOW - 1, next_run_at=NOW + 1000)),
        move(schedule(next_run_at=NOW + 1), schedule(last_run_at=NOW + 1, next_run_at=NOW + 1000)),
    ],
    properties.a_run_leaves_a_promise: [move(schedule(), RAN, DELETE), move(schedule(), RAN, created="other")],
}

TWO = State(schedules=(schedule("s"), schedule("t")))

GOOD_STEPS = (
    step(TWO, State(schedules=(schedule("t"),)), DELETE),
    step(TWO, TWO, FIRE),
    step(State(), TWO, FIRE),
)

STEPS_THAT_VIOLATE = {
    properties.a_schedule_disappears_only_when_deleted: [
        step(TWO, State(schedules=(schedule("t"),)), FIRE),
        step(TWO, State(schedules=(schedule("s"),)), DELETE),
        step(TWO, State(), DELETE),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(MOVES_THAT_VIOLATE) == set(SCHEDULE_MOVES)
    assert set(STEPS_THAT_VIOLATE) == set(SCHEDULE_STEPS)


@pytest.mark.parametrize("holds", SCHEDULE_MOVES)
def test_a_property_of_a_move_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_MOVES)
    assert [violator for violator in MOVES_THAT_VIOLATE[holds] if holds(violator)] == []


@pytest.mark.parametrize("holds", SCHEDULE_STEPS)
def test_a_property_of_a_step_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD_STEPS)
    assert [violator for violator in STEPS_THAT_VIOLATE[holds] if holds(violator)] == []
