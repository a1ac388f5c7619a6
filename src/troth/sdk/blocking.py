"""An event loop in a thread, for code that has none."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable
from concurrent.futures import CancelledError
from typing import Final, TypeVar

from troth.errors import ClosedError, WrongLoopError

T = TypeVar("T")

STOP_S: Final = 10.0
"""How long `LoopThread.stop` waits for what it cancels; the thread is a daemon, so it holds nobody up later."""


class LoopThread:
    """Runs awaitables for callers of other threads. The thread starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Block until the awaitable is done."""
        coroutine = _awaited(awaitable)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            coroutine.close()
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            raise WrongLoopError(
                "a blocking call inside a running event loop would stop the loop; write `await app.…` here"
            )
        with self._lock:  # a loop that is stopped meanwhile still cancels it
            future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
        try:
            return future.result()
        except CancelledError:
            raise ClosedError("the app was closed; the call goes on when it is opened again") from None
        except KeyboardInterrupt:
            future.cancel()
            raise

    @property
    def started(self) -> bool:
        """Whether there is a thread."""
        return self._loop is not None

    def stop(self) -> None:
        """Stop the loop. What it was running is cancelled: callers that wait get `ClosedError`."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(STOP_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="troth-loop", daemon=True)
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
