"""An open app: transport, client and worker on one event loop."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from .client import Client, Ids
from .registry import Registry
from .transport.base import Transport
from .worker import Worker, WorkerSettings


class LocalTransport(Transport, Protocol):
    """A transport whose far end may have to be closed after its loop is gone."""

    async def abandon(self) -> None:
        """Release what is held outside the event loop."""
        ...


class Runtime:
    """What is open. ``loop`` is the event loop it belongs to."""

    def __init__(
        self,
        transport: LocalTransport,
        registry: Registry,
        pid: str,
        known_errors: Mapping[str, type[Exception]],
        settings: WorkerSettings,
        fresh_id: Ids,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport = transport
        self.client = Client(transport, known_errors, fresh_id)
        transport.on_failure(self.client.fail_waiters)
        self.worker = Worker(transport, registry, pid, known_errors, settings, self.client.fail_waiters)

    async def open(self, *, work: bool) -> None:
        """Connect; with ``work`` also take tasks."""
        await self.transport.open()
        if work:
            self.transport.connect(self.worker)

    def reconnect(self) -> None:
        """The worker serves other groups than before."""
        self.transport.disconnect(self.worker)
        self.transport.connect(self.worker)

    async def close(self, reason: Callable[[], Exception]) -> None:
        """Give tasks back, tell whoever waits, disconnect."""
        self.transport.disconnect(self.worker)
        await self.worker.close()
        self.client.fail_waiters(reason())
        await self.transport.close()
        self.client.fail_waiters(reason())  # who began to wait while it closed
