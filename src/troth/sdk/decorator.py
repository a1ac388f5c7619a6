"""``@app.function``: what turns a Python function into a durable one, typed so that editors see through it."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from .context import Context
from .function import DurableFunction, Traits
from .registry import Registry

P = ParamSpec("P")
T = TypeVar("T")


class Decorator:
    """Registers what it decorates."""

    def __init__(self, registry: Registry, traits: Traits, registered: Callable[[], None]) -> None:
        self._registry = registry
        self._traits = traits
        self._registered = registered

    @overload
    def __call__(
        self, body: Callable[Concatenate[Context, P], Coroutine[Any, Any, T]], /
    ) -> DurableFunction[P, T, Concatenate[Context, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __call__(
        self, body: Callable[Concatenate[Context, P], T], /
    ) -> DurableFunction[P, T, Concatenate[Context, P], T]: ...
    @overload
    def __call__(
        self, body: Callable[P, Coroutine[Any, Any, T]], /
    ) -> DurableFunction[P, T, P, Coroutine[Any, Any, T]]: ...
    @overload
    def __call__(self, body: Callable[P, T], /) -> DurableFunction[P, T, P, T]: ...
    def __call__(self, body: Callable[..., Any], /) -> Any:
        """The durable function."""
        function: DurableFunction[..., Any, ..., Any] = DurableFunction(body, self._traits, Context)
        self._registry.add(function)
        self._registered()
        return function
