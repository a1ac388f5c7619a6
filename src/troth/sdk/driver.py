"""Carries out what the execution of one task asks for: creates under its lease, follows, and runs local calls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final, Protocol

from troth.errors import AwaitCycleError, ClosedError, KeyCollisionError, RequestRefusedError, StoreError
from troth.protocol.answers import FenceAnswer, PromiseAnswer, PromisePage, Refusal, Response
from troth.protocol.records import NEVER, Promise, PromiseState, Value
from troth.protocol.requests import GetCallees, GetPromise, Request, SettlePromise

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

_NOT_LIVE: Final = (404, 409)
"""What a request is answered whose version does not hold the task (any more)."""


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


class _DeadlineError(Exception):
    """A local call's own deadline, as opposed to a timeout that its body raised."""


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
        sent.add_done_callback(partial(self._on_answer, call, None))

    def forget(self) -> None:
        """Wait for nothing any more."""
        for call in list(self._run.waits):
            self._unwatch(call)
            call.cancel()
        for task in self._later:
            task.cancel()

    def _send(self, call: Call[Any]) -> None:
        sent = self._transport.submit(self._run.fenced(call))
        sent.add_done_callback(partial(self._on_answer, call, self._run.version))

    def _on_answer(self, call: Call[Any], version: int | None, sent: "asyncio.Future[list[Response]]") -> None:
        if sent.cancelled() or self._run.dropped:
            return
        error = sent.exception()
        if isinstance(error, StoreError | ClosedError):
            self._shop.trouble(self._run, error)
            return
        if error is not None:
            self._fail(call, error)
            return
        response = sent.result()[-1]
        status, data = response.status, response.data
        if isinstance(data, Refusal) and version is not None and status in _NOT_LIVE:
            self._on_not_live(call, version)
            return
        if isinstance(data, FenceAnswer):
            status, data = data.status, data.result
        if isinstance(data, Refusal):
            self._fail(call, refusal_error(status, data))
            return
        assert isinstance(data, PromiseAnswer), data
        self._on_record(call, data.promise)

    def _on_not_live(self, call: Call[Any], version: int) -> None:
        if self._run.version == version:
            self._shop.lose(self._run)
            return
        self._run.unsend(call)  # the task was granted anew meanwhile
        self._unwatch(call)
        self.create(call)

    def _on_record(self, call: Call[Any], record: Promise) -> None:
        if settled(record):
            self._unwatch(call)
            if passed_over(record, call.create) and record.id not in call.execution.journal:
                self._open_next_generation(call)
            else:
                self._run.arrive(call, record)
            return
        try:
            if call.encoded is not None:
                check_same_call(record, call.encoded)
        except KeyCollisionError as error:
            self._fail(call, error)
            return
        call.acknowledged = True
        if call.early is not None:
            self._on_settled(call, call.early)

    def _open_next_generation(self, call: Call[Any]) -> None:
        call.generation += 1
        id = generation_id(call.base_id, call.generation)
        cycle = call.execution.way_down_from(id)
        if cycle:
            call.fail(AwaitCycleError((*cycle, id)))
            return
        call.create = renamed(call.create, id)
        call.stored = False
        self.create(call)

    def _watch(self, call: Call[Any]) -> None:
        call.early = None
        call.watcher = partial(self._on_settled, call)
        call.add_done_callback(self._on_done)
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
        if not call.acknowledged:  # the answer on its way says whether that was before the call or is its outcome
            call.early = record
            return
        self._no_longer_waits(call)
        self._run.arrive(call, record)

    def _on_done(self, call: "asyncio.Future[Any]") -> None:
        if call.cancelled() and isinstance(call, Call):  # nobody waits for it any more
            self._unwatch(call)

    def _no_longer_waits(self, call: Call[Any]) -> None:
        waits = self._run.waits
        if call in waits:
            del waits[call]
            if not waits and self._run.held:
                self._shop.residency.leave(self._run)

    def _fail(self, call: Call[Any], error: BaseException) -> None:
        self._unwatch(call)
        call.fail(error)

    # --- local calls

    def perform(self, call: Call[Any], *, look: bool) -> None:
        """Run the call's function here; its create travels with the write that settles it."""
        loop = asyncio.get_running_loop()
        self._run.steps[call] = loop.time()
        self._shop.stepping()
        call.body = loop.create_task(self._perform(call, look=look))
        call.add_done_callback(_cancel_body)

    async def _perform(self, call: Call[Any], *, look: bool) -> None:
        encoded = call.encoded
        assert encoded is not None, "a local call has a function"
        try:
            record = await self._settled_before(call) if look else None
            if record is None:
                settle = await self._settlement(call, encoded)
                record = await self._record(call, settle)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller must not wait for ever
            call.fail(error)
        else:
            if record is None:
                return
            if settled(record):
                call.arrive(record)
            else:  # its deadline has come here and not there
                self.follow(call)
        finally:
            self._run.steps.pop(call, None)

    async def _settled_before(self, call: Call[Any]) -> Promise | None:
        """The call's promise, if somebody has made and settled it: an explicit id is anybody's."""
        (response,) = await self._ask([GetPromise(call.id)])
        if not isinstance(response.data, PromiseAnswer):
            return None
        record = response.data.promise
        assert call.encoded is not None, "a local call has a function"
        check_same_call(record, call.encoded)
        call.stored = call.acknowledged = True
        return record if settled(record) else None

    async def _settlement(self, call: Call[Any], encoded: EncodedCall) -> SettlePromise | None:
        """What came of the call's body; None where its deadline came first."""
        child: Execution | None = None
        context: Callable[[int], Awaitable[Context]] | None = None
        if encoded.function.wants_context:
            journal = await self.journal(call.id) if call.stored else Journal()
            caller = Caller(call.id, call.execution.origin)
            child = Execution(self, caller, journal, own=call)
            context = partial(self.context, child, encoded, call.execution.id)
        try:
            data = await self._in_time(call, self._shop.invoker.run(encoded.function, encoded.arguments, context))
        except _DeadlineError:
            return None
        except asyncio.CancelledError:
            if call.body is None or call.body.cancelling():
                raise
            return SettlePromise(call.id, PromiseState.CANCELED)
        except Exception as error:
            if self._run.dropped:
                raise
            return rejection(call.id, error)
        finally:
            if child is not None:
                child.closed = True
        return SettlePromise(call.id, PromiseState.RESOLVED, Value(data=data))

    async def _in_time(self, call: Call[Any], body: Coroutine[Any, Any, str | None]) -> str | None:
        if call.create.timeout_at == NEVER:
            return await body
        deadline = asyncio.timeout(max(0.0, (call.create.timeout_at - self.now()) / 1000))
        try:
            async with deadline:
                return await body
        except TimeoutError:
            if deadline.expired():
                raise _DeadlineError from None
            raise

    async def _record(self, call: Call[Any], settle: SettlePromise | None) -> Promise | None:
        """Write what came of the call; its record as it is stored now."""
        if settle is None:
            call.stored = False
        responses = await self.submit_held(lambda: self._run.fenced(call, settle), call)
        record: Promise | None = None
        for response in responses:
            data = response.data
            if not isinstance(data, FenceAnswer):
                self._shop.lose(self._run)
                return None
            if isinstance(data.result, Refusal):
                raise refusal_error(data.status, data.result)
            record = data.result.promise
        return record

    # --- shared

    async def context(self, execution: Execution, encoded: EncodedCall, parent: str | None, attempt: int) -> Context:
        """The context of the n-th attempt at an execution's body."""
        if attempt > 1:
            await self._run.join_steps(execution)
            execution.begin_again(await self.journal(execution.id))
        function = encoded.function
        info = Info(execution.id, parent, execution.origin, encoded.key, attempt, function.name, function.version)
        return Context(execution, self._shop.registry, info)

    async def journal(self, caller_id: str) -> Journal:
        """What a caller has called, read at once."""
        (response,) = await self._ask([GetCallees(caller_id)])
        assert isinstance(response.data, PromisePage), response
        return Journal(response.data.promises)

    async def hold(self) -> None:
        """Have the task granted again, if something foreign woke the function after it was suspended."""
        while not self._run.held:
            if self._run.dropped:
                raise asyncio.CancelledError
            await self._shop.residency.reclaim(self._run)

    async def submit_held(self, requests: Callable[[], list[Request]], call: Call[Any] | None = None) -> list[Response]:
        """Submit requests that need the lease, ``call``'s for instance; they are made once it is held."""
        run = self._run
        while True:
            await self.hold()
            version = run.version
            responses = await self._ask(requests())
            if responses[-1].status not in _NOT_LIVE or run.version == version:
                return responses
            if call is not None:
                run.unsend(call)

    async def _ask(self, requests: list[Request]) -> list[Response]:
        try:
            return await self._transport.submit(requests)
        except (StoreError, ClosedError) as error:
            self._shop.trouble(self._run, error)
            raise

    def _when_held(self, send: Callable[[], None]) -> None:
        async def later() -> None:
            await self.hold()
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
        cancel_once(call.body)


def cancel_once(body: "asyncio.Task[Any]") -> None:
    """A second time would cut short what the body does to clean up."""
    if not body.cancelling():
        body.cancel()
