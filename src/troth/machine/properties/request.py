"""What holds over one step that a request caused: who may write, and what is answered."""

from typing import Final

from troth.machine.tasks import project
from troth.protocol.answers import FenceAnswer, GrantAnswer, PromiseAnswer, ScheduleAnswer, TaskAnswer
from troth.protocol.records import Promise, Task, TaskState
from troth.protocol.requests import (
    AcquireTask,
    FenceTask,
    FulfillTask,
    HeartbeatTasks,
    ReleaseTask,
    SuspendTask,
)

from .state import State, TaskMove, Transition


def _claims(state: State, id: str, version: int, holds: TaskState, now: int) -> bool:
    task, promise = state.task.get(id), state.promise.get(id)
    if task is None or promise is None:
        return False
    return task.state is holds and task.version == version and promise.project(now).pending


def only_a_live_claim_writes(step: Transition) -> bool:
    """+ What a holder asks for is carried out only while its version is held and its promise is pending."""
    cause = step.cause
    if not isinstance(cause, FenceTask | SuspendTask | FulfillTask | ReleaseTask):
        return True
    held = _claims(step.before, cause.id, cause.version, TaskState.ACQUIRED, step.now)
    return held or not step.outcome.response.ok


def only_the_offered_version_is_granted(step: Transition) -> bool:
    """+ Of two who were offered a version, one gets it."""
    cause = step.cause
    if not isinstance(cause, AcquireTask):
        return True
    offered = _claims(step.before, cause.id, cause.version, TaskState.PENDING, step.now)
    return offered or not step.outcome.response.ok


def a_heartbeat_renews_only_its_own(move: TaskMove) -> bool:
    """+ Tasks that it names, at their version, held by its process, with a pending promise."""
    cause, before = move.step.cause, move.before
    if not isinstance(cause, HeartbeatTasks) or before == move.after:
        return True
    named = any(ref.id == before.id and ref.version == before.version for ref in cause.tasks)
    live = _claims(move.step.before, before.id, before.version, TaskState.ACQUIRED, move.step.now)
    return named and live and before.pid == cause.pid


def an_answer_shows_what_is_stored(step: Transition) -> bool:
    """+ The records in an answer are those of the state the step leaves, as projected."""
    match step.outcome.response.data:
        case PromiseAnswer(promise) | FenceAnswer(result=PromiseAnswer(promise)):
            return _shows_promise(step, promise)
        case TaskAnswer(task):
            return _shows_task(step, task)
        case GrantAnswer(task, promise):
            return _shows_task(step, task) and _shows_promise(step, promise)
        case ScheduleAnswer(schedule):
            stored = step.after.schedule.get(schedule.id)
            return stored is not None and stored.record() == schedule
        case _:
            return True


def _shows_promise(step: Transition, record: Promise) -> bool:
    stored = step.after.promise.get(record.id)
    return stored is not None and stored.project(step.now).record() == record


def _shows_task(step: Transition, record: Task) -> bool:
    task, promise = step.after.task.get(record.id), step.after.promise.get(record.id)
    if task is None or promise is None:
        return False
    return project(task, promise, step.now).record() == record


REQUEST_TASK_MOVES: Final = (a_heartbeat_renews_only_its_own,)

REQUEST_STEPS: Final = (
    only_a_live_claim_writes,
    only_the_offered_version_is_granted,
    an_answer_shows_what_is_stored,
)
