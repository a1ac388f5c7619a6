"""Calls from outside: begin a call, join one that runs, or be answered from the store."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from troth.errors import NotFoundError, RequestRefusedError
from troth.protocol.answers import GrantAnswer, PromiseAnswer, Refusal
from troth.protocol.messages import Grant
from troth.protocol.records import NEVER, Promise, PromiseState, Tag, TaskState, Value
from troth.protocol.requests import CreatePromise, CreateTask, GetPromise, Request, SettlePromise

from .codec import Converter, encode, encode_error
from .driver import refusal_error
from .engine.execution import CallOptions, renamed
from .engine.outcome import check_same_call, passed_over, settled, value_of
from .function import EncodedCall
from .identity import ANYTHING, check_id, generation_id
from .transport.base import TaskTaker, Transport

REMEMBERED_MAX: Final = 4_096
"""Resolved promises kept in memory. They never change, so none is ever stale."""

REMEMBERED_BYTES_MAX: Final = 4_096
"""A longer param or value is read from the store each time instead."""


class Ids(Protocol):
    """Where fresh ids come from."""

    def __call__(self) -> str:
        """A short text that has never been returned before; later ones sort behind earlier ones."""
        ...


class Client:
    """Begins calls and waits for them over a transport."""

    def __init__(self, transport: Transport, known_errors: Mapping[str, type[Exception]], fresh_id: Ids) -> None:
        self._transport = transport
        self._known_errors = known_errors
        self._fresh_id = fresh_id
        self._remembered: OrderedDict[str, Promise] = OrderedDict()
        self._waiters: set[asyncio.Future[Promise]] = set()

    def remembered(self, encoded: EncodedCall, options: CallOptions) -> Promise | None:
        """The resolved promise of the very same call, if it was read before."""
        id = options.id or encoded.key
        record = self._remembered.get(id) if id is not None else None
        if record is None or record.param.data != encoded.param.data:
            return None
        return record

    async def begin(self, encoded: EncodedCall, options: CallOptions, here: TaskTaker | None = None) -> Promise:
        """Create the call's promise or join it; with ``here`` that worker runs it, if nobody does yet."""
        create = self._create_of(encoded, options)
        base, generation = create.id, 1
        while True:
            record = await self._create(create, here)
            if not passed_over(record, create):
                check_same_call(record, encoded)
                return record
            generation += 1
            create = renamed(create, generation_id(base, generation))

    async def call(self, encoded: EncodedCall, options: CallOptions, here: TaskTaker | None = None) -> Any:
        """The call's result, from whoever computes it."""
        record = await self.begin(encoded, options, here)
        record = await self.settled(record)
        self._remember(options.id or encoded.key, record)
        return value_of(record, encoded.function.signature.result, self._known_errors)

    def value(self, record: Promise, result: Converter[Any]) -> Any:
        """The value of a settled promise; raises what it failed with."""
        return value_of(record, result, self._known_errors)

    async def settled(self, record: Promise) -> Promise:
        """The promise once it is settled."""
        if settled(record):
            return record
        with self._waiting(record.id) as arrival:
            record = await self.get(record.id)
            return record if settled(record) else await arrival

    async def get(self, id: str) -> Promise:
        """The promise as it stands."""
        data = await self._ask(GetPromise(check_id(id)))
        if isinstance(data, Refusal):
            raise NotFoundError(f"no promise {id!r}. `troth search` lists what there is.")
        assert isinstance(data, PromiseAnswer), data
        return data.promise

    async def resolve(self, id: str, value: object, converter: Converter[Any] = ANYTHING) -> Promise:
        """Settle a promise with a value; the first writer wins."""
        return await self._settle(
            SettlePromise(check_id(id), PromiseState.RESOLVED, Value(data=encode(value, converter)))
        )

    async def reject(self, id: str, error: BaseException) -> Promise:
        """Settle a promise with an error; the first writer wins."""
        return await self._settle(SettlePromise(check_id(id), PromiseState.REJECTED, Value(data=encode_error(error))))

    def fail_waiters(self, error: Exception) -> None:
        """The store is in trouble: whoever waits hears of it. The calls themselves live on."""
        for arrival in list(self._waiters):
            if not arrival.done():
                arrival.set_exception(error)

    async def _settle(self, request: SettlePromise) -> Promise:
        data = await self._ask(request)
        if isinstance(data, Refusal):
            raise NotFoundError(f"no promise {request.id!r}. `troth search` lists what there is.")
        assert isinstance(data, PromiseAnswer), data
        return data.promise

    def _create_of(self, encoded: EncodedCall, options: CallOptions) -> CreatePromise:
        function = encoded.function
        keyed = options.id is None and encoded.key is not None
        if options.id is not None:
            id = check_id(options.id)
        else:
            id = encoded.key or check_id(f"{function.name}-{self._fresh_id()}")
        timeout_ms = options.timeout_ms if options.timeout_ms is not None else function.timeout_ms
        return CreatePromise(
            id,
            NEVER if timeout_ms is None else self._transport.now() + timeout_ms,
            encoded.param,
            {Tag.TARGET: function.target},
            reuse_failed=not keyed or function.on_failure == "keep",
        )

    async def _create(self, create: CreatePromise, here: TaskTaker | None) -> Promise:
        if here is not None and here.accepts(create.param):
            data = await self._ask(CreateTask(here.pid, here.ttl_ms, create))
            if isinstance(data, GrantAnswer):
                if data.task.state is TaskState.ACQUIRED and not settled(data.promise):
                    here.deliver(Grant(data.task, data.promise))
                return data.promise
        (response,) = await self._transport.submit([create])
        if isinstance(response.data, Refusal):
            raise refusal_error(response.status, response.data)
        assert isinstance(response.data, PromiseAnswer), response
        return response.data.promise

    async def _ask(self, request: Request) -> object:
        (response,) = await self._transport.submit([request])
        if isinstance(response.data, Refusal) and response.status not in (404, 409, 422):
            raise RequestRefusedError(response.status, response.data.reason)
        return response.data

    @contextmanager
    def _waiting(self, id: str) -> "Generator[asyncio.Future[Promise]]":
        arrival: asyncio.Future[Promise] = asyncio.get_running_loop().create_future()
        watcher = _set_result(arrival)
        self._transport.watch(id, watcher)
        self._waiters.add(arrival)
        try:
            yield arrival
        finally:
            self._waiters.discard(arrival)
            self._transport.unwatch(id, watcher)
            if not arrival.done():
                arrival.cancel()
            elif not arrival.cancelled():
                arrival.exception()

    def _remember(self, id: str | None, record: Promise) -> None:
        if id is None or record.state is not PromiseState.RESOLVED:
            return
        if max(len(record.param.data or ""), len(record.value.data or "")) > REMEMBERED_BYTES_MAX:
            return
        self._remembered[id] = record
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)


def _set_result(arrival: "asyncio.Future[Promise]") -> Callable[[Promise], None]:
    def watcher(record: Promise) -> None:
        if not arrival.done():
            arrival.set_result(record)

    return watcher
