"""The tables of the memory store: dicts, and sorted lists for what time makes due.

Every write returns what undoes it; a transaction that fails runs those backwards.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count, islice
from operator import itemgetter

from msgspec import Struct

from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.protocol.records import NEVER, Tag

Undo = Callable[[], object]


class Row(Struct, frozen=True):
    """A promise and its task. ``number`` is the promise's place in the order of creation."""

    number: int
    promise: PromiseObject
    task: TaskObject | None
    undrained: bool = False


class Agenda:
    """What is due when: entries (instant, tie-breaker, id), sorted."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, str]] = []

    def move(self, number: int, id: str, old: int | None, new: int | None) -> None:
        """Replace the instant of an id; None is no instant."""
        if old == new:
            return
        if old is not None:
            del self._entries[bisect_left(self._entries, (old, number, id))]
        if new is not None:
            insort(self._entries, (new, number, id))

    def due(self, now: int, limit: int) -> tuple[str, ...]:
        """The ids whose instant has come, the longest overdue first."""
        end = bisect_left(self._entries, (now + 1,))
        return tuple(entry[2] for entry in self._entries[: min(end, limit)])

    def next_at(self, after: int = -1) -> int | None:
        """The earliest instant later than ``after``."""
        at = bisect_left(self._entries, (after + 1,))
        return self._entries[at][0] if at < len(self._entries) else None


class Links:
    """A relation from one text to another that remembers the order in which its pairs were added."""

    __slots__ = ("_numbers", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, int]] = {}
        self._numbers = count()

    def add(self, left: str, right: str) -> Undo | None:
        """Add a pair; None if it is there already."""
        row = self._rows.setdefault(left, {})
        if right in row:
            return None
        row[right] = next(self._numbers)
        return partial(self.remove, left, right)

    def remove(self, left: str, right: str) -> Undo | None:
        """Remove a pair; None if there is no such pair."""
        row = self._rows.get(left)
        if row is None or right not in row:
            return None
        number = row.pop(right)
        if not row:
            del self._rows[left]
        return partial(self._restore, left, right, number)

    def _restore(self, left: str, right: str, number: int) -> None:
        row = self._rows.setdefault(left, {})
        row[right] = number
        self._rows[left] = dict(sorted(row.items(), key=itemgetter(1)))

    def of(self, left: str) -> Iterable[str]:
        """The partners of a text, oldest first."""
        return self._rows.get(left, {})

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All pairs, oldest first."""
        numbered = [(number, left, right) for left, row in self._rows.items() for right, number in row.items()]
        return tuple((left, right) for _, left, right in sorted(numbered))


class Tables:
    """Everything that is stored, and the indexes over it. Every write returns what undoes it."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.schedules: dict[str, ScheduleObject] = {}
        self.callbacks = Links()
        self.listeners = Links()
        self.callees = Links()
        self.callers = Links()
        self.branches: dict[str, list[str]] = {}
        self.timeouts = Agenda()
        self.leases = Agenda()
        self.retries = Agenda()
        self.queues: dict[str, Agenda] = {}
        self.undrained = Agenda()
        self.occurrences = Agenda()
        self._ids: list[str] | None = []

    def ids_between(self, first: str, end: str | None) -> Iterable[str]:
        """The promise ids from first, included, up to end, ascending."""
        if self._ids is None:
            self._ids = sorted(self.rows)
        stop = len(self._ids) if end is None else bisect_left(self._ids, end)
        return islice(self._ids, bisect_left(self._ids, first), stop)

    def put_row(self, id: str, row: Row | None) -> Undo:
        """Insert, replace or (None: only to undo) remove a row, and keep the indexes true."""
        old = self.rows.get(id)
        if row is None:
            del self.rows[id]
        else:
            self.rows[id] = row
        kept = row or old
        assert kept is not None, id
        if row is None or old is None:
            self._ids = None
            self._index_branch(kept, present=row is not None)
        number, target = kept.number, kept.promise.target or ""
        self.timeouts.move(number, id, _timeout_at(old), _timeout_at(row))
        self.leases.move(number, id, _expires_at(old), _expires_at(row))
        self.retries.move(number, id, _retry_at(old), _retry_at(row))
        self.queues.setdefault(target, Agenda()).move(number, id, _retry_at(old), _retry_at(row))
        self.undrained.move(number, id, _drain_at(old), _drain_at(row))
        return partial(self.put_row, id, old)

    def put_schedule(self, id: str, schedule: ScheduleObject | None) -> Undo:
        """Insert, replace or delete a schedule."""
        old = self.schedules.pop(id, None)
        if schedule is not None:
            self.schedules[id] = schedule
        self.occurrences.move(0, id, old and old.next_run_at, schedule and schedule.next_run_at)
        return partial(self.put_schedule, id, old)

    def _index_branch(self, row: Row, *, present: bool) -> None:
        branch = row.promise.tags.get(Tag.BRANCH)
        if branch is None:
            return
        ids = self.branches.setdefault(branch, [])
        if present:
            insort(ids, row.promise.id)
        else:
            ids.remove(row.promise.id)


def _timeout_at(row: Row | None) -> int | None:
    if row is None or not row.promise.pending or row.promise.timeout_at >= NEVER:
        return None
    return row.promise.timeout_at


def _expires_at(row: Row | None) -> int | None:
    return None if row is None or row.task is None else row.task.expires_at


def _retry_at(row: Row | None) -> int | None:
    return None if row is None or row.task is None else row.task.retry_at


def _drain_at(row: Row | None) -> int | None:
    return row.promise.settled_at if row is not None and row.undrained else None
