"""A store's file, opened only to read: answers the requests that change nothing, also while a process owns the file."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from troth.errors import LocationError
from troth.machine.step import footprint, step
from troth.machine.view import View
from troth.protocol.answers import Response
from troth.protocol.requests import (
    GetCallees,
    GetCallers,
    GetPromise,
    GetSchedule,
    GetTask,
    Request,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
)
from troth.stores.base import Transaction
from troth.stores.sqlite import SqliteStore

from .location import Location

READS: Final = frozenset[type[Request]](
    {
        GetPromise,
        SearchPromises,
        GetCallees,
        GetCallers,
        GetTask,
        SearchTasks,
        GetSchedule,
        SearchSchedules,
    }
)
"""The requests that change nothing."""


class Reading:
    """One look at a store: all answers are of the same moment. ``async with Reading(location, now) as reading:``.

    ``now`` is that moment, in milliseconds since the epoch; a promise whose deadline has come is shown timed out.
    """

    def __init__(self, location: Location, now: int) -> None:
        self.now = now
        self._location = location
        self._held = AsyncExitStack()
        self._transaction: Transaction | None = None

    async def __aenter__(self) -> Self:
        path = self._location.path
        if path is None:
            raise LocationError(
                f"{self._location} lives in the memory of one process, so there is nothing to read from outside. "
                "Keep results in a file: --location path/to/troth.db, or set TROTH_URL."
            )
        store = SqliteStore.open_read_only(path)
        async with AsyncExitStack() as opening:
            opening.push_async_callback(store.close)
            self._transaction = await opening.enter_async_context(store.transaction())
            self._held = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transaction = None
        await self._held.aclose()

    async def ask(self, request: Request) -> Response:
        """The answer to a request that only reads."""
        assert type(request) in READS, f"{request} is no read"
        assert self._transaction is not None, "the reading is not open"
        view, announced = View(), footprint(request)
        await self._transaction.load(view, announced.promise_ids, announced.schedule_ids)
        if announced.query is not None:
            view.hold_page(announced.query, await self._transaction.search(announced.query))
        return step(view, request, self.now).response
