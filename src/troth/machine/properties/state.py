"""What properties look at: all that is stored, and one step from one such state to the next."""

from functools import cached_property

from msgspec import Struct

from troth.machine.effects import Outcome
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.step import Event


class State(Struct, frozen=True, dict=True):
    """All that is stored. The fields are those of a store's snapshot, in its order.

    The order of rows means nothing, except that of ``calls`` (oldest first). Nothing is taken for granted:
    two rows of one id are a state too, one that a property rejects.
    """

    promises: tuple[PromiseObject, ...] = ()
    tasks: tuple[TaskObject, ...] = ()
    callbacks: tuple[tuple[str, str], ...] = ()
    """(awaited id, awaiter id)"""
    listeners: tuple[tuple[str, str], ...] = ()
    """(awaited id, address)"""
    calls: tuple[tuple[str, str], ...] = ()
    """(caller id, callee id)"""
    schedules: tuple[ScheduleObject, ...] = ()

    @cached_property
    def promise(self) -> dict[str, PromiseObject]:
        """Promises by id."""
        return {promise.id: promise for promise in self.promises}

    @cached_property
    def task(self) -> dict[str, TaskObject]:
        """Tasks by id."""
        return {task.id: task for task in self.tasks}

    @cached_property
    def schedule(self) -> dict[str, ScheduleObject]:
        """Schedules by id."""
        return {schedule.id: schedule for schedule in self.schedules}


class Transition(Struct, frozen=True, dict=True):
    """One step: the state before and after it, what caused it, its clock, and what it said."""

    before: State
    after: State
    cause: Event
    now: int
    outcome: Outcome

    @cached_property
    def new_callbacks(self) -> frozenset[tuple[str, str]]:
        """Callbacks that the step added."""
        return frozenset(self.after.callbacks).difference(self.before.callbacks)

    @cached_property
    def gone_callbacks(self) -> frozenset[tuple[str, str]]:
        """Callbacks that the step consumed."""
        return frozenset(self.before.callbacks).difference(self.after.callbacks)

    @cached_property
    def new_listeners(self) -> frozenset[tuple[str, str]]:
        """Listeners that the step added."""
        return frozenset(self.after.listeners).difference(self.before.listeners)

    @cached_property
    def gone_listeners(self) -> frozenset[tuple[str, str]]:
        """Listeners that the step consumed."""
        return frozenset(self.before.listeners).difference(self.after.listeners)

    @cached_property
    def new_promises(self) -> tuple[PromiseObject, ...]:
        """Promises that were not there before."""
        return tuple(promise for promise in self.after.promises if promise.id not in self.before.promise)

    @cached_property
    def new_tasks(self) -> tuple[TaskObject, ...]:
        """Tasks that were not there before."""
        return tuple(task for task in self.after.tasks if task.id not in self.before.task)


class PromiseMove(Struct, frozen=True):
    """One promise before and after a step."""

    before: PromiseObject
    after: PromiseObject
    step: Transition


class TaskMove(Struct, frozen=True):
    """One task before and after a step."""

    before: TaskObject
    after: TaskObject
    step: Transition


class ScheduleMove(Struct, frozen=True):
    """One schedule before and after a step."""

    before: ScheduleObject
    after: ScheduleObject
    step: Transition


class Violation(Struct, frozen=True):
    """A property that does not hold, and the id of the object it does not hold for, where it is about one."""

    property: str
    id: str | None = None
