"""Group commit: what arrives while a commit is in flight forms the next batch, and is answered by one commit.

Nobody is answered before the commit is on disk. A batch that cannot be written fails, and the next one is tried; a
commit that fails half-way leaves its batch unknown, and the kernel stops.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from msgspec import Struct

from troth.errors import ClosedError, StoreFailedError
from troth.machine.view import Changes
from troth.protocol.answers import Response
from troth.protocol.records import Promise
from troth.protocol.requests import ReleaseTask, Request
from troth.stores.base import Store

from .clock import Clock
from .dispatcher import Dispatcher, Worker
from .fold import Fold, Granted
from .ticker import Ticker

BATCH_MAX: Final = 512
"""Requests in one commit: enough to share an fsync, few enough that the first does not wait long for the last."""

DUE_MAX: Final = 256
"""Due steps of each kind in one commit."""

HOLD_MAX_S: Final = 0.005
"""How long a batch is kept open for what its early grants ask for; whoever waits for an answer waits as long."""

RETRY_AFTER_FAILURE_MS: Final = 1_000
"""When the store could not take a batch, due work is tried again after this long."""

_LOOP_ENDED: Final = "the event loop ended"

Watcher = Callable[[Promise], None]
News = TypeVar("News")


class KernelSettings(Struct, frozen=True):
    """``retry_ms``: how long an offered task may stay unclaimed before it is offered again (protocol §9.5)."""

    retry_ms: int = 5_000


class _NextTurn:
    """Awaiting it lets everything that is ready on the loop run once."""

    def __await__(self) -> Generator[None]:
        yield


class _Pending:
    """Requests that one caller sent together, and its future."""

    __slots__ = ("future", "requests")

    def __init__(self, requests: Sequence[Request], future: asyncio.Future[list[Response]]) -> None:
        self.requests = requests
        self.future = future


class Kernel:
    """Runs requests against a store. ``start`` and ``close`` bracket its life, both on one event loop.

    ``on_failure`` hears of the failure after which nothing is written any more.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: KernelSettings | None = None,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        self._on_failure = on_failure
        self._store = store
        self._clock = clock
        self._settings = settings or KernelSettings()
        self._dispatcher = Dispatcher()
        self._ticker = Ticker(clock, self._tick)
        self._queue: deque[_Pending] = deque()
        self._watchers: dict[str, list[Watcher]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._due = True
        self._poked = False
        self._failure: Exception | None = None
        self._now = 0

    async def start(self) -> None:
        """Begin to write, and to watch the clock for what is stored already."""
        self._writer = asyncio.get_running_loop().create_task(self._write(), name="troth-kernel")

    async def close(self) -> None:
        """Answer what is queued and refuse what comes later, stop the timers. The store stays open."""
        writer, self._writer = self._writer, None
        if writer is None:
            self._end("the app is closed")
            return
        try:
            if self._failure is None:
                last = self.submit(())
                self._failure = ClosedError("the app is closed")
                await asyncio.gather(last, return_exceptions=True)
        finally:
            writer.cancel()
        await asyncio.wait([writer])

    def submit(self, requests: Sequence[Request]) -> asyncio.Future[list[Response]]:
        """Run the requests in order in one commit; the future holds their responses once they are durable."""
        future: asyncio.Future[list[Response]] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            future.set_exception(self._failure)
            return future
        self._queue.append(_Pending(requests, future))
        self._wake()
        return future

    def watch(self, promise_id: str, watcher: Watcher) -> None:
        """Call the watcher once, right after the commit that settles the promise.

        Register before asking for the record, then nothing can be missed.
        """
        self._watchers.setdefault(promise_id, []).append(watcher)

    def unwatch(self, promise_id: str, watcher: Watcher) -> None:
        """Take a watcher back."""
        watchers = self._watchers.get(promise_id)
        if watchers is None:
            return
        with suppress(ValueError):
            watchers.remove(watcher)
        if not watchers:
            del self._watchers[promise_id]

    def connect(self, worker: Worker, *, early: bool = False) -> None:
        """Hand tasks to the worker from now on, beginning with what waits in the store."""
        self._dispatcher.connect(worker, early=early)
        self.poke()

    def disconnect(self, worker: Worker) -> None:
        """Hand it nothing more."""
        self._dispatcher.disconnect(worker)

    def poke(self) -> None:
        """A worker has room again: hand over what waits, if anything does."""
        if not self._poked and self._dispatcher.hungry():
            self._poked = True
            self._wake()

    # --- the writer

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _tick(self) -> None:
        self._due = True
        self._wake()

    async def _write(self) -> None:
        try:
            while not isinstance(self._failure, StoreFailedError):
                await self._rest()
                batch = self._take_batch()
                try:
                    await self._commit(batch)
                except asyncio.CancelledError:
                    self._fail(batch, self._failure or ClosedError(_LOOP_ENDED))
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, every waiting caller must hear of it
                    self._fail(batch, error)
        finally:
            self._end(_LOOP_ENDED)

    async def _rest(self) -> None:
        """Until there is something to do; where there is, for one turn of the loop, so that all others have theirs."""
        loop = asyncio.get_running_loop()
        self._idle = loop.create_future()
        if self._queue or self._due or self._poked:
            loop.call_soon(self._wake)
        try:
            await self._idle
        finally:
            self._idle = None

    def _end(self, reason: str) -> None:
        """Nothing is written any more: what is queued fails, and what is sent later."""
        self._ticker.stop()
        self._failure = self._failure or ClosedError(reason)
        queued = list(self._queue)
        self._queue.clear()
        _fail_all(queued, self._failure)

    def _take_batch(self) -> list[_Pending]:
        batch: list[_Pending] = []
        size = 0
        while self._queue and size < BATCH_MAX:
            pending = self._queue.popleft()
            size += len(pending.requests)
            batch.append(pending)
        return batch

    async def _commit(self, batch: list[_Pending]) -> None:
        due, self._due, self._poked = self._due, False, False
        self._now = max(self._now, self._clock.now())
        async with self._store.transaction() as tx:
            fold = Fold(tx, self._dispatcher, self._now, self._settings.retry_ms)
            answers = await self._fold(fold, batch)
            if due:
                self._dispatcher.expect_backlog()
                await fold.run_due(DUE_MAX)
            await fold.finish()
        self._answer(batch, answers)
        self._tell(fold.written)
        self._deliver(fold.granted)
        self._dispatcher.settle_claims()
        for defect in fold.defects:
            _report(defect)
        self._ticker.note_changes(fold.written, self._now)
        self._due = self._due or fold.due_again
        self._poked = self._poked or bool(self._dispatcher.hungry())
        if due:
            await self._look_ahead(progress=bool(fold.written))

    async def _fold(self, fold: Fold, batch: list[_Pending]) -> list[Response | Exception]:
        """Fold the batch, and into it what early grants ask for in their first turn of the loop, for a short while.

        So a recursion goes down many levels in one commit, and a short call is begun and ended in one.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + HOLD_MAX_S
        answers: list[Response | Exception] = []
        more = batch
        while more:
            requests = [request for pending in more for request in pending.requests]
            answers += await fold.run(requests)
            if len(answers) >= BATCH_MAX or loop.time() > until:
                break
            early = fold.grant_early(requests)
            if not early:
                break
            self._deliver(early)
            await _NextTurn()
            more = self._take_batch()
            batch += more
        return answers

    async def _look_ahead(self, *, progress: bool) -> None:
        """After due work was done: when is the next? What is due still, though nothing could be done, waits a while."""
        next_due = await self._store.next_due_at()
        if next_due is not None:
            stuck = next_due <= self._now and not progress
            self._ticker.note(self._now + RETRY_AFTER_FAILURE_MS if stuck else next_due)
        next_retry = await self._store.next_retry_at(self._now)
        if next_retry is not None:
            self._ticker.note(next_retry)

    def _answer(self, batch: list[_Pending], answers: list[Response | Exception]) -> None:
        at = 0
        for pending in batch:
            mine = answers[at : at + len(pending.requests)]
            at += len(pending.requests)
            if pending.future.done():
                continue
            defect = next((each for each in mine if isinstance(each, Exception)), None)
            if defect is not None:
                pending.future.set_exception(defect)
            else:
                pending.future.set_result([each for each in mine if isinstance(each, Response)])

    def _tell(self, written: list[Changes]) -> None:
        watchers = self._watchers
        if not watchers:
            return
        for changes in written:
            for promise in changes.promises.values():
                if not promise.pending and promise.id in watchers:
                    record = promise.record()
                    for watcher in watchers.pop(promise.id):
                        _tell_one(watcher, record)

    def _deliver(self, granted: list[Granted]) -> None:
        for each in granted:
            self._dispatcher.settle_claim(each.worker.pid)
            if self._dispatcher.alive(each.worker.pid):
                _tell_one(each.worker.deliver, each.grant)
            else:  # it left while the grant was being committed
                task = each.grant.task
                self.submit([ReleaseTask(task.id, task.version)]).add_done_callback(_observe)

    def _fail(self, batch: list[_Pending], error: Exception) -> None:
        self._dispatcher.settle_claims()
        if isinstance(error, StoreFailedError):
            self._failure = error
            if self._on_failure is not None:
                self._on_failure(error)
        else:
            self._ticker.note(self._now + RETRY_AFTER_FAILURE_MS)
        _fail_all(batch, error)


def _fail_all(batch: list[_Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.future.done():
            pending.future.set_exception(error)


def _tell_one(listener: Callable[[News], None], news: News) -> None:
    """Somebody else's code: what it raises must not keep the next one from its own news."""
    try:
        listener(news)
    except Exception as defect:  # noqa: BLE001 - whatever it is, it is reported
        _report(defect)


def _report(defect: Exception) -> None:
    """Nobody waits for this; the event loop's handler hears of it, which logs it unless told otherwise."""
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "a defect in the kernel or its listeners", "exception": defect})


def _observe(given_back: asyncio.Future[Any]) -> None:
    """If it could not be given back, its lease will end."""
    if not given_back.cancelled():
        given_back.exception()
