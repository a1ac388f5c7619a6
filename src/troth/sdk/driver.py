"""Carries out what the execution of one task asks for: creates under its lease, follows, and runs local calls."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from troth.errors import AwaitCycleError, KeyCollisionError, RequestRefusedError, StoreError
from troth.protocol.answers import FenceAnswer, PromiseAnswer, PromisePage, Refusal, Response
from troth.protocol.records import NEVER, Promise, PromiseState, Value
from troth.protocol.requests import ContinueTask, GetCallees, GetPromise, HaltTask, Request, SettlePromise

from .codec import encode_error
from .context import Context
from .engine.call import Call
from .engine.execution import Execution, Info, renamed
from .engine.journal import Journal
from .engine.outcome import check_same_call, passed_over, settled
from .function import EncodedCall
from .identity import Caller, generation_id
from .invoke import Invoker
from .registry import Registry
from .residency import Residency
from .run import Run
from .transport.base import Transport


class Shop(Protocol):
    """What the runs of one worker share."""

    transport: Transport
    registry: Registry
    invoker: Invoker
    residency: Residency
    known_errors: Mapping[str, type[Exception]]

    def lose(self, run: Run) -> None:
        """The task is held by somebody else now, or is over."""
        ...

    def trouble(self, run: Run, error: Exception) -> None:
        """The store could not take a write of the run."""
        ...

    def stepping(self) -> None:
        """A local call has begun."""
        ...


class TaskDriver:
    """The `Driver` of one run's executions: the root and its local calls."""

    def __init__(self, shop: Shop, run: Run) -> None:
        self._shop = shop
        self._transport = shop.transport
        self._run = run
        self._later: set[asyncio.Task[None]] = set()

    @property
    def known_errors(self) -> Mapping[str, type[Exception]]:
        """Exception types that come back as themselves."""
        return self._shop.known_errors

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._transport.now()

    # --- remote calls

    def create(self, call: Call[Any]) -> None:
        """Create the call's promise, under the lease, and wait for it."""
        self._watch(call)
        if self._run.held:
            self._send(call)
        else:
            self._when_held(partial(self._send, call))

    def follow(self, call: Call[Any]) -> None:
        """Wait for a promise that is in the store already."""
        self._watch(call)
        sent = self._transport.submit([GetPromise(call.id)])
        sent.add_done_callback(partial(self._on_answer, call))

    def forget(self) -> None:
        """Wait for nothing any more."""
        for call in list(self._run.waits):
            self._unwatch(call)
            call.cancel()
        for task in self._later:
            task.cancel()

    def _send(self, call: Call[Any]) -> None:
        sent = self._transport.submit(self._run.fenced(call))
        sent.add_done_callback(partial(self._on_answer, call))

    def _on_answer(self, call: Call[Any], sent: "asyncio.Future[list[Response]]") -> None:
        if sent.cancelled() or self._run.dropped:
            return
        error = sent.exception()
        if error is not None:
            self._fail(call, error)
            if isinstance(error, StoreError):
                self._shop.trouble(self._run, error)
            return
        data = sent.result()[-1].data
        if isinstance(data, FenceAnswer):
            data = data.result
        elif isinstance(data, Refusal):
            self._shop.lose(self._run)
            return
        if isinstance(data, Refusal):
            self._fail(call, refusal_error(sent.result()[-1].status, data))
            return
        assert isinstance(data, PromiseAnswer), data
        self._on_record(call, data.promise)

    def _on_record(self, call: Call[Any], record: Promise) -> None:
        if settled(record):
            self._unwatch(call)
            if passed_over(record, call.create):
                call.generation += 1
                call.create = renamed(call.create, generation_id(call.base_id, call.generation))
                call.stored = False
                self.create(call)
            else:
                self._run.arrive(call, record)
            return
        try:
            if call.encoded is not None:
                check_same_call(record, call.encoded)
        except KeyCollisionError as error:
            self._fail(call, error)
        else:
            call.acknowledged = True

    def _watch(self, call: Call[Any]) -> None:
        call.watcher = partial(self._on_settled, call)
        self._transport.watch(call.id, call.watcher)
        waits = self._run.waits
        waits[call] = None
        if len(waits) == 1:
            self._shop.residency.enter(self._run)
            self._transport.poke()

    def _unwatch(self, call: Call[Any]) -> None:
        if call.watcher is not None:
            self._transport.unwatch(call.id, call.watcher)
        self._no_longer_waits(call)

    def _on_settled(self, call: Call[Any], record: Promise) -> None:
        self._no_longer_waits(call)
        self._run.arrive(call, record)

    def _no_longer_waits(self, call: Call[Any]) -> None:
        waits = self._run.waits
        if call in waits:
            del waits[call]
            if not waits:
                self._shop.residency.leave(self._run)

    def _fail(self, call: Call[Any], error: BaseException) -> None:
        self._unwatch(call)
        call.fail(error)

    # --- local calls

    def perform(self, call: Call[Any]) -> None:
        """Run the call's function here; its create travels with the write that settles it."""
        loop = asyncio.get_running_loop()
        self._run.steps[call] = loop.time()
        self._shop.stepping()
        call.body = loop.create_task(self._perform(call))
        call.add_done_callback(_cancel_body)

    async def _perform(self, call: Call[Any]) -> None:
        encoded = call.encoded
        assert encoded is not None, "a local call has a function"
        try:
            settle = await self._settlement(call, encoded)
            record = await self._record(call, settle)
        except StoreError as error:
            call.fail(error)
            self._shop.trouble(self._run, error)
        else:
            if record is not None:
                call.arrive(record)
        finally:
            self._run.steps.pop(call, None)

    async def _settlement(self, call: Call[Any], encoded: EncodedCall) -> SettlePromise | None:
        """What came of the call's body; None where its deadline came first."""
        child: Execution | None = None
        context: Callable[[int], Context] | None = None
        if encoded.function.wants_context:
            journal = await self.journal(call.id) if call.stored else Journal()
            caller = Caller(call.id, call.execution.origin)
            child = Execution(self, caller, journal, own=call)
            context = partial(self.context, child, encoded, call.execution.id)
        deadline = asyncio.timeout(self._seconds_left(call))
        try:
            async with deadline:
                data = await self._shop.invoker.run(encoded.function, encoded.arguments, context)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the body raised is the promise's outcome
            return None if deadline.expired() else rejection(call.id, error)
        finally:
            if child is not None:
                child.closed = True
        return SettlePromise(call.id, PromiseState.RESOLVED, Value(data=data))

    def _seconds_left(self, call: Call[Any]) -> float | None:
        if call.encoded is None or call.create.timeout_at == NEVER:
            return None
        return max(0.0, (call.create.timeout_at - self.now()) / 1000)

    async def _record(self, call: Call[Any], settle: SettlePromise | None) -> Promise | None:
        """Write what came of the call; its record as it is stored now."""
        if settle is None:
            call.stored = False
        responses = await self.submit_held(lambda: self._run.fenced(call, settle))
        data = responses[-1].data
        if not isinstance(data, FenceAnswer) or not isinstance(data.result, PromiseAnswer):
            self._shop.lose(self._run)
            return None
        return data.result.promise

    # --- shared

    def context(self, execution: Execution, encoded: EncodedCall, parent: str | None, attempt: int) -> Context:
        """The context of the n-th attempt at an execution's body."""
        execution.begin_attempt()
        function = encoded.function
        info = Info(execution.id, parent, execution.origin, encoded.key, attempt, function.name, function.version)
        return Context(execution, self._shop.registry, info)

    async def journal(self, caller_id: str) -> Journal:
        """What a caller has called, read at once."""
        (response,) = await self._transport.submit([GetCallees(caller_id)])
        assert isinstance(response.data, PromisePage), response
        return Journal(response.data.promises)

    async def submit_held(self, requests: Callable[[], list[Request]]) -> list[Response]:
        """Submit requests that need the lease; they are made once it is held."""
        if not self._run.held:
            await self._reclaim()
        return await self._transport.submit(requests())

    async def _reclaim(self) -> None:
        """Something foreign woke a suspended function: have its task granted again."""
        run = self._run
        granted = run.until_held()
        if run.suspended:
            run.suspended = False
            await self._transport.submit([HaltTask(run.id), ContinueTask(run.id)])
        await granted

    def _when_held(self, send: Callable[[], None]) -> None:
        async def later() -> None:
            await self._reclaim()
            send()

        task = asyncio.get_running_loop().create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


def rejection(id: str, error: BaseException) -> SettlePromise:
    """The request that records a failure."""
    return SettlePromise(id, PromiseState.REJECTED, Value(data=encode_error(error)))


def refusal_error(status: int, refusal: Refusal) -> Exception:
    """The exception that says why a server refused."""
    if refusal.cycle:
        return AwaitCycleError(refusal.cycle)
    return RequestRefusedError(status, refusal.reason)


def _cancel_body(call: "asyncio.Future[Any]") -> None:
    if isinstance(call, Call) and call.cancelled() and call.body is not None:
        call.body.cancel()
