"""The store that forgets: for ``:memory:``, for tests, and as the plainest statement of what a store does.

A transaction writes at once and keeps an undo log, so that leaving it by an exception changes nothing.
"""

import asyncio
from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import Final, Self

from msgspec import structs

from troth.errors import StoreError
from troth.machine.footprint import (
    BranchQuery,
    CalleesQuery,
    CallersQuery,
    PromiseQuery,
    Query,
    ScheduleQuery,
    TaskQuery,
)
from troth.machine.objects import PromiseObject
from troth.machine.view import Changes, Page, Subscriptions, View

from .base import NOT_WRITTEN, Due, Invocation, Snapshot
from .paths import shortest_path
from .ranges import end_id, first_id
from .tables import Row, Tables, Undo

_CLOSED: Final = "the store is closed"


class MemoryStore:
    """A store in this process's memory. What it held is gone when it is."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._turn = asyncio.Lock()
        self._closed = False

    def transaction(self) -> "MemoryTransaction":
        """Begin a unit of work; a second one waits until the first has ended."""
        return MemoryTransaction(self._open_tables(), self._turn)

    async def next_due_at(self) -> int | None:
        """The earliest instant at which ``due`` may find something."""
        tables = self._open_tables()
        if tables.undrained.next_at() is not None:
            return 0
        instants = (tables.timeouts.next_at(), tables.leases.next_at(), tables.occurrences.next_at())
        return min((instant for instant in instants if instant is not None), default=None)

    async def next_retry_at(self, after: int) -> int | None:
        """The earliest ``retry_at`` later than ``after``."""
        return self._open_tables().retries.next_at(after)

    async def snapshot(self) -> Snapshot:
        """All that is stored."""
        tables = self._open_tables()
        rows = tables.rows.values()
        return Snapshot(
            promises=tuple(row.promise for row in rows),
            tasks=tuple(row.task for row in rows if row.task is not None),
            callbacks=tables.callbacks.pairs(),
            listeners=tables.listeners.pairs(),
            calls=tables.callees.pairs(),
            schedules=tuple(schedule for _, schedule in sorted(tables.schedules.items())),
        )

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._tables = Tables()

    def _open_tables(self) -> Tables:
        if self._closed:
            raise StoreError(_CLOSED)
        return self._tables


class MemoryTransaction:
    """A unit of work on a `MemoryStore`."""

    def __init__(self, tables: Tables, turn: asyncio.Lock) -> None:
        self._tables = tables
        self._turn = turn
        self._undo: list[Undo] = []
        self._defect: BaseException | None = None

    async def __aenter__(self) -> Self:
        await self._turn.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or self._defect is not None:
            for undo in reversed(self._undo):
                undo()
        self._turn.release()
        if error is None and self._defect is not None:
            raise StoreError(NOT_WRITTEN) from self._defect

    async def load(self, view: View, promise_ids: Iterable[str], schedule_ids: Iterable[str] = ()) -> None:
        """Put the promises with their tasks, and the schedules, into the view; absent ones as None."""
        for promise_id in promise_ids:
            row = self._tables.rows.get(promise_id)
            view.hold_promise(promise_id, row and row.promise, row and row.task)
        for schedule_id in schedule_ids:
            view.hold_schedule(schedule_id, self._tables.schedules.get(schedule_id))

    async def load_subscriptions(self, view: View, promise_ids: Iterable[str], limit: int) -> None:
        """Put who waits for each promise into ``view.subscriptions``, at most ``limit`` of each kind."""
        for promise_id in promise_ids:
            awaiter_ids = list(islice(self._tables.callbacks.of(promise_id), limit + 1))
            addresses = list(islice(self._tables.listeners.of(promise_id), limit + 1))
            complete = len(awaiter_ids) <= limit and len(addresses) <= limit
            view.subscriptions[promise_id] = Subscriptions(awaiter_ids[:limit], addresses[:limit], complete)

    async def search(self, query: Query) -> Page:
        """What the query finds."""
        match query:
            case PromiseQuery():
                return self._search_promises(query)
            case TaskQuery():
                return self._search_tasks(query)
            case ScheduleQuery():
                return self._search_schedules(query)
            case CalleesQuery(caller_id):
                return Page(promises=self._promises(self._tables.callees.of(caller_id)))
            case CallersQuery(callee_id):
                return Page(promises=self._promises(self._tables.callers.of(callee_id)))
            case BranchQuery(branch, limit):
                return Page(promises=self._promises(self._tables.branches.get(branch, [])[:limit]))

    async def await_path(self, from_id: str, to_id: str) -> tuple[str, ...]:
        """The shortest chain of call edges over pending promises from one id to another; empty if none."""
        if not (self._pending(from_id) and self._pending(to_id)):
            return ()
        return shortest_path(
            from_id,
            to_id,
            lambda promise_id: filter(self._pending, self._tables.callees.of(promise_id)),
            lambda promise_id: filter(self._pending, self._tables.callers.of(promise_id)),
        )

    async def apply(self, changes: Changes) -> None:
        """Write the changes."""
        try:
            for promise_id in dict.fromkeys((*changes.promises, *changes.tasks, *changes.undrained)):
                self._put_row(promise_id, changes)
            self._put_links(changes)
            for schedule_id, schedule in changes.schedules.items():
                self._undo.append(self._tables.put_schedule(schedule_id, schedule))
        except BaseException as defect:
            self._defect = defect
            raise

    async def due(self, now: int, limit: int) -> Due:
        """Whatever is due at ``now``, at most ``limit`` of each kind."""
        tables = self._tables
        leases = (tables.rows[promise_id].task for promise_id in tables.leases.due(now, limit))
        return Due(
            timed_out_ids=tables.timeouts.due(now, limit),
            expired_leases=tuple(task for task in leases if task is not None),
            schedules=tuple(tables.schedules[each] for each in tables.occurrences.due(now, limit)),
            undrained_ids=tables.undrained.due(now, limit),
        )

    async def runnable(self, target: str, now: int, limit: int) -> tuple[Invocation, ...]:
        """Pending tasks for a target whose ``retry_at`` has come, the longest waiting first."""
        queue = self._tables.queues.get(target)
        if queue is None:
            return ()
        rows = [self._tables.rows[promise_id] for promise_id in queue.due(now, limit)]
        return tuple(Invocation(row.promise, row.task) for row in rows if row.task is not None)

    # --- writing

    def _put_row(self, promise_id: str, changes: Changes) -> None:
        old = self._tables.rows.get(promise_id)
        promise = changes.promises.get(promise_id) or (old and old.promise)
        if promise is None:
            message = f"there is no promise {promise_id!r} to put a task to"
            raise StoreError(message)
        if (old is None) != (promise_id in changes.new_ids):
            message = f"promise {promise_id!r} is {'not stored' if old is None else 'stored already'}"
            raise StoreError(message)
        if old is not None and promise is not old.promise:
            promise = _settled(old.promise, promise)
        number = len(self._tables.rows) if old is None else old.number
        task = changes.tasks.get(promise_id) or (old and old.task)
        undrained = changes.undrained.get(promise_id, old is not None and old.undrained)
        self._undo.append(self._tables.put_row(promise_id, Row(number, promise, task, undrained)))

    def _put_links(self, changes: Changes) -> None:
        tables = self._tables
        undo = [tables.callbacks.remove(*pair) for pair in changes.removed_callbacks]
        undo += [tables.callbacks.add(*pair) for pair in changes.added_callbacks]
        undo += [tables.listeners.remove(*pair) for pair in changes.removed_listeners]
        undo += [tables.listeners.add(*pair) for pair in changes.added_listeners]
        self._undo.extend(step for step in undo if step is not None)
        for caller_id, callee_id in changes.calls:
            if caller_id in tables.rows and callee_id in tables.rows:
                undo = (tables.callees.add(caller_id, callee_id), tables.callers.add(callee_id, caller_id))
                self._undo.extend(step for step in undo if step is not None)

    # --- reading

    def _promises(self, ids: Iterable[str]) -> tuple[PromiseObject, ...]:
        return tuple(self._tables.rows[promise_id].promise for promise_id in ids)

    def _pending(self, promise_id: str) -> bool:
        row = self._tables.rows.get(promise_id)
        return row is not None and row.promise.pending

    def _search_promises(self, query: PromiseQuery) -> Page:
        rows = self._tables.rows
        found = (
            promise
            for promise_id in self._tables.ids_between(first_id(query.prefix, query.cursor), end_id(query.prefix))
            if (promise := rows[promise_id].promise)
            and (query.state is None or promise.state is query.state)
            and _tagged(promise.tags, query.tags)
        )
        promises = tuple(islice(found, query.limit + 1))
        more = len(promises) > query.limit
        promises = promises[: query.limit]
        return Page(promises=promises, cursor=promises[-1].id if more else None)

    def _search_tasks(self, query: TaskQuery) -> Page:
        rows = self._tables.rows
        found = (
            task
            for promise_id in self._tables.ids_between(first_id("", query.cursor), None)
            if (task := rows[promise_id].task) is not None and (query.state is None or task.state is query.state)
        )
        tasks = tuple(islice(found, query.limit + 1))
        more = len(tasks) > query.limit
        tasks = tasks[: query.limit]
        return Page(tasks=tasks, cursor=tasks[-1].id if more else None)

    def _search_schedules(self, query: ScheduleQuery) -> Page:
        first = first_id("", query.cursor)
        found = (
            schedule
            for schedule_id, schedule in sorted(self._tables.schedules.items())
            if schedule_id >= first and _tagged(schedule.promise_tags, query.tags)
        )
        schedules = tuple(islice(found, query.limit + 1))
        more = len(schedules) > query.limit
        schedules = schedules[: query.limit]
        return Page(schedules=schedules, cursor=schedules[-1].id if more else None)


def _settled(old: PromiseObject, new: PromiseObject) -> PromiseObject:
    """A stored promise changes once, by being settled; what it was born with stays."""
    if not old.pending:
        message = f"promise {old.id!r} is settled, and settled is permanent"
        raise StoreError(message)
    return structs.replace(old, state=new.state, value=new.value, settled_at=new.settled_at)


def _tagged(tags: dict[str, str], wanted: tuple[tuple[str, str], ...]) -> bool:
    return all(tags.get(name) == value for name, value in wanted)
