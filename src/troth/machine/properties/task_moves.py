"""What holds for tasks over one step."""

from typing import Final

from troth.machine.effects import AddCallback
from troth.machine.internal import DrainCallback
from troth.machine.objects import TaskObject
from troth.protocol.messages import Execute
from troth.protocol.records import TaskState
from troth.protocol.requests import CreateTask, RegisterCallback, SuspendTask

from .state import TaskMove, Transition

EDGES: Final = {
    TaskState.PENDING: {TaskState.ACQUIRED, TaskState.HALTED, TaskState.FULFILLED},
    TaskState.ACQUIRED: {TaskState.SUSPENDED, TaskState.PENDING, TaskState.HALTED, TaskState.FULFILLED},
    TaskState.SUSPENDED: {TaskState.PENDING, TaskState.HALTED, TaskState.FULFILLED},
    TaskState.HALTED: {TaskState.PENDING, TaskState.FULFILLED},
    TaskState.FULFILLED: set[TaskState](),
}


def _enters(move: TaskMove, state: TaskState) -> bool:
    return move.before.state is not state and move.after.state is state


def _acquires(move: TaskMove) -> bool:
    return _enters(move, TaskState.ACQUIRED)


def _lease(task: TaskObject) -> tuple[bool, bool, bool]:
    return (task.pid is None, task.ttl is None, task.expires_at is None)


def a_task_moves_along_its_edges(move: TaskMove) -> bool:
    """The state machine of a task."""
    before, after = move.before.state, move.after.state
    return before is after or after in EDGES[before]


def fulfilled_is_for_ever(move: TaskMove) -> bool:
    """In every field."""
    return move.before.state is not TaskState.FULFILLED or move.before == move.after


def at_most_one_valid_claim(move: TaskMove) -> bool:
    """A version grows by one, exactly when the task is granted, so a holder is known by (id, version)."""
    return move.after.version == move.before.version + _acquires(move)


def acquired_only_from_pending(move: TaskMove) -> bool:
    """What somebody holds, or nobody may hold, is not granted."""
    return not _acquires(move) or move.before.state is TaskState.PENDING


def acquisition_sets_the_lease(move: TaskMove) -> bool:
    """Holder, span and end at once."""
    if not _acquires(move):
        return True
    task = move.after
    return task.pid is not None and task.ttl is not None and task.expires_at == move.step.now + task.ttl


def acquisition_clears_retry_and_resumes(move: TaskMove) -> bool:
    """It is not offered any more, and the holder will see for itself what has settled."""
    return not _acquires(move) or (move.after.retry_at is None and not move.after.resumes)


def lease_fields_move_together(move: TaskMove) -> bool:
    """All are set, or all are cleared, or none is touched."""
    changes = {b != a for b, a in zip(_lease(move.before), _lease(move.after), strict=True)}
    return len(changes) == 1


def the_holder_stays_within_a_version(move: TaskMove) -> bool:
    """A renewal moves only the end of the lease, to now + ttl."""
    before, after = move.before, move.after
    if not before.state is after.state is TaskState.ACQUIRED or before.version != after.version:
        return True
    if (before.pid, before.ttl) != (after.pid, after.ttl) or after.ttl is None:
        return False
    return after.expires_at in (before.expires_at, move.step.now + after.ttl)


def leaving_acquired_clears_the_lease(move: TaskMove) -> bool:
    """In the same step."""
    if move.before.state is not TaskState.ACQUIRED or move.after.state is TaskState.ACQUIRED:
        return True
    return all(_lease(move.after))


def entering_pending_arms_the_retry(move: TaskMove) -> bool:
    """It is offered at once."""
    return not _enters(move, TaskState.PENDING) or move.after.retry_at == move.step.now


def the_retry_moves_only_when_due_and_forward(move: TaskMove) -> bool:
    """No offer is forgotten, none is repeated early."""
    before, after = move.before, move.after
    if not before.state is after.state is TaskState.PENDING or before.retry_at == after.retry_at:
        return True
    assert before.retry_at is not None
    return before.retry_at <= move.step.now and after.retry_at is not None and after.retry_at > before.retry_at


def fulfilled_only_by_settlement(move: TaskMove) -> bool:
    """A task ends in the step that settles its promise."""
    if not _enters(move, TaskState.FULFILLED):
        return True
    return move.step.before.promise[move.before.id].pending and not move.step.after.promise[move.before.id].pending


def resumes_grow_or_are_cleared(move: TaskMove) -> bool:
    """They are cleared by a grant, by a suspension (also one that is answered: go on), and by the end."""
    before, after = move.before.resumes, move.after.resumes
    if after[: len(before)] == before:
        return True
    return not after and (
        _acquires(move) or isinstance(move.step.cause, SuspendTask) or move.after.state is TaskState.FULFILLED
    )


def nobody_wakes_uncalled(move: TaskMove) -> bool:
    """A suspension ends for a settled promise: its callback is consumed, or it was asked for just now."""
    if move.before.state is not TaskState.SUSPENDED or move.after.state is not TaskState.PENDING:
        return True
    cause, id = move.step.cause, move.after.id
    if not isinstance(cause, DrainCallback | RegisterCallback) or cause.awaiter_id != id:
        return False
    if isinstance(cause, DrainCallback) and (cause.awaited_id, id) not in move.step.gone_callbacks:
        return False
    awaited = move.step.after.promise[cause.awaited_id].project(move.step.now)
    return not awaited.pending and cause.awaited_id in move.after.resumes


def suspended_only_from_acquired(move: TaskMove) -> bool:
    """Only who holds a task can say what it waits for."""
    return not _enters(move, TaskState.SUSPENDED) or move.before.state is TaskState.ACQUIRED


def suspension_registers_a_callback(move: TaskMove) -> bool:
    """In the same step, or nothing would ever wake it."""
    if not _enters(move, TaskState.SUSPENDED):
        return True
    return any(
        isinstance(effect, AddCallback)
        and effect.awaiter_id == move.after.id
        and (effect.awaited_id, effect.awaiter_id) in move.step.after.callbacks
        for effect in move.step.outcome.effects
    )


def halted_reenters_only_through_pending(move: TaskMove) -> bool:
    """Or it ends, because its promise settles."""
    return move.before.state is not TaskState.HALTED or move.after.state in (
        *(TaskState.HALTED, TaskState.PENDING, TaskState.FULFILLED),
    )


def tasks_never_disappear(step: Transition) -> bool:
    """A task lives as long as its promise: for ever."""
    return step.before.task.keys() <= step.after.task.keys()


def a_task_is_born_with_its_promise(step: Transition) -> bool:
    """Pending at version 0, acquired at 1 (task.create), or fulfilled at 0 (born past its deadline)."""
    return all(_born_well(step, task) for task in step.new_tasks)


def _born_well(step: Transition, task: TaskObject) -> bool:
    promise = step.after.promise.get(task.id)
    if promise is None or task.id in step.before.promise or task.resumes:
        return False
    match task.state:
        case TaskState.PENDING:
            return task.version == 0 and promise.pending
        case TaskState.ACQUIRED:
            return task.version == 1 and promise.pending and isinstance(step.cause, CreateTask)
        case TaskState.FULFILLED:
            return task.version == 0 and not promise.pending
        case _:
            return False


def a_consumed_callback_resumes_its_awaiter(step: Transition) -> bool:
    """Unless the awaiter is past its deadline or done, it learns what has settled, and wakes if suspended."""
    return all(_resumed(step, awaited_id, awaiter_id) for awaited_id, awaiter_id in step.gone_callbacks)


def _resumed(step: Transition, awaited_id: str, awaiter_id: str) -> bool:
    promise, task = step.before.promise[awaiter_id], step.after.task[awaiter_id]
    if not promise.project(step.now).pending:
        return task == step.before.task[awaiter_id]
    return task.state is not TaskState.SUSPENDED and awaited_id in task.resumes


def an_execute_is_born_of_a_live_task(step: Transition) -> bool:
    """Pending and due, its promise pending as projected; with its version, to its target."""
    sent = step.outcome.sent
    if sent is None or not isinstance(sent.message, Execute):
        return True
    task = step.before.task.get(sent.message.task_id)
    promise = step.before.promise.get(sent.message.task_id)
    if task is None or promise is None or task.retry_at is None or task.retry_at > step.now:
        return False
    live = task.state is TaskState.PENDING and promise.project(step.now).pending
    return live and task.version == sent.message.version and promise.target == sent.address


TASK_MOVES: Final = (
    a_task_moves_along_its_edges,
    fulfilled_is_for_ever,
    at_most_one_valid_claim,
    acquired_only_from_pending,
    acquisition_sets_the_lease,
    acquisition_clears_retry_and_resumes,
    lease_fields_move_together,
    the_holder_stays_within_a_version,
    leaving_acquired_clears_the_lease,
    entering_pending_arms_the_retry,
    the_retry_moves_only_when_due_and_forward,
    fulfilled_only_by_settlement,
    resumes_grow_or_are_cleared,
    nobody_wakes_uncalled,
    suspended_only_from_acquired,
    suspension_registers_a_callback,
    halted_reenters_only_through_pending,
)

TASK_STEPS: Final = (
    tasks_never_disappear,
    a_task_is_born_with_its_promise,
    a_consumed_callback_resumes_its_awaiter,
    an_execute_is_born_of_a_live_task,
)
