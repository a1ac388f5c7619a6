"""``@app.function``: it registers, and what it gives is still the function that was decorated."""

import asyncio

import pytest

from troth.errors import DefinitionError
from troth.sdk.context import Context
from troth.sdk.decorator import Decorator
from troth.sdk.function import DurableFunction, Traits
from troth.sdk.registry import Registry


def test_a_decorated_function_is_registered_with_its_traits_and_told_of() -> None:
    registry, told = Registry(), list[str]()
    decorate = Decorator(registry, Traits(key="add-{a}-{b}", version=3), lambda: told.append("told"))

    @decorate
    def add(a: int, b: int = 2) -> int:
        return a + b

    assert isinstance(add, DurableFunction)
    assert registry.get("add", 3) is add
    assert add.call((1,), {}).key == "add-1-2@3"
    assert told == ["told"]


def test_called_directly_it_is_plain_python() -> None:
    decorate = Decorator(Registry(), Traits(), lambda: None)

    @decorate
    def add(a: int, b: int) -> int:
        return a + b

    @decorate
    async def double(n: int) -> int:
        return 2 * n

    assert add(1, b=2) == 3
    assert asyncio.run(double(4)) == 8


def test_a_refused_function_is_not_told_of() -> None:
    registry, told = Registry(), list[str]()
    decorate = Decorator(registry, Traits(key="{absent}"), lambda: told.append("told"))
    with pytest.raises(DefinitionError):

        @decorate
        def add(a: int) -> int:
            return a

    assert list(registry) == told == []


def test_the_context_is_no_parameter() -> None:
    decorate = Decorator(Registry(), Traits(), lambda: None)

    @decorate
    async def top(ctx: Context, n: int) -> int:
        return n

    assert top.wants_context
    assert list(top.signature.parameters) == ["n"]
