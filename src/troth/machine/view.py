"""What a fold of steps sees: the loaded objects, overlaid with what earlier steps of the batch have written.

A step reads through the accessors only. Whoever folds calls ``advance`` after a step, and takes ``changes``
to the store at the end.
"""

from collections.abc import Callable, Container, Iterable
from typing import Any, ClassVar, Final

from msgspec import Struct

from .effects import (
    AddCall,
    AddCallback,
    AddListener,
    DropSchedule,
    Effect,
    PutPromise,
    PutSchedule,
    PutTask,
    RemoveCallback,
    RemoveListener,
)
from .footprint import Footprint, Query
from .objects import PromiseObject, ScheduleObject, TaskObject


class Page(Struct, frozen=True):
    """What a query found, in order; ``cursor`` continues it, None on the last page."""

    promises: tuple[PromiseObject, ...] = ()
    tasks: tuple[TaskObject, ...] = ()
    schedules: tuple[ScheduleObject, ...] = ()
    cursor: str | None = None


class Subscriptions(Struct):
    """Who waits for a promise, oldest first; not ``complete`` where a store loaded only a first portion."""

    awaiter_ids: list[str]
    addresses: list[str]
    complete: bool = True


class Changes:
    """Everything a batch wrote, each row once, in its last form.

    ``new_ids`` are the promises (with their tasks) the store did not hold when they were loaded.
    """

    __slots__ = (
        "added_callbacks",
        "added_listeners",
        "calls",
        "new_ids",
        "promises",
        "removed_callbacks",
        "removed_listeners",
        "schedules",
        "tasks",
        "undrained",
    )

    def __init__(self) -> None:
        self.promises: dict[str, PromiseObject] = {}
        self.tasks: dict[str, TaskObject] = {}
        self.new_ids: set[str] = set()
        self.added_callbacks: dict[tuple[str, str], None] = {}
        self.removed_callbacks: dict[tuple[str, str], None] = {}
        self.added_listeners: dict[tuple[str, str], None] = {}
        self.removed_listeners: dict[tuple[str, str], None] = {}
        self.calls: dict[tuple[str, str], None] = {}
        self.schedules: dict[str, ScheduleObject | None] = {}
        self.undrained: dict[str, bool] = {}
        """Settled promises: whether callbacks of them are still to be drained by a later batch."""

    def __bool__(self) -> bool:
        return bool(
            self.promises
            or self.tasks
            or self.added_callbacks
            or self.removed_callbacks
            or self.added_listeners
            or self.removed_listeners
            or self.calls
            or self.schedules
            or self.undrained
        )


_SCANNED_MAX: Final = 8
"""Ids up to which looking through a tuple is cheaper than hashing it."""

_UNANNOUNCED: Final = "a step read what its footprint did not announce: "


class View:
    """The loaded part of the store. Stores fill it with the ``hold_…`` methods; steps read it."""

    __slots__ = (
        "_cycles",
        "_focus",
        "_pages",
        "_promises",
        "_readable_ids",
        "_schedules",
        "_tasks",
        "changes",
        "subscriptions",
    )

    def __init__(self) -> None:
        self._promises: dict[str, PromiseObject | None] = {}
        self._tasks: dict[str, TaskObject | None] = {}
        self._schedules: dict[str, ScheduleObject | None] = {}
        self._pages: dict[Query, Page] = {}
        self._cycles: dict[tuple[str, str], tuple[str, ...]] = {}
        self._focus: Footprint | None = None
        self._readable_ids: Container[str] = ()
        self.subscriptions: dict[str, Subscriptions] = {}
        self.changes = Changes()

    # --- a step reads

    def promise(self, id: str) -> PromiseObject | None:
        """The promise, or None where there is none."""
        assert self._focus is None or id in self._readable_ids, _UNANNOUNCED + id
        return self._promises[id]

    def task(self, id: str) -> TaskObject | None:
        """The task of the promise, or None where it has none."""
        assert self._focus is None or id in self._readable_ids, _UNANNOUNCED + id
        return self._tasks[id]

    def schedule(self, id: str) -> ScheduleObject | None:
        """The schedule, or None where there is none."""
        assert self._focus is None or id in self._focus.schedule_ids, _UNANNOUNCED + id
        return self._schedules[id]

    def page(self, query: Query) -> Page:
        """What the query found in the store (searches filter on what is stored, protocol §3)."""
        assert self._focus is None or self._focus.query == query, _UNANNOUNCED + repr(query)
        return self._pages[query]

    def cycle(self, caller_id: str, callee_id: str) -> tuple[str, ...]:
        """The awaits that lead from the callee back to the caller; empty where waiting for it is safe."""
        return self._cycles.get((caller_id, callee_id), ())

    # --- whoever folds

    def focus(self, footprint: Footprint | None) -> None:
        """From now on only what the footprint names may be read; None lifts the restriction."""
        self._focus = footprint
        if footprint is not None:
            ids = footprint.promise_ids
            self._readable_ids = ids if len(ids) <= _SCANNED_MAX else frozenset(ids)

    def holds(self, promise_id: str) -> bool:
        """Whether the promise (or its absence) is loaded."""
        return promise_id in self._promises

    def holds_schedule(self, schedule_id: str) -> bool:
        """Whether the schedule (or its absence) is loaded."""
        return schedule_id in self._schedules

    def advance(self, effects: Iterable[Effect]) -> None:
        """Let the following steps see these effects, and note them as changes."""
        for effect in effects:
            self._ADVANCE[type(effect)](self, effect)

    def take_changes(self) -> Changes:
        """The changes so far; the view starts a new set. Rows written in it are no longer new."""
        changes, self.changes = self.changes, Changes()
        return changes

    # --- a store fills

    def hold_promise(self, id: str, promise: PromiseObject | None, task: TaskObject | None) -> None:
        """Note a loaded promise and its task."""
        self._promises[id] = promise
        self._tasks[id] = task

    def hold_schedule(self, id: str, schedule: ScheduleObject | None) -> None:
        """Note a loaded schedule."""
        self._schedules[id] = schedule

    def hold_page(self, query: Query, page: Page) -> None:
        """Note what a query found."""
        self._pages[query] = page

    def hold_cycle(self, caller_id: str, callee_id: str, path: tuple[str, ...]) -> None:
        """Note the awaits that lead from the callee back to the caller (empty: none)."""
        self._cycles[caller_id, callee_id] = path

    # --- effects

    def _put_promise(self, effect: PutPromise) -> None:
        promise = effect.promise
        if self._promises.get(promise.id) is None:
            self.changes.new_ids.add(promise.id)
        self._promises[promise.id] = promise
        self._tasks.setdefault(promise.id, None)
        self.changes.promises[promise.id] = promise

    def _put_task(self, effect: PutTask) -> None:
        self._tasks[effect.task.id] = effect.task
        self.changes.tasks[effect.task.id] = effect.task

    def _add_callback(self, effect: AddCallback) -> None:
        pair = (effect.awaited_id, effect.awaiter_id)
        self.changes.added_callbacks[pair] = None
        self.changes.removed_callbacks.pop(pair, None)

    def _remove_callback(self, effect: RemoveCallback) -> None:
        pair = (effect.awaited_id, effect.awaiter_id)
        self.changes.removed_callbacks[pair] = None
        self.changes.added_callbacks.pop(pair, None)

    def _add_listener(self, effect: AddListener) -> None:
        pair = (effect.awaited_id, effect.address)
        self.changes.added_listeners[pair] = None
        self.changes.removed_listeners.pop(pair, None)

    def _remove_listener(self, effect: RemoveListener) -> None:
        pair = (effect.awaited_id, effect.address)
        self.changes.removed_listeners[pair] = None
        self.changes.added_listeners.pop(pair, None)

    def _add_call(self, effect: AddCall) -> None:
        self.changes.calls[effect.caller_id, effect.callee_id] = None

    def _put_schedule(self, effect: PutSchedule) -> None:
        self._schedules[effect.schedule.id] = effect.schedule
        self.changes.schedules[effect.schedule.id] = effect.schedule

    def _drop_schedule(self, effect: DropSchedule) -> None:
        self._schedules[effect.id] = None
        self.changes.schedules[effect.id] = None

    _ADVANCE: ClassVar[dict[type, Callable[["View", Any], None]]] = {
        PutPromise: _put_promise,
        PutTask: _put_task,
        AddCallback: _add_callback,
        RemoveCallback: _remove_callback,
        AddListener: _add_listener,
        RemoveListener: _remove_listener,
        AddCall: _add_call,
        PutSchedule: _put_schedule,
        DropSchedule: _drop_schedule,
    }
