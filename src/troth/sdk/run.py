"""A function's run in memory: its held task, its coroutine, and the durable calls it waits for."""

import asyncio
from collections.abc import Callable
from typing import Any

from troth.protocol.records import Promise
from troth.protocol.requests import FenceTask, Request, SettlePromise

from .engine.call import Call
from .engine.execution import Execution


class Run:
    """One granted task and the body that computes it.

    ``held`` is whether the task is acquired for us under ``version``. While it is not (suspended, or about to be), what
    arrives for its calls is kept, and handed over when the task is granted again.
    """

    def __init__(self, promise: Promise, version: int) -> None:
        self.promise = promise
        self.version = version
        self.held = True
        """Changed by `let_go` and `keep` only."""
        self.suspended = False
        """Whether the store has said that its task is suspended."""
        self.dropped = False
        self.execution: Execution | None = None
        self.body: asyncio.Task[None] | None = None
        self.watcher: Callable[[Promise], None] | None = None
        self.waits: dict[Call[Any], None] = {}
        self.steps: dict[Call[Any], float] = {}
        """Local calls that are running, and since when (loop time)."""
        self._arrived: list[tuple[Call[Any], Promise]] = []
        self.wanted = False
        """Whether something foreign has woken it, so that it needs its task although nothing durable has settled."""
        self._granted = asyncio.Event()

    @property
    def id(self) -> str:
        """The id of the task and its promise."""
        return self.promise.id

    def bodies(self) -> "list[asyncio.Task[None]]":
        """The tasks that compute it: its own and those of its local calls."""
        tasks = [self.body, *(call.body for call in self.steps)]
        return [task for task in tasks if task is not None]

    @property
    def canceled_from_outside(self) -> bool:
        """Whether the event loop is shutting down, as opposed to a body that canceled itself."""
        return self.body is not None and self.body.cancelling() > 0

    async def join_steps(self, execution: Execution | None = None) -> None:
        """Wait for local calls, of one execution or all, that its body did not wait for: they end before it does."""
        while bodies := [
            call.body
            for call in self.steps
            if call.body is not None and (execution is None or call.execution is execution)
        ]:
            await asyncio.wait(bodies)

    @property
    def resumed(self) -> bool:
        """Whether something it waited for has settled since it gave its task up: it will be granted again."""
        return bool(self._arrived)

    def let_go(self) -> None:
        """The task is no longer ours, or soon will not be."""
        self.held = False
        self._granted.clear()

    def keep(self) -> None:
        """The task is ours: what arrived meanwhile counts."""
        self.held = True
        self.suspended = self.wanted = False
        arrived, self._arrived = self._arrived, []
        for call, record in arrived:
            call.arrive(record)
        self._granted.set()

    def resume(self, version: int) -> None:
        """The task is granted to us again."""
        self.version = version
        self.keep()

    async def until_granted(self) -> None:
        """Wait until the task, given up before, is granted to us again."""
        await self._granted.wait()

    def arrive(self, call: Call[Any], record: Promise) -> None:
        """A promise that one of its calls waits for has settled."""
        if self.held:
            call.arrive(record)
        else:
            self._arrived.append((call, record))

    def fenced(self, call: Call[Any], settle: SettlePromise | None = None) -> list[Request]:
        """The requests that store a call, and before it whatever local calls around it are not stored yet."""
        requests: list[Request] = []
        unstored: Call[Any] | None = call
        while unstored is not None and not unstored.stored:
            unstored.stored = True
            requests.append(FenceTask(self.id, self.version, unstored.create))
            unstored = unstored.execution.own
        requests.reverse()
        if settle is not None:
            requests.append(FenceTask(self.id, self.version, settle))
        return requests

    def unsend(self, call: Call[Any]) -> None:
        """What `fenced` made for the call may not be stored: make it again next time. To store twice does no harm."""
        unstored: Call[Any] | None = call
        while unstored is not None:
            unstored.stored = False
            unstored = unstored.execution.own
