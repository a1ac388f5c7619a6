"""What the kernel asks of a store. Four verbs: load a footprint, apply changes, list what is due, search.

A store knows rows, not rules. ``testing.contract`` is the suite every store passes.
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from msgspec import Struct

from troth.machine.footprint import Query
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.view import Changes, Page, View

NOT_WRITTEN: Final = "nothing of the transaction was written: its changes could not be"
"""What leaving a transaction normally says when applying its changes had failed."""


class Due(Struct, frozen=True):
    """What time has made due, each list oldest first and at most as long as asked.

    ``expired_leases`` are acquired tasks whose lease has ended, ``undrained_ids`` settled promises that are
    marked (`Changes.undrained`) as still having callbacks.
    """

    timed_out_ids: tuple[str, ...] = ()
    expired_leases: tuple[TaskObject, ...] = ()
    schedules: tuple[ScheduleObject, ...] = ()
    undrained_ids: tuple[str, ...] = ()


class Invocation(Struct, frozen=True):
    """A promise and its task, which share a row."""

    promise: PromiseObject
    task: TaskObject


class Snapshot(Struct, frozen=True):
    """All that is stored, schedules by id, everything else oldest first. Not for big stores."""

    promises: tuple[PromiseObject, ...]
    tasks: tuple[TaskObject, ...]
    callbacks: tuple[tuple[str, str], ...]
    """(awaited id, awaiter id)"""
    listeners: tuple[tuple[str, str], ...]
    """(awaited id, address)"""
    calls: tuple[tuple[str, str], ...]
    """(caller id, callee id)"""
    schedules: tuple[ScheduleObject, ...]


class Transaction(Protocol):
    """One atomic unit of work. Leaving its context normally commits, leaving it by an exception rolls back.

    A transaction that applied nothing costs no commit.
    """

    async def load(self, view: View, promise_ids: Iterable[str], schedule_ids: Iterable[str] = ()) -> None:
        """Put the promises with their tasks, and the schedules, into the view; absent ones as None."""
        ...

    async def load_subscriptions(self, view: View, promise_ids: Iterable[str], limit: int) -> None:
        """Put who waits for each promise into ``view.subscriptions``, at most ``limit`` of each kind."""
        ...

    async def search(self, query: Query) -> Page:
        """What the query finds among the rows as they are stored, this transaction's own writes included."""
        ...

    async def await_path(self, from_id: str, to_id: str) -> tuple[str, ...]:
        """The shortest chain of call edges over pending promises from one id to another; empty if none.

        Both ends are included and must be pending too.
        """
        ...

    async def apply(self, changes: Changes) -> None:
        """Write the changes.

        A promise may change once, by being settled. A call edge joins two promises that are stored or among the
        changes; any other is dropped. When this raises, nothing of the transaction is kept, and leaving it
        normally raises too.
        """
        ...

    async def due(self, now: int, limit: int) -> Due:
        """Whatever is due at ``now``, at most ``limit`` of each kind."""
        ...

    async def runnable(self, target: str, now: int, limit: int) -> tuple[Invocation, ...]:
        """Pending tasks for a target whose ``retry_at`` has come, the longest waiting first."""
        ...


class Store(Protocol):
    """A durable set of promises, tasks, subscriptions, call edges and schedules."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a unit of work; one at a time."""
        ...

    async def next_due_at(self) -> int | None:
        """The earliest instant at which ``due`` may find something; 0 for undrained promises, None if never."""
        ...

    async def next_retry_at(self, after: int) -> int | None:
        """The earliest ``retry_at`` later than ``after``; None if none."""
        ...

    async def snapshot(self) -> Snapshot:
        """All that is stored."""
        ...

    async def close(self) -> None:
        """Release the store; what was acknowledged is durable already."""
        ...
