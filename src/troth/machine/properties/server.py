"""What holds over one step by its cause: the server by itself decides nothing, and a refusal does nothing."""

from typing import Final

from troth.machine.internal import OwnStep
from troth.protocol.records import TaskState

from .state import PromiseMove, TaskMove, Transition


def _by_itself(move: PromiseMove | TaskMove) -> bool:
    return isinstance(move.step.cause, OwnStep)


def _enters(move: TaskMove, state: TaskState) -> bool:
    return move.before.state is not state and move.after.state is state


def the_server_never_acquires(move: TaskMove) -> bool:
    """A grant is always somebody's request."""
    return not (_by_itself(move) and _enters(move, TaskState.ACQUIRED))


def the_server_never_suspends(move: TaskMove) -> bool:
    """Only the holder knows what it waits for."""
    return not (_by_itself(move) and _enters(move, TaskState.SUSPENDED))


def the_server_never_halts(move: TaskMove) -> bool:
    """Stopping a task is a decision."""
    return not (_by_itself(move) and _enters(move, TaskState.HALTED))


def the_server_never_continues(move: TaskMove) -> bool:
    """So is letting it run again."""
    return not (_by_itself(move) and move.before.state is TaskState.HALTED and _enters(move, TaskState.PENDING))


def the_server_settles_only_by_the_deadline(move: PromiseMove) -> bool:
    """The verdict is what the projection has been showing."""
    if not _by_itself(move) or not move.before.pending or move.after.pending:
        return True
    return move.after == move.before.timed_out() and move.after.timeout_at <= move.step.now


def a_refusal_changes_nothing(step: Transition) -> bool:
    """+ Nothing is written by what was not carried out."""
    return step.outcome.response.ok or (not step.outcome.effects and step.before == step.after)


SERVER_PROMISE_MOVES: Final = (the_server_settles_only_by_the_deadline,)

SERVER_TASK_MOVES: Final = (
    the_server_never_acquires,
    the_server_never_suspends,
    the_server_never_halts,
    the_server_never_continues,
)

SERVER_STEPS: Final = (a_refusal_changes_nothing,)
