"""One batch: steps folded over a view of the store, in order, inside one transaction.

After the requests come their consequences, in the same transaction: callbacks of what settled are drained, and what
became runnable is granted to a worker with room.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from troth.machine.effects import Outcome
from troth.machine.footprint import BranchQuery, Footprint
from troth.machine.internal import (
    DispatchTask,
    DrainCallback,
    ExpireLease,
    FireSchedule,
    TimeOutPromise,
)
from troth.machine.limits import PRELOAD_MAX
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.schedules import occurrence_id
from troth.machine.step import Event, footprint, step
from troth.machine.view import Changes, Subscriptions, View
from troth.protocol.answers import FenceAnswer, GrantAnswer, PreloadAnswer, Refusal, Response
from troth.protocol.messages import Grant
from troth.protocol.records import NEVER, Tag, TaskState
from troth.protocol.requests import (
    AcquireTask,
    CreatePromise,
    CreateTask,
    FenceTask,
    HeartbeatTasks,
    Request,
    TaskRef,
)
from troth.stores.base import Due, Transaction

from .dispatcher import Dispatcher, Worker

DRAIN_MAX: Final = 1000
"""Callbacks of one promise drained in one batch: ten thousand awaiters must not hold up everyone else's commit."""

_CREATES: Final = (CreatePromise, CreateTask, FenceTask)


class Granted(Struct, frozen=True):
    """A grant and who gets it once it is committed."""

    worker: Worker
    grant: Grant


class Fold:
    """The state of one batch. ``now`` is the instant of all its steps."""

    def __init__(self, tx: Transaction, dispatcher: Dispatcher, now: int, retry_ms: int) -> None:
        self._tx = tx
        self._dispatcher = dispatcher
        self._now = now
        self._retry_ms = retry_ms
        self._view = View()
        self.written: list[Changes] = []
        self.granted: list[Granted] = []
        self.undrained = False

    async def run(self, requests: Sequence[Request]) -> list[Response | Exception]:
        """Fold the requests in order. A step that fails by a defect of ours fails alone: it has no effects."""
        footprints = [footprint(request) for request in requests]
        await self._tx.load(
            self._view,
            {id: None for announced in footprints for id in announced.promise_ids},
            {id: None for announced in footprints for id in announced.schedule_ids},
        )
        answers: list[Response | Exception] = []
        for request, announced in zip(requests, footprints, strict=True):
            try:
                answers.append(await self._run_one(request, announced))
            except (AssertionError, LookupError, TypeError, ValueError, AttributeError) as defect:
                answers.append(defect)
        return answers

    async def finish(self) -> None:
        """Drain, grant, and write everything that is not written yet."""
        await self._drain_settled()
        self._grant_new()
        await self._grant_backlog()
        await self._flush()

    async def run_due(self, due: Due) -> None:
        """The server's own steps for what time has made due."""
        expired = [task.id for task in due.expired_leases]
        occurrences = {s.id: occurrence_id(s, s.next_run_at) for s in due.schedules}
        await self._tx.load(self._view, {*due.timed_out_ids, *expired, *occurrences.values()}, occurrences.keys())
        for id in due.timed_out_ids:
            self._step(TimeOutPromise(id))
        for task in due.expired_leases:
            self._step(self._lease_step(task))
        for schedule in due.schedules:
            self._step(FireSchedule(schedule.id, schedule.next_run_at, occurrences[schedule.id]))
        await self._drain(due.undrained_ids, marked=True)

    def _lease_step(self, task: TaskObject) -> Request | ExpireLease:
        if task.pid is not None and self._dispatcher.alive(task.pid):
            return HeartbeatTasks(task.pid, (TaskRef(task.id, task.version),))
        return ExpireLease(task.id)

    # --- requests

    async def _run_one(self, request: Request, announced: Footprint) -> Response:
        view = self._view
        view.focus(None)
        if announced.query is not None:
            await self._flush()
            view.hold_page(announced.query, await self._tx.search(announced.query))
        for id in announced.promise_ids:
            promise = view.promise(id)
            if promise is not None and promise.overdue(self._now):
                self._step(TimeOutPromise(id))
        if isinstance(request, _CREATES):
            await self._look_for_cycle(request)
        outcome = self._step(request)
        if outcome.preload_branch is None:
            return outcome.response
        return await self._fill_preload(outcome, outcome.preload_branch, announced)

    async def _look_for_cycle(self, request: CreatePromise | CreateTask | FenceTask) -> None:
        """Who joins a pending promise may close a cycle; only then is the call graph searched."""
        create = request if isinstance(request, CreatePromise) else request.action
        if not isinstance(create, CreatePromise) or create.caller is None:
            return
        existing = self._view.promise(create.id)
        if existing is None or not existing.pending or create.caller == create.id:
            return
        await self._flush()
        path = await self._tx.await_path(create.id, create.caller)
        self._view.hold_cycle(create.caller, create.id, path)

    async def _fill_preload(self, outcome: Outcome, branch: str, announced: Footprint) -> Response:
        await self._flush()
        page = await self._tx.search(BranchQuery(branch, PRELOAD_MAX))
        own = announced.promise_ids[0]
        preload = tuple(p.project(self._now).record() for p in page.promises if p.id != own)
        data = outcome.response.data
        assert isinstance(data, GrantAnswer | FenceAnswer | PreloadAnswer), data
        return Response(outcome.response.status, replace(data, preload=preload))

    def _step(self, event: Event) -> Outcome:
        view = self._view
        outcome = step(view, event, self._now)
        view.focus(None)
        if outcome.effects:
            view.advance(outcome.effects)
        return outcome

    async def _flush(self) -> None:
        if self._view.changes:
            changes = self._view.take_changes()
            await self._tx.apply(changes)
            self.written.append(changes)

    # --- consequences

    async def _drain_settled(self) -> None:
        changes = self._view.changes
        fresh = bool(changes.added_callbacks) or bool(self.written)
        settled = [
            promise.id
            for written in (*self.written, changes)
            for promise in written.promises.values()
            if not promise.pending and (fresh or promise.id not in written.new_ids)
        ]
        if not settled:
            return
        if fresh:
            await self._flush()
        await self._drain(settled, marked=False)

    async def _drain(self, awaited_ids: Iterable[str], *, marked: bool) -> None:
        view = self._view
        view.subscriptions.clear()
        await self._tx.load_subscriptions(view, awaited_ids, DRAIN_MAX)
        waiting = {id: found for id, found in view.subscriptions.items() if found.awaiter_ids or marked}
        if not waiting:
            return
        named = {id: None for found in waiting.values() for id in found.awaiter_ids}
        missing = [id for id in (*waiting, *named) if not view.holds(id)]
        await self._tx.load(view, missing)
        for awaited_id, found in waiting.items():
            for awaiter_id in found.awaiter_ids:
                self._step(DrainCallback(awaited_id, awaiter_id))
            self._mark(awaited_id, found, marked=marked)

    def _mark(self, awaited_id: str, found: Subscriptions, *, marked: bool) -> None:
        more = not found.complete
        self.undrained = self.undrained or more
        if more != marked:
            self._view.changes.undrained[awaited_id] = more

    def _grant_new(self) -> None:
        """Hand over what this batch made runnable."""
        runnable = [
            task
            for written in (*self.written, self._view.changes)
            for task in written.tasks.values()
            if task.state is TaskState.PENDING and task.retry_at is not None and task.retry_at <= self._now
        ]
        for task in runnable:
            current = self._view.task(task.id)
            promise = self._view.promise(task.id)
            if current is None or current.state is not TaskState.PENDING or promise is None:
                continue
            if not self._grant(promise, current):
                self._dispatcher.note_backlog(promise.target or "")

    async def _grant_backlog(self) -> None:
        """Hand over what waited in the store for somebody with room."""
        for target, room, new in self._dispatcher.hungry():
            await self._flush()
            horizon = self._now + self._retry_ms if new else self._now
            found = await self._tx.runnable(target, horizon, room)
            self._dispatcher.looked(target, empty=len(found) < room)
            await self._tx.load(self._view, [f.promise.id for f in found if not self._view.holds(f.promise.id)])
            for invocation in found:
                id = invocation.promise.id
                promise, task = self._view.promise(id), self._view.task(id)
                if promise is None or task is None or _delayed_until(promise) > self._now:
                    continue
                if promise.overdue(self._now):
                    self._step(TimeOutPromise(id))
                elif not self._grant(promise, task):
                    self._step(DispatchTask(id, self._retry_ms))

    def _grant(self, promise: PromiseObject, task: TaskObject) -> bool:
        worker = self._dispatcher.claim(promise)
        if worker is None:
            return False
        outcome = self._step(AcquireTask(task.id, task.version, worker.pid, worker.ttl_ms))
        data = outcome.response.data
        if not isinstance(data, GrantAnswer):
            assert isinstance(data, Refusal), data
            return False
        self.granted.append(Granted(worker, Grant(data.task, data.promise)))
        return True


def _delayed_until(promise: PromiseObject) -> int:
    """The instant before which the promise must not be dispatched; 0 without a delay, never if it is unreadable."""
    delay = promise.tags.get(Tag.DELAY)
    if delay is None:
        return 0
    return int(delay) if delay.isdecimal() else NEVER
