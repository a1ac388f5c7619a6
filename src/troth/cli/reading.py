"""Reads for the commands: a look at the store, and the promises in it as people and scripts see them."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from msgspec import Struct, to_builtins

from troth.embedded.location import parse_location
from troth.embedded.reading import Reading
from troth.errors import InvalidIdError
from troth.protocol.answers import Answer, PromiseAnswer, PromisePage, Refusal, TaskAnswer
from troth.protocol.records import Promise, PromiseState, Tag, Task
from troth.protocol.requests import GetCallees, GetCallers, GetPromise, GetTask, Request, SearchPromises
from troth.sdk.codec import JsonValue
from troth.sdk.signature import Invocation, decode_invocation

from .failure import CALL_FAILED, Failure
from .settings import Settings
from .values import Failed, digits, failed_with, plain, shown, stored_tree

T = TypeVar("T")

_CLOSE_MAX: Final = 3
"""Ids suggested in place of one that is not there."""

_CLOSE_PREFIX: Final = 3
"""Characters an id must share to be suggested."""


class Look:
    """What the commands ask of an open store."""

    def __init__(self, reading: Reading) -> None:
        self.now = reading.now
        self._reading = reading

    async def stored(self, id: str) -> "Stored":
        """The promise; where there is none, a failure that names close ids."""
        answer = await self._ask(GetPromise(id))
        if isinstance(answer, PromiseAnswer):
            return await self.with_task(answer.promise)
        close = await self._close_ids(id)
        hint = (
            f"Close to it: {', '.join(close)}."
            if close
            else "`troth search` lists what there is; -l PLACE looks in another store."
        )
        raise Failure(f"there is no promise {id!r}. {hint}", CALL_FAILED)

    async def with_task(self, promise: Promise) -> "Stored":
        """The promise and, as long as it is pending, how far its work is."""
        if promise.state is not PromiseState.PENDING or Tag.TARGET not in promise.tags:
            return Stored(promise)
        return Stored(promise, await self.task(promise.id))

    async def task(self, id: str) -> Task | None:
        """The promise's task; None where it has none."""
        answer = await self._ask(GetTask(id))
        return answer.task if isinstance(answer, TaskAnswer) else None

    async def callees(self, id: str) -> tuple[Promise, ...]:
        """What it called, in the order of its calls."""
        return (await self._page(GetCallees(id))).promises

    async def callers(self, id: str) -> tuple[Promise, ...]:
        """Who called it, oldest first."""
        return (await self._page(GetCallers(id))).promises

    async def search(self, request: SearchPromises) -> PromisePage:
        """A page of promises by id."""
        return await self._page(request)

    async def _close_ids(self, id: str) -> list[str]:
        """Ids that begin as this one does, as far as any does."""
        for size in range(len(id), _CLOSE_PREFIX - 1, -1):
            page = await self._page(SearchPromises(prefix=id[:size], limit=_CLOSE_MAX))
            if page.promises:
                return [promise.id for promise in page.promises]
        return []

    async def _page(self, request: Request) -> PromisePage:
        answer = await self._ask(request)
        assert isinstance(answer, PromisePage), answer
        return answer

    async def _ask(self, request: Request) -> Answer | Refusal:
        response = await self._reading.ask(request)
        if isinstance(response.data, Refusal) and response.status != 404:
            raise InvalidIdError(response.data.reason)
        return response.data


def look(settings: Settings, work: Callable[[Look], Awaitable[T]]) -> T:
    """Read the store that the settings name; everything that is read is of one moment."""
    location = parse_location(settings.location or os.environ.get("TROTH_URL"))

    async def reads() -> T:
        async with Reading(location, time.time_ns() // 1_000_000) as reading:
            return await work(Look(reading))

    return asyncio.run(reads())


class Stored(Struct, frozen=True):
    """A promise, decoded. ``task`` is known while it is pending, or when asked for."""

    promise: Promise
    task: Task | None = None

    @property
    def invocation(self) -> Invocation | None:
        """The call it is, if it is one."""
        return decode_invocation(self.promise.param.data)

    @property
    def failed(self) -> Failed | None:
        """What it failed with."""
        return failed_with(self.promise)

    @property
    def took_ms(self) -> int | None:
        """From its creation until it settled."""
        settled_at = self.promise.settled_at
        return None if settled_at is None else settled_at - self.promise.created_at

    def call(self, number: Callable[[int], str] = digits) -> str:
        """The call as one would write it; of a promise that is none, what it is. ``number`` writes the integers."""
        invocation = self.invocation
        if invocation is None:
            return "sleep" if self.promise.tags.get(Tag.TIMER) == "true" else "promise"
        args, kwargs = invocation.args, invocation.kwargs
        given = [
            shown(part, number) for part in (args if isinstance(args, list) else [args] if args is not None else [])
        ]
        given += [f"{name}={shown(part, number)}" for name, part in kwargs.items()]
        version = "" if invocation.version == 1 else f"@{invocation.version}"
        return f"{invocation.function}{version}({', '.join(given)})"

    @property
    def value(self) -> JsonValue:
        """The value's JSON; None also where there is no value."""
        return stored_tree(self.promise.value.data) if self.promise.state is PromiseState.RESOLVED else None

    def as_json(self) -> dict[str, Any]:
        """The members every command's JSON has of a promise; always all of them, null where there is nothing."""
        promise, invocation, failed = self.promise, self.invocation, self.failed
        return {
            "id": promise.id,
            "state": promise.state.value,
            "function": None if invocation is None else invocation.function,
            "version": None if invocation is None else invocation.version,
            "args": None if invocation is None else plain(invocation.args),
            "kwargs": None if invocation is None else plain(invocation.kwargs),
            "value": plain(self.value),
            "error": None if failed is None else error_json(failed),
            "createdAt": promise.created_at,
            "settledAt": promise.settled_at,
            "durationMs": self.took_ms,
        }


def error_json(failed: Failed) -> dict[str, Any]:
    """A failure in JSON."""
    return {"type": failed.type, "message": failed.message, "traceback": failed.traceback or None}


def wire_json(record: Struct | None) -> Any:
    """A record as the wire shows it."""
    return None if record is None else to_builtins(record)
