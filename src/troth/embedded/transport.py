"""A transport whose kernel lives in this process, over a store that this process owns."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from troth.kernel.clock import Clock
from troth.kernel.kernel import Kernel
from troth.protocol.answers import Response, TaskPage
from troth.protocol.records import TaskState
from troth.protocol.requests import ReleaseTask, Request, SearchTasks
from troth.sdk.transport.base import TaskTaker, Watcher
from troth.stores.base import Store

PID_PREFIX: Final = "embedded:"
"""Holders whose process owned the store. Once the store is ours they are dead, and their tasks can be taken back."""


class EmbeddedTransport:
    """Requests go to the kernel by a function call."""

    def __init__(self, open_store: Callable[[], Awaitable[Store]], clock: Clock) -> None:
        self._open_store = open_store
        self._clock = clock
        self._store: Store | None = None
        self._kernel: Kernel | None = None
        self._on_failure: Callable[[Exception], None] | None = None

    def on_failure(self, hear: Callable[[Exception], None]) -> None:
        """Whom to tell when nothing can be written any more; said before ``open``."""
        self._on_failure = hear

    async def open(self) -> None:
        """Open the store and take back the tasks that its last owner held."""
        self._store = await self._open_store()
        self._kernel = Kernel(self._store, self._clock, on_failure=self._on_failure)
        try:
            await self._kernel.start()
            await self._take_back()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Answer what was sent, then close the store. What is sent later is refused with `ClosedError`."""
        if self._kernel is not None:
            await self._kernel.close()
        await self._close_store()

    async def abandon(self) -> None:
        """Close the store of a kernel whose event loop is gone."""
        self._kernel = None
        await self._close_store()

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._clock.now()

    def submit(self, requests: Sequence[Request]) -> asyncio.Future[list[Response]]:
        """Run the requests in order; answered once all are durable."""
        return self._opened.submit(requests)

    def watch(self, promise_id: str, watcher: Watcher) -> None:
        """Call the watcher once when the promise settles."""
        self._opened.watch(promise_id, watcher)

    def unwatch(self, promise_id: str, watcher: Watcher) -> None:
        """Take a watcher back."""
        if self._kernel is not None:
            self._kernel.unwatch(promise_id, watcher)

    def connect(self, worker: TaskTaker) -> None:
        """Let the worker be handed tasks."""
        self._opened.connect(worker, early=True)

    def disconnect(self, worker: TaskTaker) -> None:
        """Hand it nothing more."""
        if self._kernel is not None:
            self._kernel.disconnect(worker)

    def poke(self) -> None:
        """The worker has room again."""
        if self._kernel is not None:
            self._kernel.poke()

    @property
    def _opened(self) -> Kernel:
        assert self._kernel is not None, "the transport is not open"
        return self._kernel

    async def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def _take_back(self) -> None:
        cursor: str | None = None
        while True:
            (response,) = await self.submit([SearchTasks(TaskState.ACQUIRED, 1000, cursor)])
            assert isinstance(response.data, TaskPage), response
            dead = [
                ReleaseTask(task.id, task.version)
                for task in response.data.tasks
                if (task.pid or "").startswith(PID_PREFIX)
            ]
            if dead:
                await self.submit(dead)
            cursor = response.data.cursor
            if cursor is None:
                return
