"""A world to run functions in: one store, and apps that open it one after another, over a wire that can be cut.

Nothing waits for the clock: a test waits for a condition, moves a clock by hand, or sweeps by hand.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from troth.embedded.transport import PID_PREFIX, EmbeddedTransport
from troth.errors import ClosedError
from troth.protocol.answers import Response
from troth.protocol.records import Promise, Task
from troth.protocol.requests import GetPromise, GetTask, Request
from troth.sdk.context import Context
from troth.sdk.engine.execution import NO_OPTIONS, CallOptions
from troth.sdk.function import DurableFunction, Function, Traits
from troth.sdk.registry import Registry
from troth.sdk.runtime import Runtime
from troth.sdk.worker import WorkerSettings
from troth.stores.memory import MemoryStore
from troth.testing.clock import ManualClock

PATIENCE_S = 20.0
"""A condition that has not come by then never will, even on a busy machine."""


STORY_S = 60.0
"""A story that takes longer hangs."""


async def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Give way until the condition holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while not condition():
        assert loop.time() < end, f"{what} never came"
        await asyncio.sleep(0)


async def settle_down(turns: int = 30) -> None:
    """Let everybody have so many turns, for what must *not* happen."""
    for _ in range(turns):
        await asyncio.sleep(0)


class LastingStore(MemoryStore):
    """Still there for the next app that opens it."""

    async def close(self) -> None:
        pass


class Wire(EmbeddedTransport):
    """Notes what goes over it, refuses what ``fault`` names an error for, and holds back what ``hold`` says."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.open_store, world.clock)
        self.sent: list[Request] = []
        self.fault: Callable[[Sequence[Request]], Exception | None] = lambda _: None
        self.held_back: Callable[[Sequence[Request]], bool] = lambda _: False
        self._waiting: list[tuple[Sequence[Request], asyncio.Future[list[Response]]]] = []

    def submit(self, requests: Sequence[Request]) -> "asyncio.Future[list[Response]]":
        error = self.fault(requests)
        future: asyncio.Future[list[Response]] = asyncio.get_running_loop().create_future()
        if error is not None:
            future.set_exception(error)
            return future
        if self.held_back(requests):
            self._waiting.append((requests, future))
            return future
        self.sent.extend(requests)
        return super().submit(requests)

    def let_through(self) -> None:
        """Send what was held back, and hold back nothing more."""
        self.held_back = lambda _: False
        waiting, self._waiting = self._waiting, []
        for requests, future in waiting:
            self.submit(requests).add_done_callback(lambda sent, future=future: _pass_on(sent, future))

    def kinds(self) -> list[str]:
        return [type(request).__name__ for request in self.sent]


def _pass_on(sent: "asyncio.Future[list[Response]]", future: "asyncio.Future[list[Response]]") -> None:
    if not future.done():
        future.set_result(sent.result())


class App:
    """An open runtime."""

    def __init__(self, runtime: Runtime, wire: Wire) -> None:
        self.runtime = runtime
        self.wire = wire
        self.client = runtime.client
        self.worker = runtime.worker
        self.residency = runtime.worker.residency

    async def call(self, function: Function[..., Any], *args: Any, id: str | None = None, here: bool = False) -> Any:
        options = NO_OPTIONS if id is None else CallOptions(id)
        return await self.client.call(function.call(args, {}), options, self.worker if here else None)

    def start(self, function: Function[..., Any], *args: Any, id: str | None = None) -> "asyncio.Task[Any]":
        return asyncio.get_running_loop().create_task(self.call(function, *args, id=id))

    async def record(self, id: str) -> Promise:
        (response,) = await self.wire.submit([GetPromise(id)])
        return response.data.promise  # pyright: ignore[reportAttributeAccessIssue]

    async def task(self, id: str) -> Task:
        (response,) = await self.wire.submit([GetTask(id)])
        return response.data.task  # pyright: ignore[reportAttributeAccessIssue]

    async def ids(self) -> set[str]:
        return {promise.id for promise in (await self.store.snapshot()).promises}

    @property
    def store(self) -> MemoryStore:
        assert isinstance(self.wire._store, MemoryStore)
        return self.wire._store

    def sweep(self) -> None:
        """As the worker's timer does."""
        self.worker._sweep()

    @property
    def runs(self) -> dict[str, Any]:
        return self.worker._runs


class World:
    """What outlives an app."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = LastingStore()
        self.registry = Registry()
        self.errors: dict[str, type[Exception]] = {}
        self.entered: Counter[Any] = Counter()
        self.opened = 0
        self._defects: list[str] = []

    async def open_store(self) -> MemoryStore:
        return self.store

    def function(self, body: Any = None, /, **traits: Any) -> Any:
        """``@world.function`` as ``@app.function``."""

        def decorate(body: Callable[..., Any]) -> Function[..., Any]:
            function: DurableFunction[..., Any, ..., Any] = DurableFunction(body, Traits(**traits), Context)
            self.registry.add(function)
            return function

        return decorate if body is None else decorate(body)

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[App]:
        self.opened += 1
        wire = Wire(self)
        numbers = iter(range(1_000_000))
        runtime = Runtime(
            wire,
            self.registry,
            f"{PID_PREFIX}{self.opened}",
            self.errors,
            WorkerSettings(**settings),
            lambda: f"{self.opened}{next(numbers):04}",
        )
        await runtime.open(work=True)
        try:
            yield App(runtime, wire)
        finally:
            await runtime.close(lambda: ClosedError("the app was closed"))

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run the story; afterwards nothing may have failed unseen."""

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, seen: self._defects.append(str(seen)))
            async with asyncio.timeout(STORY_S):
                await story()
            gc.collect()
            await asyncio.sleep(0)

        asyncio.run(main())
        assert self._defects == []

    @contextmanager
    def expected_defect(self, text: str) -> Iterator[None]:
        """What is reported to nobody in particular, for once, is meant to be."""
        yield
        found = [defect for defect in self._defects if text in defect]
        assert found
        self._defects = [defect for defect in self._defects if text not in defect]


@pytest.fixture
def world() -> World:
    return World()


class Wait:
    until = staticmethod(until)
    turns = staticmethod(settle_down)


@pytest.fixture
def wait() -> type[Wait]:
    return Wait
