"""What the SDK asks of a connection to a kernel, near or far."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from troth.protocol.answers import Response
from troth.protocol.messages import Grant
from troth.protocol.records import Promise, Value
from troth.protocol.requests import Request

Watcher = Callable[[Promise], None]


class TaskTaker(Protocol):
    """The worker, as a transport sees it: somebody with a name and room."""

    @property
    def pid(self) -> str:
        """The holder of its leases."""
        ...

    @property
    def ttl_ms(self) -> int:
        """The lease it wants, in milliseconds."""
        ...

    @property
    def targets(self) -> Iterable[str]:
        """The addresses it serves."""
        ...

    def room(self) -> int:
        """How many more tasks it can start now."""
        ...

    def accepts(self, param: Value) -> bool:
        """Whether it can compute a promise with this param."""
        ...

    def deliver(self, grant: Grant) -> None:
        """Take a task; it is held already. Must not raise."""
        ...


class Transport(Protocol):
    """A connection, used on one event loop."""

    def on_failure(self, hear: Callable[[Exception], None]) -> None:
        """Whom to tell when the other end can serve no more; said before ``open``."""
        ...

    async def open(self) -> None:
        """Connect."""
        ...

    async def close(self) -> None:
        """Disconnect; what was sent is answered first."""
        ...

    def now(self) -> int:
        """Milliseconds since the epoch, by the clock that deadlines are measured with."""
        ...

    def submit(self, requests: Sequence[Request]) -> asyncio.Future[list[Response]]:
        """Run the requests in order; answered once all are durable."""
        ...

    def watch(self, promise_id: str, watcher: Watcher) -> None:
        """Call the watcher once when the promise settles. Register before asking for the record."""
        ...

    def unwatch(self, promise_id: str, watcher: Watcher) -> None:
        """Take a watcher back."""
        ...

    def connect(self, worker: TaskTaker) -> None:
        """Let the worker be handed tasks."""
        ...

    def disconnect(self, worker: TaskTaker) -> None:
        """Hand it nothing more."""
        ...

    def poke(self) -> None:
        """The worker has room again."""
        ...
