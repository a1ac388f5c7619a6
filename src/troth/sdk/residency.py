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
from troth.protocol.requests import ContinueTask, HaltTask, RegisterCallback, SuspendTask

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

    def resume(self, run: Run, version: int) -> None:
        """The run's task is granted to us again."""
        run.version = version
        self._keep(run)

    async def reclaim(self, run: Run) -> None:
        """Something foreign woke a function that had given its task up: have it granted again."""
        run.wanted = True
        if run.suspended:
            self._regrant(run)
        await run.until_granted()

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
            elif run.wanted and run.suspended:
                self._regrant(run)

    def _relieve(self) -> None:
        """Make room for one more by dropping the longest waiting run that can be."""
        for run in list(self._waiting)[: 1 + len(self._waiting) - self._residents_max]:
            if run.suspended and self._idle(run):
                self._evict(run)
                return
            if run.held and self._suspend(run):
                return
            self._waiting[run] = self._waiting.pop(run)

    def _idle(self, run: Run) -> bool:
        """Whether dropping a suspended run loses nothing: whatever makes it go on will have it replayed."""
        return not run.wanted and (run.resumed or blocked_on(run.bodies()) is not None)

    def _keep(self, run: Run) -> None:
        run.keep()
        if not run.waits:
            self.leave(run)

    def _evict(self, run: Run) -> None:
        self.evicted += 1
        self._drop(run)

    def _suspend(self, run: Run) -> bool:
        if not blocked_on(run.bodies()) or not all(call.acknowledged for call in run.waits):
            return False
        awaited = dict.fromkeys(call.id for call in run.waits)  # also what only a task that it started waits for
        if len(awaited) > AWAITED_MAX:
            return False
        run.let_go()
        callbacks = tuple(RegisterCallback(id, run.id) for id in awaited)
        sent = self._transport.submit([SuspendTask(run.id, run.version, callbacks)])
        sent.add_done_callback(partial(self._on_suspended, run, run.version))
        return True

    def _on_suspended(self, run: Run, version: int, sent: "asyncio.Future[list[Response]]") -> None:
        if run.dropped or sent.cancelled():
            return
        if sent.exception() is not None:  # the store could not take it: the task is still ours
            self._keep(run)
            return
        status = sent.result()[0].status
        if run.version != version:  # granted anew meanwhile
            return
        if status == 300:
            self._keep(run)
        elif status != 200:
            self._drop(run)
        else:
            self._on_given_up(run)

    def _on_given_up(self, run: Run) -> None:
        run.suspended = True
        self.suspended += 1
        if run.wanted:
            self._regrant(run)
        elif len(self._waiting) > self._residents_max and self._idle(run):
            self._evict(run)

    def _regrant(self, run: Run) -> None:
        run.suspended = False
        sent = self._transport.submit([HaltTask(run.id), ContinueTask(run.id)])
        sent.add_done_callback(partial(self._on_regranted, run))

    def _on_regranted(self, run: Run, sent: "asyncio.Future[list[Response]]") -> None:
        if run.dropped or sent.cancelled() or run.held:
            return
        if sent.exception() is not None:  # the store could not take it: the next sweep tries again
            run.suspended = True
        elif not sent.result()[0].ok:  # the promise is settled: there is nothing left to compute
            self._drop(run)
