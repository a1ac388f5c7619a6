"""What holds when the server has come to rest: faults have healed, and all that was due has been done.

These are the obligations of a whole run, each seen from its end: nothing that was owed is still owed. A state
in the middle of a run may break every one of them.
"""

from typing import Final

from troth.protocol.records import TaskState

from .state import State


def every_due_promise_is_settled(state: State, now: int) -> bool:
    """No deadline was missed."""
    return not any(promise.overdue(now) for promise in state.promises)


def every_ended_lease_is_over(state: State, now: int) -> bool:
    """A dead holder's task was given back."""
    return not any(task.expires_at is not None and task.expires_at <= now for task in state.tasks)


def every_awaiter_is_resumed(state: State, now: int) -> bool:  # noqa: ARG001 - all of them have one shape
    """No callback of a settled promise is left."""
    return all(state.promise[awaited_id].pending for awaited_id, _ in state.callbacks)


def every_listener_is_told(state: State, now: int) -> bool:  # noqa: ARG001 - all of them have one shape
    """No listener of a settled promise is left."""
    return all(state.promise[awaited_id].pending for awaited_id, _ in state.listeners)


def every_runnable_task_is_offered(state: State, now: int) -> bool:
    """No pending task is due to be offered."""
    return not any(
        task.state is TaskState.PENDING and task.retry_at is not None and task.retry_at <= now for task in state.tasks
    )


def every_due_schedule_has_fired(state: State, now: int) -> bool:
    """No occurrence was missed."""
    return not any(schedule.next_run_at <= now for schedule in state.schedules)


REST: Final = (
    every_due_promise_is_settled,
    every_ended_lease_is_over,
    every_awaiter_is_resumed,
    every_listener_is_told,
    every_runnable_task_is_offered,
    every_due_schedule_has_fired,
)
