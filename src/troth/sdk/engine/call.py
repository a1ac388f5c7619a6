"""A durable call in flight: an awaitable that the engine resolves."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from troth.protocol.records import Promise
from troth.protocol.requests import CreatePromise
from troth.sdk.codec import Converter
from troth.sdk.function import EncodedCall

from .greenlets import wait_for
from .outcome import check_same_call, value_of

if TYPE_CHECKING:
    from .execution import Execution

T = TypeVar("T")


class Call(asyncio.Future[T]):
    """What ``ctx.run``, ``ctx.rpc`` and their kin return: begun already, await it (or several, by ``asyncio.gather``).

    In a ``def`` function write ``.wait()`` where ``async def`` awaits.
    """

    def __init__(
        self,
        execution: "Execution",
        create: CreatePromise,
        result: Converter[Any],
        encoded: EncodedCall | None = None,
    ) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.execution = execution
        self.create = create
        self.base_id = create.id
        self.generation = 1
        self.result_type = result
        self.encoded = encoded
        self.stored = False
        """Whether the promise is known to be in the store, or is on its way there."""
        self.acknowledged = False
        """Whether the store has said that it holds the promise."""
        self.watcher: Callable[[Promise], None] | None = None
        self.early: Promise | None = None
        """What the watcher was told before the create was answered."""
        self.body: asyncio.Task[None] | None = None
        """The task that computes it here, for a local call."""

    @property
    def id(self) -> str:
        """The promise's id; a keyed call that had failed before moves on to the next generation."""
        return self.create.id

    def wait(self) -> T:
        """The result, for ``def`` functions; other functions run meanwhile."""
        return wait_for(self)

    def arrive(self, record: Promise) -> None:
        """The promise has settled: resolve the call, unless nobody waits any more."""
        if self.encoded is not None and self.encoded.key is not None:
            self.execution.journal.note(record)
        if self.done():
            return
        try:
            if self.encoded is not None:
                check_same_call(record, self.encoded)
            value = value_of(record, self.result_type, self.execution.known_errors)
        except StopIteration as error:  # a future cannot carry it
            self.set_exception(RuntimeError(f"{self.id} raised StopIteration: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever the callee raised is the caller's
            self.set_exception(error)
        else:
            self.set_result(value)

    def fail(self, error: BaseException) -> None:
        """The call could not be made."""
        if not self.done():
            self.set_exception(error)
