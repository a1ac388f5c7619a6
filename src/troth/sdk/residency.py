"""Which waiting functions stay in memory.

A function that waits keeps its task for a while, because most waits are short and a suspension is a write. Then its
task is suspended and its coroutine stays, to go on where it stood. When too many wait, the longest waiting is suspended
and dropped; it will be replayed from its journal.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from troth.protocol.answers import Response
from troth.protocol.requests import RegisterCallback, SuspendTask

from .engine.blocked import blocked_on
from .run import Run
from .transport.base import Transport

AWAITED_MAX: Final = 100_000
"""Most promises one suspension may name; a function that waits for more keeps its task."""


class Residency:
    """The runs that wait for durable calls, the longest waiting first."""

    def __init__(self, transport: Transport, residents_max: int, linger_s: float, drop: Callable[[Run], None]) -> None:
        self._transport = transport
        self._residents_max = residents_max
        self._linger_s = linger_s
        self._drop = drop
        self._waiting: dict[Run, float] = {}
        self.suspended = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, run: Run) -> None:
        """The run waits for a durable call from now on."""
        self._waiting[run] = asyncio.get_running_loop().time()
        if len(self._waiting) > self._residents_max:
            self._relieve()

    def leave(self, run: Run) -> None:
        """The run waits no more, or is gone."""
        self._waiting.pop(run, None)

    def sweep(self) -> None:
        """Suspend whatever has waited long enough."""
        since = asyncio.get_running_loop().time() - self._linger_s
        lingered: list[Run] = []
        for run, began in self._waiting.items():
            if began > since:
                break
            lingered.append(run)
        for run in lingered:
            if run.held:
                self._suspend(run)

    def _relieve(self) -> None:
        """Make room for one more by dropping the longest waiting run that can be."""
        for run in list(self._waiting)[: 1 + len(self._waiting) - self._residents_max]:
            if run.suspended:
                self._evict(run)
                return
            if run.held and self._suspend(run):
                return
            self._waiting[run] = self._waiting.pop(run)

    def _evict(self, run: Run) -> None:
        self.evicted += 1
        self._drop(run)

    def _suspend(self, run: Run) -> bool:
        calls = blocked_on(run.bodies())
        if not calls or len(calls) > AWAITED_MAX:
            return False
        run.let_go()
        callbacks = tuple(RegisterCallback(id, run.id) for id in dict.fromkeys(call.id for call in calls))
        sent = self._transport.submit([SuspendTask(run.id, run.version, callbacks)])
        sent.add_done_callback(partial(self._on_suspended, run))
        return True

    def _on_suspended(self, run: Run, sent: "asyncio.Future[list[Response]]") -> None:
        if run.dropped or sent.cancelled():
            return
        if sent.exception() is not None:  # the store could not take it: the task is still ours
            run.keep()
            return
        status = sent.result()[0].status
        if status == 300:
            run.keep()
        elif status != 200:
            self._drop(run)
        elif not run.held:
            run.suspended = True
            self.suspended += 1
            if len(self._waiting) > self._residents_max:
                self._evict(run)
