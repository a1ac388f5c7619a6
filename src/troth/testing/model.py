"""The oracle: a store and a fold over it, in the simplest code that can be right. For differential tests.

It does for one request at a time what a kernel does for a batch: settle what is overdue, run the step, drain
what has settled, fill the preload. A real store and kernel must answer the same requests the same.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import assert_never

from msgspec.structs import replace

from troth.machine.effects import (
    AddCall,
    AddCallback,
    AddListener,
    DropSchedule,
    Effect,
    Outcome,
    PutPromise,
    PutSchedule,
    PutTask,
    RemoveCallback,
    RemoveListener,
    Sent,
)
from troth.machine.footprint import (
    BranchQuery,
    CalleesQuery,
    CallersQuery,
    PromiseQuery,
    Query,
    ScheduleQuery,
    TaskQuery,
)
from troth.machine.internal import (
    DispatchTask,
    DrainCallback,
    DrainListener,
    ExpireLease,
    FireSchedule,
    OwnStep,
    TimeOutPromise,
)
from troth.machine.limits import PRELOAD_MAX
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.properties import State
from troth.machine.schedules import occurrence_id
from troth.machine.step import Event, cycle_ids, footprint, step
from troth.machine.view import Page, View
from troth.protocol.answers import FenceAnswer, GrantAnswer, PreloadAnswer, Response
from troth.protocol.records import Tag
from troth.protocol.requests import Request

Link = AddCallback | RemoveCallback | AddListener | RemoveListener | AddCall
"""An effect on a relation between two rows."""

Observer = Callable[[State, State, Event, int, Outcome], None]
"""Called after every single step with the states around it, its cause, its clock and its outcome."""


class Model:
    """All rules and no engineering: everything is in dicts, every question walks all of them."""

    def __init__(self, observe: Observer | None = None) -> None:
        self._observe = observe
        self._promises: dict[str, PromiseObject] = {}
        self._tasks: dict[str, TaskObject] = {}
        self._callbacks: dict[tuple[str, str], None] = {}
        self._listeners: dict[tuple[str, str], None] = {}
        self._calls: dict[tuple[str, str], None] = {}
        self._schedules: dict[str, ScheduleObject] = {}

    @property
    def state(self) -> State:
        """All that is stored."""
        return State(
            promises=tuple(self._promises.values()),
            tasks=tuple(self._tasks.values()),
            callbacks=tuple(self._callbacks),
            listeners=tuple(self._listeners),
            calls=tuple(self._calls),
            schedules=tuple(self._schedules.values()),
        )

    def run(self, request: Request, now: int) -> Response:
        """Answer one request."""
        ids = footprint(request).promise_ids
        overdue = [id for id in dict.fromkeys(ids) if id in self._promises and self._promises[id].overdue(now)]
        settled = [*self._each([TimeOutPromise(id) for id in overdue], now)]
        outcome = self._take(request, now)
        self._drain([*settled, *_settled_by(outcome)], now)
        return self._preloaded(outcome, ids, now)

    def tick(self, now: int) -> None:
        """Do everything that time has made due, deliveries apart."""
        while due := self._due(now):
            self._drain([*self._each(due, now)], now)

    def deliver(self, now: int, retry_ms: int) -> tuple[Sent, ...]:
        """Offer every task that is due to be offered, tell every listener of what has settled."""
        runnable = [task.id for task in self._tasks.values() if _due(task.retry_at, now)]
        told = [pair for pair in self._listeners if not self._promises[pair[0]].pending]
        outcomes = [
            *(self._take(DispatchTask(id, retry_ms), now) for id in runnable),
            *(self._take(DrainListener(awaited_id, address), now) for awaited_id, address in told),
        ]
        return tuple(outcome.sent for outcome in outcomes if outcome.sent is not None)

    # --- steps

    def _take(self, event: Event, now: int) -> Outcome:
        before = self.state if self._observe else None
        outcome = step(self._view(event), event, now)
        for effect in outcome.effects:
            self._apply(effect)
        if self._observe and before:
            self._observe(before, self.state, event, now, outcome)
        return outcome

    def _each(self, events: list[OwnStep], now: int) -> Iterator[str]:
        """Take the steps one after another; what they settle."""
        for event in events:
            yield from _settled_by(self._take(event, now))

    def _drain(self, settled_ids: list[str], now: int) -> None:
        for id in settled_ids:
            for awaited_id, awaiter_id in tuple(self._callbacks):
                if awaited_id == id:
                    self._take(DrainCallback(awaited_id, awaiter_id), now)

    def _due(self, now: int) -> list[OwnStep]:
        promises = [promise for promise in self._promises.values() if promise.overdue(now)]
        schedules = [schedule for schedule in self._schedules.values() if schedule.next_run_at <= now]
        leases = [
            task
            for task in self._tasks.values()
            if _due(task.expires_at, now) and not self._promises[task.id].overdue(now)
        ]
        return [
            *(TimeOutPromise(promise.id) for promise in sorted(promises, key=lambda p: p.timeout_at)),
            *(ExpireLease(task.id) for task in sorted(leases, key=lambda task: task.expires_at or 0)),
            *(
                FireSchedule(schedule.id, schedule.next_run_at, occurrence_id(schedule, schedule.next_run_at))
                for schedule in sorted(schedules, key=lambda schedule: schedule.next_run_at)
            ),
        ]

    def _preloaded(self, outcome: Outcome, ids: tuple[str, ...], now: int) -> Response:
        response, branch = outcome.response, outcome.preload_branch
        if branch is None:
            return response
        found = self._search(BranchQuery(branch, PRELOAD_MAX)).promises
        preload = tuple(promise.project(now).record() for promise in found if promise.id != ids[0])
        assert isinstance(response.data, GrantAnswer | FenceAnswer | PreloadAnswer)
        return Response(response.status, replace(response.data, preload=preload))

    # --- the store

    def _view(self, event: Event) -> View:
        view, announced, cycle = View(), footprint(event), cycle_ids(event)
        for id in announced.promise_ids:
            view.hold_promise(id, self._promises.get(id), self._tasks.get(id))
        for id in announced.schedule_ids:
            view.hold_schedule(id, self._schedules.get(id))
        if announced.query is not None:
            view.hold_page(announced.query, self._search(announced.query))
        if cycle is not None:
            caller, callee = cycle
            view.hold_cycle(caller, callee, self._await_path(callee, caller))
        return view

    def _apply(self, effect: Effect) -> None:
        match effect:
            case PutPromise(promise):
                self._promises[promise.id] = promise
            case PutTask(task):
                self._tasks[task.id] = task
            case PutSchedule(schedule):
                self._schedules[schedule.id] = schedule
            case DropSchedule(id):
                self._schedules.pop(id, None)
            case _:
                self._apply_link(effect)

    def _apply_link(self, effect: Link) -> None:
        match effect:
            case AddCallback(awaited_id, awaiter_id):
                self._callbacks[awaited_id, awaiter_id] = None
            case RemoveCallback(awaited_id, awaiter_id):
                self._callbacks.pop((awaited_id, awaiter_id), None)
            case AddListener(awaited_id, address):
                self._listeners[awaited_id, address] = None
            case RemoveListener(awaited_id, address):
                self._listeners.pop((awaited_id, address), None)
            case AddCall(caller_id, callee_id):
                if caller_id in self._promises:  # an edge from nowhere leads nowhere
                    self._calls[caller_id, callee_id] = None
            case _:
                assert_never(effect)

    def _search(self, query: Query) -> Page:
        match query:
            case PromiseQuery():
                return self._search_promises(query)
            case TaskQuery(state, limit, cursor):
                tasks = [task for id, task in sorted(self._tasks.items()) if _after(id, cursor)]
                tasks = [task for task in tasks if state in (None, task.state)]
                return Page(tasks=tuple(tasks[:limit]), cursor=_cursor([t.id for t in tasks], limit))
            case ScheduleQuery(tags, limit, cursor):
                found = [schedule for id, schedule in sorted(self._schedules.items()) if _after(id, cursor)]
                found = [schedule for schedule in found if set(tags) <= set(schedule.promise_tags.items())]
                return Page(schedules=tuple(found[:limit]), cursor=_cursor([s.id for s in found], limit))
            case CalleesQuery(id):
                callees = (self._promises[callee] for caller, callee in self._calls if caller == id)
                return Page(promises=tuple(callees))
            case CallersQuery(id):
                callers = (self._promises[caller] for caller, callee in self._calls if callee == id)
                return Page(promises=tuple(callers))
            case BranchQuery(branch, limit):
                same = [p for _, p in sorted(self._promises.items()) if p.tags.get(Tag.BRANCH) == branch]
                return Page(promises=tuple(same[:limit]))
            case _:
                assert_never(query)

    def _search_promises(self, query: PromiseQuery) -> Page:
        found = [
            promise
            for id, promise in sorted(self._promises.items())
            if _after(id, query.cursor)
            and id.startswith(query.prefix)
            and query.state in (None, promise.state)
            and set(query.tags) <= set(promise.tags.items())
        ]
        cursor = _cursor([promise.id for promise in found], query.limit)
        return Page(promises=tuple(found[: query.limit]), cursor=cursor)

    def _await_path(self, from_id: str, to_id: str) -> tuple[str, ...]:
        """Breadth first, so that the path found is a shortest one; over pending promises only."""
        paths: deque[tuple[str, ...]] = deque([(from_id,)] if self._is_pending(from_id) else [])
        seen = {from_id}
        while paths:
            path = paths.popleft()
            if path[-1] == to_id:
                return path
            for caller, callee in self._calls:
                if caller == path[-1] and callee not in seen and self._is_pending(callee):
                    seen.add(callee)
                    paths.append((*path, callee))
        return ()

    def _is_pending(self, id: str) -> bool:
        return id in self._promises and self._promises[id].pending


def _settled_by(outcome: Outcome) -> list[str]:
    return [e.promise.id for e in outcome.effects if isinstance(e, PutPromise) and not e.promise.pending]


def _due(instant: int | None, now: int) -> bool:
    return instant is not None and instant <= now


def _after(id: str, cursor: str | None) -> bool:
    return cursor is None or id > cursor


def _cursor(ids: list[str], limit: int) -> str | None:
    return ids[limit - 1] if len(ids) > limit else None
