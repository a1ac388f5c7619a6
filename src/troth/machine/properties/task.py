"""What holds for one task in every stored state."""

from typing import Final

from troth.machine.objects import TaskObject
from troth.protocol.records import TaskState

_IDLE: Final = frozenset({TaskState.SUSPENDED, TaskState.HALTED, TaskState.FULFILLED})


def lease_exactly_when_acquired(task: TaskObject) -> bool:
    """Holder, span and end of the lease are one fact."""
    held = task.state is TaskState.ACQUIRED
    return all((field is not None) == held for field in (task.pid, task.ttl, task.expires_at))


def retry_at_exactly_when_pending(task: TaskObject) -> bool:
    """A task that can be offered is offered some time."""
    return (task.retry_at is not None) == (task.state is TaskState.PENDING)


def acquired_was_granted(task: TaskObject) -> bool:
    """The first grant is version 1."""
    return task.state is not TaskState.ACQUIRED or task.version >= 1


def ttl_is_positive(task: TaskObject) -> bool:
    """A lease of no time would be no lease."""
    return task.ttl is None or task.ttl > 0


def idle_has_no_timer(task: TaskObject) -> bool:
    """Suspended, halted and fulfilled tasks wait for something else than time, and nobody holds them."""
    if task.state not in _IDLE:
        return True
    return task.pid is None and task.ttl is None and task.expires_at is None and task.retry_at is None


def suspended_and_fulfilled_have_no_resumes(task: TaskObject) -> bool:
    """The first resume ends a suspension, and nobody resumes what is done."""
    return task.state not in (TaskState.SUSPENDED, TaskState.FULFILLED) or not task.resumes


def resumes_are_unique(task: TaskObject) -> bool:
    """A promise settles once."""
    return len(set(task.resumes)) == len(task.resumes)


TASK: Final = (
    lease_exactly_when_acquired,
    retry_at_exactly_when_pending,
    acquired_was_granted,
    ttl_is_positive,
    idle_has_no_timer,
    suspended_and_fulfilled_have_no_resumes,
    resumes_are_unique,
)
