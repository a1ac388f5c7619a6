"""What a durable function calls others with."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, overload

from troth.protocol.records import NEVER, Tag

from .codec import converter_for
from .engine.call import Call
from .engine.execution import NO_OPTIONS, CallOptions, Execution, Info
from .function import Function, Span, Traits, span_ms
from .identity import ANYTHING
from .registry import Registry

P = ParamSpec("P")
T = TypeVar("T")


class Verbs:
    """``run`` and ``rpc``, with the options given to ``ctx.options(…)``."""

    def __init__(self, execution: Execution, registry: Registry, options: CallOptions = NO_OPTIONS) -> None:
        self._execution = execution
        self._registry = registry
        self._call_options = options

    @overload
    def run(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...
    @overload
    def run(
        self, function: "Callable[Concatenate[Context, P], Awaitable[T]]", *args: P.args, **kwargs: P.kwargs
    ) -> Call[T]: ...
    @overload
    def run(self, function: "Callable[Concatenate[Context, P], T]", *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...
    @overload
    def run(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...
    @overload
    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...
    def run(self, function: Any, *args: Any, **kwargs: Any) -> Call[Any]:
        """Call a function here, in this process; its result is recorded, and it never runs again once it is.

        Any function will do; one that is not registered is known by its ``__name__``.
        """
        durable = cast("Function[..., Any]", function) if isinstance(function, Function) else plain(function)
        return self._execution.local(durable.call(args, kwargs), self._call_options)

    @overload
    def rpc(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> Call[T]: ...
    @overload
    def rpc(self, function: str, *args: Any, **kwargs: Any) -> Call[Any]: ...
    def rpc(self, function: Any, *args: Any, **kwargs: Any) -> Call[Any]:
        """Call a function, by itself or by name, on any worker of its group."""
        durable = self._registry.get(function) if isinstance(function, str) else function
        return self._execution.remote(durable.call(args, kwargs), self._call_options)


class Context(Verbs):
    """The first parameter of a function that calls durable functions.

    Everything it returns has begun already: await it, or keep several and await them by ``asyncio.gather``.
    """

    def __init__(self, execution: Execution, registry: Registry, info: Info) -> None:
        super().__init__(execution, registry)
        self.info = info

    def options(self, *, id: str | None = None, timeout: Span | None = None) -> Verbs:
        """The same verbs for one call: ``ctx.options(timeout=5).rpc(f, x)``.

        ``id`` is the promise's id instead of the one made from key or content; ``timeout`` (seconds) replaces the
        function's.
        """
        timeout_ms = None if timeout is None else span_ms(timeout)
        return Verbs(self._execution, self._registry, CallOptions(id, timeout_ms))

    def sleep(self, span: Span) -> Call[None]:
        """Sleep durably: a crash does not begin the wait anew. Seconds, or a timedelta."""
        milliseconds = span_ms(span)
        return self._execution.promise(
            "sleep",
            str(milliseconds),
            converter_for(None),
            timeout_at=self._execution.now() + milliseconds,
            tags={Tag.TIMER: "true"},
        )

    @overload
    def promise(self, name: str) -> Call[Any]: ...
    @overload
    def promise(self, name: str, type: type[T], *, timeout: Span | None = None) -> Call[T]: ...
    def promise(self, name: str, type: Any = Any, *, timeout: Span | None = None) -> Call[Any]:
        """A promise that somebody outside settles: ``app.resolve(id, value)``; its ``.id`` is for them."""
        timeout_at = NEVER if timeout is None else self._execution.now() + span_ms(timeout)
        return self._execution.promise(
            "promise",
            name,
            ANYTHING if type is Any else converter_for(type),
            timeout_at=timeout_at,
            tags={Tag.EXTERNAL: "true"},
        )


@lru_cache(maxsize=1024)
def plain(body: Callable[..., Any]) -> Function[..., Any]:
    """Any function as it is, for a local step."""
    return Function(body, Traits(), Context)
