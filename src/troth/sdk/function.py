"""A durable function: a Python function with a name, a signature and the rule that gives its calls their ids."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, Generic, Literal, ParamSpec, TypeVar, get_args

from msgspec import Struct

from troth.errors import DefinitionError
from troth.protocol.addresses import group_address, parse_address
from troth.protocol.records import Value

from .codec import JsonValue, to_base64
from .identity import KeyTemplate, content, hashed_key, key_id
from .retry import ONCE, Retry
from .signature import Arguments, Signature, encode_invocation

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")
R = TypeVar("R")

OnFailure = Literal["retry", "keep"]
Span = float | timedelta
"""Seconds, or a timedelta."""

DEFAULT_GROUP: Final = "default"

SHOWN_MAX: Final = 300
"""Characters of a call that an error message shows."""


class Traits(Struct, frozen=True, kw_only=True):
    """What ``@app.function`` may say of a function."""

    key: str | bool | None = None
    name: str | None = None
    version: int = 1
    group: str = DEFAULT_GROUP
    timeout: Span | None = None
    retry: Retry = ONCE
    on_failure: OnFailure = "retry"


class EncodedCall(Struct, frozen=True):
    """One call of a function, encoded: what its promise's param says, and what identifies it.

    ``key`` is the id of a keyed call, None where identity is by content.
    """

    function: "Function[..., Any]"
    args: list[JsonValue]
    kwargs: dict[str, JsonValue]
    arguments: Arguments
    param: Value
    key: str | None

    @property
    def content(self) -> str:
        """The function's name and a short hash of version and arguments."""
        return content(self.function.name, self.function.version, self.args, self.kwargs)

    def __str__(self) -> str:
        given = [repr(value) for value in self.arguments.positional]
        given += [f"{name}={value!r}" for name, value in self.arguments.keyword.items()]
        text = f"{self.function.name}({', '.join(given)})"
        return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


class Function(Generic[P, T]):
    """A function as the verbs take it: durable parameters ``P`` (its own less the context), result ``T``."""

    def __init__(self, body: Callable[..., Any], traits: Traits, context_type: type) -> None:
        self.body = body
        self.name = traits.name or getattr(body, "__name__", "") or type(body).__name__
        self.version = traits.version
        self.group = traits.group
        self.target = group_address(traits.group)
        self.timeout_ms = None if traits.timeout is None else span_ms(traits.timeout)
        self.retry = traits.retry
        self.on_failure = traits.on_failure
        self.asynchronous = inspect.iscoroutinefunction(body)
        self.signature = Signature(body, context_type)
        self.wants_context = self.signature.wants_context
        self.keyed = traits.key is not None and traits.key is not False
        self._template: KeyTemplate | None = None
        if isinstance(traits.key, str):
            self._template = KeyTemplate(traits.key, self.name, tuple(self.signature.parameters))
        self._check()

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> EncodedCall:
        """The call with these arguments, checked and encoded."""
        arguments = self.signature.bind(args, kwargs)
        args_json, kwargs_json = self.signature.dump(arguments)
        param = encode_invocation(self.name, self.version, args_json, kwargs_json)
        key = self._key(arguments, args_json, kwargs_json) if self.keyed else None
        return EncodedCall(self, args_json, kwargs_json, arguments, Value(data=to_base64(param)), key)

    def _key(self, arguments: Arguments, args: list[JsonValue], kwargs: dict[str, JsonValue]) -> str:
        if self._template is None:
            return key_id(self.version, hashed_key(self.name, args, kwargs))
        named = self.signature.named(arguments)
        if not self._template.hashes:
            return key_id(self.version, self._template.render(named, {}))
        trees = self.signature.named(Arguments(tuple(args), kwargs))
        return key_id(self.version, self._template.render(named, trees))

    def _check(self) -> None:
        if self.version < 1:
            raise DefinitionError(f"{self.name}: version must be 1 or more, not {self.version}")
        if not self.name or "\0" in self.name:
            raise DefinitionError(f"{self.body!r} needs a name: @app.function(name=…)")
        if self.on_failure not in get_args(OnFailure):
            raise DefinitionError(f'{self.name}: on_failure must be "retry" or "keep", not {self.on_failure!r}')
        if parse_address(self.target) is None:
            raise DefinitionError(f"{self.name}: {self.group!r} cannot name a group")
        if inspect.isasyncgenfunction(self.body) or inspect.isgeneratorfunction(self.body):
            raise DefinitionError(f"{self.name} is a generator; a durable function returns one value")

    def __repr__(self) -> str:
        return f"<durable function {self.name}>"


class DurableFunction(Function[P, T], Generic[P, T, Q, R]):
    """A decorated function. Called directly it is the plain Python function it was, with nothing durable about it."""

    def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> R:
        """Run the body, as plain Python."""
        return self.body(*args, **kwargs)


Runnable = Function[P, T] | Callable[P, Awaitable[T]] | Callable[P, T]
"""What ``run`` takes: a durable function, or any function as it is."""


def span_ms(span: Span) -> int:
    """A span in whole milliseconds, rounded up.

    >>> span_ms(0.25), span_ms(timedelta(minutes=1))
    (250, 60000)
    """
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if not 0 <= seconds < 2**42:
        raise DefinitionError(f"a span is zero or more seconds, not {span!r}")
    return -int(-seconds * 1000 // 1)
