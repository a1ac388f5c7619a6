"""A call that was begun, to be asked later."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from troth.protocol.records import Promise

from .client import Client
from .codec import Converter
from .engine.outcome import settled

T = TypeVar("T")


class Connect(Protocol):
    """How a handle reaches the open app, whichever loop it is asked on."""

    def __call__(self) -> Awaitable[Client]:
        """The client, connected."""
        ...


class Handle(Generic[T]):
    """A durable call: its id is all that is needed to find it again, from anywhere, at any time."""

    def __init__(self, id: str, connect: Connect, result: Converter[Any]) -> None:
        self.id = id
        self._connect = connect
        self._result = result

    async def record(self) -> Promise:
        """The promise as it stands."""
        client = await self._connect()
        return await client.get(self.id)

    async def done(self) -> bool:
        """Whether the call has ended, with a value or an error."""
        return settled(await self.record())

    async def result(self) -> T:
        """The call's value, once there is one; raises what the call failed with."""
        client = await self._connect()
        record = await client.settled(await client.get(self.id))
        return client.value(record, self._result)

    def __repr__(self) -> str:
        return f"<handle of {self.id}>"


Bridge = Callable[[Awaitable[Any]], Any]


class BlockingHandle(Generic[T]):
    """A `Handle` for code without an event loop."""

    def __init__(self, handle: Handle[T], bridge: Bridge) -> None:
        self._handle = handle
        self._bridge = bridge

    @property
    def id(self) -> str:
        """The promise's id."""
        return self._handle.id

    def done(self) -> bool:
        """Whether the call has ended."""
        return self._bridge(self._handle.done())

    def result(self) -> T:
        """The call's value; blocks until there is one."""
        return self._bridge(self._handle.result())
