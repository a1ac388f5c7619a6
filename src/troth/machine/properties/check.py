"""Every property at once. What is returned names what is broken; an empty list is a clean bill."""

from collections.abc import Callable, Iterator
from typing import Final

from troth.machine.effects import Outcome
from troth.machine.step import Event

from .promise import PROMISE, PROMISE_IN_TIME
from .promise_moves import PROMISE_MOVES, PROMISE_STEPS
from .request import REQUEST_STEPS, REQUEST_TASK_MOVES
from .rest import REST
from .schedule import SCHEDULE
from .schedule_moves import SCHEDULE_MOVES, SCHEDULE_STEPS
from .server import SERVER_PROMISE_MOVES, SERVER_STEPS, SERVER_TASK_MOVES
from .state import PromiseMove, ScheduleMove, State, TaskMove, Transition, Violation
from .store import STORE, STORE_IN_TIME
from .task import TASK
from .task_moves import TASK_MOVES, TASK_STEPS

PROPERTIES: Final[tuple[Callable[..., bool], ...]] = (
    *PROMISE,
    *PROMISE_IN_TIME,
    *TASK,
    *SCHEDULE,
    *STORE,
    *STORE_IN_TIME,
    *PROMISE_MOVES,
    *PROMISE_STEPS,
    *TASK_MOVES,
    *TASK_STEPS,
    *SCHEDULE_MOVES,
    *SCHEDULE_STEPS,
    *SERVER_PROMISE_MOVES,
    *SERVER_TASK_MOVES,
    *SERVER_STEPS,
    *REQUEST_TASK_MOVES,
    *REQUEST_STEPS,
    *REST,
)
"""All of them; each has a name of its own."""


def check_state(state: State, now: int) -> list[Violation]:
    """What a stored state breaks, ``now`` being the clock of the step that left it."""
    return [
        *(_broken(holds, p.id) for p in state.promises for holds in PROMISE if not holds(p)),
        *(_broken(holds, p.id) for p in state.promises for holds in PROMISE_IN_TIME if not holds(p, now)),
        *(_broken(holds, task.id) for task in state.tasks for holds in TASK if not holds(task)),
        *(_broken(holds, s.id) for s in state.schedules for holds in SCHEDULE if not holds(s)),
        *(_broken(holds) for holds in STORE if not holds(state)),
        *(_broken(holds) for holds in STORE_IN_TIME if not holds(state, now)),
    ]


def check_rest(state: State, now: int) -> list[Violation]:
    """What is still owed in a state that should owe nothing."""
    return [_broken(holds) for holds in REST if not holds(state, now)]


def check_step(before: State, after: State, cause: Event, now: int, outcome: Outcome) -> list[Violation]:
    """What a single step breaks. The states themselves are `check_state`'s."""
    return list(_check_transition(Transition(before, after, cause, now, outcome)))


def _check_transition(step: Transition) -> Iterator[Violation]:
    before, after = step.before, step.after
    for promise in before.promises:
        if (moved := after.promise.get(promise.id)) is not None and moved is not promise:
            move = PromiseMove(promise, moved, step)
            broken = (holds for holds in (*PROMISE_MOVES, *SERVER_PROMISE_MOVES) if not holds(move))
            yield from (_broken(holds, promise.id) for holds in broken)
    for task in before.tasks:
        if (moved := after.task.get(task.id)) is not None and moved is not task:
            move = TaskMove(task, moved, step)
            broken = (holds for holds in (*TASK_MOVES, *SERVER_TASK_MOVES, *REQUEST_TASK_MOVES) if not holds(move))
            yield from (_broken(holds, task.id) for holds in broken)
    for schedule in before.schedules:
        if (moved := after.schedule.get(schedule.id)) is not None and moved is not schedule:
            move = ScheduleMove(schedule, moved, step)
            yield from (_broken(holds, schedule.id) for holds in SCHEDULE_MOVES if not holds(move))
    whole = (*PROMISE_STEPS, *TASK_STEPS, *SCHEDULE_STEPS, *SERVER_STEPS, *REQUEST_STEPS)
    yield from (_broken(holds) for holds in whole if not holds(step))


def _broken(holds: Callable[..., bool], id: str | None = None) -> Violation:
    return Violation(holds.__name__, id)
