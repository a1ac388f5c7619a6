"""Group commit: what arrives while a commit is in flight forms the next batch, and is answered by one commit.

Nobody is answered before the commit is on disk. A commit that fails half-way fails its whole batch as unknown, and the
kernel stops.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from troth.errors import ClosedError, StoreError, StoreFailedError
from troth.machine.view import Changes
from troth.protocol.answers import Response
from troth.protocol.records import Promise
from troth.protocol.requests import Request
from troth.stores.base import Store

from .clock import Clock
from .dispatcher import Dispatcher, Worker
from .fold import Fold
from .ticker import Ticker

BATCH_MAX: Final = 512
"""Requests in one commit: enough to share an fsync, few enough that the first does not wait long for the last."""

DUE_MAX: Final = 256
"""Due steps of each kind in one commit."""

RETRY_AFTER_FAILURE_MS: Final = 1_000
"""When the store could not take a batch, due work is tried again after this long."""

Watcher = Callable[[Promise], None]


class KernelSettings(Struct, frozen=True):
    """``retry_ms``: how long an offered task may stay unclaimed before it is offered again (protocol §9.5)."""

    retry_ms: int = 5_000


class _Pending:
    """Requests that one caller sent together, and its future."""

    __slots__ = ("future", "requests")

    def __init__(self, requests: Sequence[Request], future: asyncio.Future[list[Response]]) -> None:
        self.requests = requests
        self.future = future


class Kernel:
    """Runs requests against a store. ``start`` and ``close`` bracket its life, both on one event loop."""

    def __init__(self, store: Store, clock: Clock, settings: KernelSettings | None = None) -> None:
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
        """Answer what is queued, stop the timers. The store stays open."""
        writer, self._writer = self._writer, None
        if writer is None or writer.done():
            return
        if self._failure is None:
            await asyncio.gather(self.submit(()), return_exceptions=True)
        self._failure = self._failure or ClosedError("the app is closed")
        self._ticker.stop()
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer

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

    def connect(self, worker: Worker) -> None:
        """Hand tasks to the worker from now on, beginning with what waits in the store."""
        self._dispatcher.connect(worker)
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
        loop = asyncio.get_running_loop()
        while True:
            if not (self._queue or self._due or self._poked):
                await self._rest(loop.create_future())
            batch = self._take_batch()
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                self._fail(batch, ClosedError("the event loop ended"))
                raise
            except StoreError as error:
                self._fail(batch, error)
            except Exception as defect:  # noqa: BLE001 - whatever it is, every waiting caller must hear of it
                self._fail(batch, defect)

    async def _rest(self, idle: asyncio.Future[None]) -> None:
        self._idle = idle
        try:
            await idle
        except asyncio.CancelledError:
            self._failure = self._failure or ClosedError("the event loop ended")
            raise
        finally:
            self._idle = None

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
            answers = await fold.run([request for pending in batch for request in pending.requests])
            if due:
                self._dispatcher.expect_backlog()
                found = await tx.due(self._now, DUE_MAX)
                await fold.run_due(found)
            await fold.finish()
        self._answer(batch, answers)
        self._tell(fold.written)
        self._dispatcher.settle_claims()
        for granted in fold.granted:
            granted.worker.deliver(granted.grant)
        self._ticker.note_changes(fold.written, self._now)
        self._due = self._due or fold.undrained
        self._poked = self._poked or bool(self._dispatcher.hungry())
        if due:
            await self._look_ahead()

    async def _look_ahead(self) -> None:
        """After due work was done: when is the next?"""
        next_due = await self._store.next_due_at()
        if next_due is not None:
            self._ticker.note(next_due)
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
                        watcher(record)

    def _fail(self, batch: list[_Pending], error: Exception) -> None:
        self._dispatcher.settle_claims()
        self._ticker.note(self._now + RETRY_AFTER_FAILURE_MS)
        if isinstance(error, StoreFailedError) or not isinstance(error, StoreError):
            self._failure = error
            batch = [*batch, *self._queue]
            self._queue.clear()
        for pending in batch:
            if not pending.future.done():
                pending.future.set_exception(error)
