"""An event loop in a thread, for code that has none."""

import asyncio
import threading
from collections.abc import Awaitable
from typing import TypeVar

from troth.errors import WrongLoopError

T = TypeVar("T")


class LoopThread:
    """Runs awaitables for callers of other threads. The thread starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
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
            raise WrongLoopError(
                "a blocking call inside a running event loop would stop the loop; write `await app.…` here"
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self._started()).result()

    @property
    def started(self) -> bool:
        """Whether there is a thread."""
        return self._loop is not None

    def stop(self) -> None:
        """Stop the loop. What it was running is cancelled."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="troth-loop", daemon=True).start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
