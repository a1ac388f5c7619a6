"""What the SQLite store reads: loads, searches, what is due, the call graph."""

from collections.abc import Iterable
from typing import Final

from troth.machine.footprint import (
    BranchQuery,
    CalleesQuery,
    CallersQuery,
    PromiseQuery,
    Query,
    ScheduleQuery,
    TaskQuery,
)
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.view import Page, Subscriptions, View
from troth.protocol.records import PromiseState, TaskState

from .base import Due, Invocation, Snapshot
from .database import Database, Row, Wanted
from .paths import shortest_path
from .ranges import end_id, first_id
from .rows import (
    PROMISE_NUMBERS,
    PROMISE_WIDTH,
    TASK_NUMBERS,
    json_text,
    promise_of,
    schedule_of,
    tags_filter,
    task_of,
)
from .statements import STATEMENTS

_FEW: Final = 4
"""Up to so many ids, a statement each is faster than one statement for all."""

_FAILED: Final = (PromiseState.REJECTED, PromiseState.CANCELED, PromiseState.TIMED_OUT)

_NO_END: Final = b""
"""Sorts after every text."""

_TASK_SEARCHES: Final = {
    TaskState.ACQUIRED: "search_held_tasks",
    TaskState.PENDING: "search_waiting_tasks",
}
"""Searches for the tasks of a state, where there is a shorter way than by id."""

_LOAD_ONE: Final = STATEMENTS["load_invocation"]
_LOAD_MANY: Final = STATEMENTS["load_invocations"]


class Reader:
    """Reads through a connection that somebody else opened, and closes. Synchronous."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, view: View, promise_ids: Iterable[str], schedule_ids: Iterable[str]) -> None:
        """Put the promises with their tasks, and the schedules, into the view; absent ones as None."""
        ids = list(promise_ids)
        if len(ids) <= _FEW:
            for id in ids:
                row = self._database.one(_LOAD_ONE, (id,)) if _storable(id) else None
                view.hold_promise(id, *_invocation(row))
        else:
            rows = self._database.all(_LOAD_MANY, (json_text([id for id in ids if _storable(id)]),))
            found = {row[0]: row for row in rows}
            for id in ids:
                view.hold_promise(id, *_invocation(found.get(id)))
        for id in schedule_ids:
            row = self._database.one(STATEMENTS["load_schedule"], (id,)) if _storable(id) else None
            view.hold_schedule(id, None if row is None else schedule_of(row))

    def load_subscriptions(self, view: View, promise_ids: Iterable[str], limit: int) -> None:
        """Put who waits for each promise into ``view.subscriptions``, at most ``limit`` of each kind."""
        ids = list(promise_ids)
        subscribed: Iterable[str] = ids
        if len(ids) > _FEW:
            subscribed = {row[0] for row in self._database.all(STATEMENTS["subscribed"], (json_text(ids),))}
        for id in ids:
            if id not in subscribed:
                view.subscriptions[id] = Subscriptions([], [])
                continue
            awaiter_ids = self._database.firsts(STATEMENTS["awaiters"], (id, limit + 1))
            addresses = self._database.firsts(STATEMENTS["addresses"], (id, limit + 1))
            complete = len(awaiter_ids) <= limit and len(addresses) <= limit
            view.subscriptions[id] = Subscriptions(awaiter_ids[:limit], addresses[:limit], complete)

    def search(self, query: Query) -> Page:
        """What the query finds."""
        match query:
            case PromiseQuery():
                return self._search_promises(query)
            case TaskQuery():
                return self._search_tasks(query)
            case ScheduleQuery():
                return self._search_schedules(query)
            case CalleesQuery(caller_id):
                return Page(promises=self._promises("callees", (caller_id,)))
            case CallersQuery(callee_id):
                return Page(promises=self._promises("callers", (callee_id,)))
            case BranchQuery(branch, limit):
                any_id = {"first": "", "end": _NO_END, "state": None, "target": None, "tags": None}
                wanted = {**any_id, "branch": branch, "limit": limit}
                return Page(promises=self._promises("search_branch_promises", wanted))

    def await_path(self, from_id: str, to_id: str) -> tuple[str, ...]:
        """The shortest chain of call edges over pending promises from one id to another; empty if none."""
        start = self._database.one(STATEMENTS["pending_seq"], (from_id,))
        goal = self._database.one(STATEMENTS["pending_seq"], (to_id,))
        if start is None or goal is None:
            return ()
        path = shortest_path(
            start[0],
            goal[0],
            lambda seq: self._database.firsts(STATEMENTS["pending_callees"], (seq,)),
            lambda seq: self._database.firsts(STATEMENTS["pending_callers"], (seq,)),
        )
        return tuple(self._database.firsts(STATEMENTS["id_of"], (seq,))[0] for seq in path)

    def due(self, now: int, limit: int) -> Due:
        """Whatever is due at ``now``, at most ``limit`` of each kind."""
        at = (now, limit)
        leases = (task_of(row) for row in self._database.all(STATEMENTS["expired"], at))
        return Due(
            timed_out_ids=tuple(self._database.firsts(STATEMENTS["timed_out"], at)),
            expired_leases=tuple(task for task in leases if task is not None),
            schedules=tuple(schedule_of(row) for row in self._database.all(STATEMENTS["due_schedules"], at)),
            undrained_ids=tuple(self._database.firsts(STATEMENTS["undrained"], at)),
        )

    def runnable(self, target: str, now: int, limit: int) -> tuple[Invocation, ...]:
        """Pending tasks for a target whose ``retry_at`` has come, the longest waiting first."""
        found = map(_invocation, self._database.all(STATEMENTS["runnable"], (target, now, limit)))
        return tuple(Invocation(promise, task) for promise, task in found if promise and task)

    def next_due_at(self) -> int | None:
        """The earliest instant at which ``due`` may find something."""
        return self._database.firsts(STATEMENTS["next_due_at"])[0]

    def next_retry_at(self, after: int) -> int | None:
        """The earliest ``retry_at`` later than ``after``."""
        return self._database.firsts(STATEMENTS["next_retry_at"], (after,))[0]

    def snapshot(self) -> Snapshot:
        """All that is stored."""
        invocations = [_invocation(row) for row in self._database.all(STATEMENTS["all_invocations"])]
        return Snapshot(
            promises=tuple(promise for promise, _ in invocations if promise is not None),
            tasks=tuple(task for _, task in invocations if task is not None),
            callbacks=self._pairs("all_callbacks"),
            listeners=self._pairs("all_listeners"),
            calls=self._pairs("all_calls"),
            schedules=tuple(schedule_of(row) for row in self._database.all(STATEMENTS["all_schedules"])),
        )

    def faults(self) -> tuple[str, ...]:
        """What SQLite's own check of the whole file finds wrong."""
        return tuple(found for found in self._database.firsts(STATEMENTS["quick_check"]) if found != "ok")

    # --- searches

    def _search_promises(self, query: PromiseQuery) -> Page:
        end = end_id(query.prefix)
        wanted = {
            "first": first_id(query.prefix, query.cursor),
            "end": _NO_END if end is None else end,
            "state": None if query.state is None else PROMISE_NUMBERS[query.state],
            "limit": query.limit + 1,
            **tags_filter(query.tags),
        }
        found = self._promises(_promise_search(query.state, branch=wanted["branch"] is not None), wanted)
        more = len(found) > query.limit
        promises = found[: query.limit]
        return Page(promises=promises, cursor=promises[-1].id if more else None)

    def _search_tasks(self, query: TaskQuery) -> Page:
        wanted = {
            "first": first_id("", query.cursor),
            "state": None if query.state is None else TASK_NUMBERS[query.state],
            "limit": query.limit + 1,
        }
        name = _TASK_SEARCHES.get(query.state, "search_tasks") if query.state is not None else "search_tasks"
        rows = self._database.all(STATEMENTS[name], wanted)
        found = [task for task in map(task_of, rows) if task is not None]
        more = len(found) > query.limit
        tasks = tuple(found[: query.limit])
        return Page(tasks=tasks, cursor=tasks[-1].id if more else None)

    def _search_schedules(self, query: ScheduleQuery) -> Page:
        wanted = {
            "first": first_id("", query.cursor),
            "tags": json_text(dict(query.tags)) if query.tags else None,
            "limit": query.limit + 1,
        }
        found = [schedule_of(row) for row in self._database.all(STATEMENTS["search_schedules"], wanted)]
        more = len(found) > query.limit
        schedules = tuple(found[: query.limit])
        return Page(schedules=schedules, cursor=schedules[-1].id if more else None)

    def _promises(self, name: str, wanted: Wanted) -> tuple[PromiseObject, ...]:
        return tuple(promise_of(row) for row in self._database.all(STATEMENTS[name], wanted))

    # --- rows

    def _pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        return tuple((left, right) for left, right in self._database.all(STATEMENTS[name]))


def _invocation(row: Row | None) -> tuple[PromiseObject | None, TaskObject | None]:
    return (None, None) if row is None else (promise_of(row), task_of(row[PROMISE_WIDTH:]))


def _promise_search(state: PromiseState | None, *, branch: bool) -> str:
    if branch:
        return "search_branch_promises"
    return "search_failed_promises" if state in _FAILED else "search_promises"


def _storable(id: str) -> bool:
    """Whether the text has a UTF-8 form. Half a surrogate pair has none, so nothing is stored under it."""
    if id.isascii():
        return True
    try:
        id.encode()
    except UnicodeEncodeError:
        return False
    return True
