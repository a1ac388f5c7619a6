"""A driver that only notes what it is told, so that a test reads as a journal: calls in, commands out."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Value
from troth.protocol.requests import CreatePromise
from troth.sdk.codec import encode_error, encode_json
from troth.sdk.context import Context
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import Execution
from troth.sdk.engine.journal import Journal
from troth.sdk.function import DurableFunction, Function, Traits
from troth.sdk.identity import Caller

NOW = 1_000_000


class Recorder:
    """Carries nothing out."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str]] = []
        self.calls: dict[str, Call[Any]] = {}
        self.known_errors: Mapping[str, type[Exception]] = {}

    def now(self) -> int:
        return NOW

    def create(self, call: Call[Any]) -> None:
        self._note("create", call)

    def follow(self, call: Call[Any]) -> None:
        self._note("follow", call)

    def perform(self, call: Call[Any], *, look: bool) -> None:
        self._note("look and perform" if look else "perform", call)

    def _note(self, command: str, call: Call[Any]) -> None:
        self.commands.append((command, call.id))
        self.calls[call.id] = call

    def execution(
        self, *records: Promise, id: str = "root", origin: str = "root", own: Call[Any] | None = None
    ) -> Execution:
        return Execution(self, Caller(id, origin), Journal(records), own)


def durable(body: Callable[..., Any], /, **traits: Any) -> Function[..., Any]:
    """A registered function."""
    return DurableFunction(body, Traits(**traits), Context)


def plain(body: Callable[..., Any], /) -> Function[..., Any]:
    """Any function as it is."""
    return Function(body, Traits(), Context)


def data(tree: Any) -> Value:
    return Value(data=b64encode(encode_json(tree)).decode())


def record(create: CreatePromise | str, /, **changes: Any) -> Promise:
    """What a store holds of a promise: pending unless ``value`` or ``error`` is given, or the state is."""
    if isinstance(create, str):
        create = CreatePromise(create, NEVER)
    value, state = NO_VALUE, changes.pop("state", PromiseState.PENDING)
    if "value" in changes:
        value, state = data(changes.pop("value")), PromiseState.RESOLVED
    if "error" in changes:
        value, state = Value(data=encode_error(changes.pop("error"))), PromiseState.REJECTED
    settled_at = None if state is PromiseState.PENDING else NOW
    fields: dict[str, Any] = {
        "param": create.param,
        "tags": create.tags,
        "timeout_at": create.timeout_at,
        "created_at": NOW - 10,
        "settled_at": settled_at,
        **changes,
    }
    return Promise(create.id, state, value=value, **fields)


class Kit:
    """What engine tests make things with."""

    Recorder = Recorder
    NOW = NOW
    durable = staticmethod(durable)
    plain = staticmethod(plain)
    record = staticmethod(record)
    data = staticmethod(data)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def driver() -> Recorder:
    return Recorder()
