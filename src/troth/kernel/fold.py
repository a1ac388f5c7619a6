"""One batch: steps folded over a view of the store, in order, inside one transaction.

After the requests come their consequences, in the same transaction: callbacks of what settled are drained, and what
became runnable is granted to a worker with room.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from troth.errors import StoreError
from troth.machine.effects import Outcome
from troth.machine.footprint import BranchQuery, Footprint
from troth.machine.guards import parse_delay
from troth.machine.internal import (
    DispatchTask,
    DrainCallback,
    ExpireLease,
    FireSchedule,
    TimeOutPromise,
)
from troth.machine.limits import PRELOAD_MAX
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.schedules import occurrence_id
from troth.machine.step import Event, cycle_ids, footprint, step
from troth.machine.view import Changes, Subscriptions, View
from troth.protocol.answers import FenceAnswer, GrantAnswer, PreloadAnswer, Refusal, Response
from troth.protocol.messages import Grant
from troth.protocol.records import Tag, TaskState
from troth.protocol.requests import (
    AcquireTask,
    CreatePromise,
    CreateTask,
    FenceTask,
    HeartbeatTasks,
    Request,
    TaskRef,
)
from troth.stores.base import Transaction

from .dispatcher import Dispatcher, Worker

DRAIN_MAX: Final = 1000
"""Callbacks of one promise drained in one batch: ten thousand awaiters must not hold up everyone else's commit."""

CATCH_UP_MAX: Final = 100
"""Missed occurrences of one schedule that are caught up after a pause, the oldest first; the rest are skipped."""

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
        self.defects: list[Exception] = []
        """What went wrong in steps that nobody asked for."""
        self.due_again = False
        """Something is left that is due now: it needs another batch."""

    async def run(self, requests: Sequence[Request]) -> list[Response | Exception]:
        """Fold the requests in order. A step that fails by a defect of ours fails alone: it has no effects."""
        footprints = [_announced(request) for request in requests]
        known = [each for each in footprints if isinstance(each, Footprint)]
        view = self._view  # what it holds already may be newer than what is stored
        await self._tx.load(
            view,
            {id: None for each in known for id in each.promise_ids if not view.holds(id)},
            {id: None for each in known for id in each.schedule_ids if not view.holds_schedule(id)},
        )
        return [
            await self._answer(request, announced) if isinstance(announced, Footprint) else announced
            for request, announced in zip(requests, footprints, strict=True)
        ]

    def grant_early(self, requests: Sequence[Request]) -> list[Granted]:
        """Grants that may start before they are committed: new calls made under a task whose holder shares our fate.

        Should the commit fail, they never were; whoever replays the caller makes the same calls again.
        """
        before = len(self.granted)
        for request in requests:
            if not isinstance(request, FenceTask) or request.action.id not in self._view.changes.new_ids:
                continue
            holder = self._view.task(request.id)
            if holder is not None and self._dispatcher.starts_early(holder.pid):
                self._grant_if_free(request.action.id)
        early = [each for each in self.granted[before:] if self._dispatcher.starts_early(each.worker.pid)]
        self.granted[before:] = [each for each in self.granted[before:] if each not in early]
        return early

    async def finish(self) -> None:
        """Drain, grant, and write everything that is not written yet."""
        await self._drain_settled()
        self._grant_new()
        await self._grant_backlog()
        await self._flush()

    async def run_due(self, limit: int) -> None:
        """The server's own steps for what time has made due, at most ``limit`` of each kind.

        What the requests of this batch wrote is written first: they may have renewed a lease that had ended.
        """
        await self._flush()
        due = await self._tx.due(self._now, limit)
        ids = {*due.timed_out_ids, *(task.id for task in due.expired_leases)}
        await self._tx.load(self._view, ids, {schedule.id for schedule in due.schedules})
        for id in due.timed_out_ids:
            self._own_step(TimeOutPromise(id))
        for task in due.expired_leases:
            self._own_step(self._lease_step(task))
        for schedule in due.schedules:
            await self._fire(schedule)
        await self._drain(due.undrained_ids, marked=True)

    async def _fire(self, due: ScheduleObject) -> None:
        """Its occurrences until now, one after another (protocol §9.7)."""
        schedule: ScheduleObject | None = due
        for fired in range(1, CATCH_UP_MAX + 1):
            if schedule is None or schedule.next_run_at > self._now:
                return
            at = schedule.next_run_at
            id = occurrence_id(schedule, at)
            if not self._view.holds(id):
                await self._tx.load(self._view, (id,))
            if not self._own_step(FireSchedule(schedule.id, at, id, catch_up=fired < CATCH_UP_MAX)):
                return
            schedule = self._view.schedule(schedule.id)

    def _lease_step(self, task: TaskObject) -> Request | ExpireLease:
        if task.pid is not None and self._dispatcher.alive(task.pid):
            return HeartbeatTasks(task.pid, (TaskRef(task.id, task.version),))
        return ExpireLease(task.id)

    # --- requests

    async def _answer(self, request: Request, announced: Footprint) -> Response | Exception:
        view = self._view
        try:
            if announced.query is not None:
                await self._flush()
                view.hold_page(announced.query, await self._tx.search(announced.query))
            for id in announced.promise_ids:
                promise = view.promise(id)
                if promise is not None and promise.overdue(self._now):
                    self._step(TimeOutPromise(id))
            if isinstance(request, _CREATES) and self._joins(request):
                await self._look_for_cycle(cycle_ids(request))
            outcome = self._step(request, announced)
            if outcome.preload_branch is None:
                return outcome.response
            return await self._fill_preload(outcome, outcome.preload_branch, announced)
        except StoreError:
            raise
        except Exception as defect:  # noqa: BLE001 - whatever it is, it is the answer to this request only
            view.focus(None)
            return defect

    def _joins(self, request: CreatePromise | CreateTask | FenceTask) -> bool:
        """Whether it may create a promise that exists and is pending."""
        id = request.id if isinstance(request, CreatePromise) else request.action.id
        existing = self._view.promise(id) if self._view.holds(id) else None
        return existing is not None and existing.pending

    async def _look_for_cycle(self, edge: tuple[str, str] | None) -> None:
        """Who joins a pending promise may close a cycle; only then is the call graph searched."""
        if edge is None:
            return
        caller_id, callee_id = edge
        await self._flush()
        path = await self._tx.await_path(callee_id, caller_id)
        self._view.hold_cycle(caller_id, callee_id, path)

    async def _fill_preload(self, outcome: Outcome, branch: str, announced: Footprint) -> Response:
        await self._flush()
        page = await self._tx.search(BranchQuery(branch, PRELOAD_MAX))
        own = announced.promise_ids[0]
        preload = tuple(p.project(self._now).record() for p in page.promises if p.id != own)
        data = outcome.response.data
        assert isinstance(data, GrantAnswer | FenceAnswer | PreloadAnswer), data
        return Response(outcome.response.status, replace(data, preload=preload))

    def _own_step(self, event: Event) -> bool:
        """A step of the server's own; a defect in one must not keep the others from being taken."""
        try:
            self._step(event)
        except Exception as defect:  # noqa: BLE001 - whatever it is, it is reported
            self.defects.append(defect)
            return False
        return True

    def _step(self, event: Event, announced: Footprint | None = None) -> Outcome:
        view = self._view
        outcome = step(view, event, self._now, announced)
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
        more = not found.complete and len(found.awaiter_ids) >= DRAIN_MAX
        self.due_again = self.due_again or more
        if more != marked:
            self._view.changes.undrained[awaited_id] = more

    def _grant_new(self) -> None:
        """Hand over what this batch made runnable, unless something older waits for the same workers."""
        runnable = [
            task
            for written in (*self.written, self._view.changes)
            for task in written.tasks.values()
            if task.state is TaskState.PENDING and task.retry_at is not None and task.retry_at <= self._now
        ]
        for task in runnable:
            self._grant_if_free(task.id)

    def _grant_if_free(self, id: str) -> None:
        promise, task = self._view.promise(id), self._view.task(id)
        if promise is None or task is None or task.state is not TaskState.PENDING:
            return
        target = promise.target or ""
        if self._dispatcher.owes(target) or self._delayed(promise) or not self._grant(promise, task):
            self._dispatcher.note_backlog(target)

    async def _grant_backlog(self) -> None:
        """Hand over what waited in the store for somebody with room."""
        for target, new in self._dispatcher.hungry():
            room = self._dispatcher.room(target)
            if room == 0:
                continue
            await self._flush()
            horizon = self._now + self._retry_ms if new else self._now
            found = await self._tx.runnable(target, horizon, room)
            self._dispatcher.looked(target, empty=len(found) < room)
            await self._tx.load(self._view, [f.promise.id for f in found if not self._view.holds(f.promise.id)])
            for invocation in found:
                self._offer(invocation.promise.id)

    def _offer(self, id: str) -> None:
        promise, task = self._view.promise(id), self._view.task(id)
        if promise is None or task is None:
            return
        if promise.overdue(self._now):
            self.due_again = True  # its callbacks have to be drained, which is over in this batch
        elif wait_ms := self._delayed(promise):
            self._step(DispatchTask(id, wait_ms))
        elif not self._grant(promise, task):
            self._step(DispatchTask(id, self._retry_ms))

    def _delayed(self, promise: PromiseObject) -> int:
        """Milliseconds for which the promise must not be dispatched yet, also when it was given back meanwhile."""
        delay = promise.tags.get(Tag.DELAY)
        return 0 if delay is None else max(0, (parse_delay(delay) or 0) - self._now)

    def _grant(self, promise: PromiseObject, task: TaskObject) -> bool:
        try:
            worker = self._dispatcher.claim(promise)
        except Exception as defect:  # noqa: BLE001 - a worker that cannot judge the promise is reported, and not asked to run it
            self.defects.append(defect)
            return False
        if worker is None:
            return False
        outcome = self._step(AcquireTask(task.id, task.version, worker.pid, worker.ttl_ms))
        data = outcome.response.data
        if not isinstance(data, GrantAnswer):
            assert isinstance(data, Refusal), data
            return False
        self.granted.append(Granted(worker, Grant(data.task, data.promise)))
        return True


def _announced(request: Request) -> Footprint | Exception:
    try:
        return footprint(request)
    except Exception as defect:  # noqa: BLE001 - whatever it is, it is the answer to this request only
        return defect
