"""Entering a body: on the loop, on a stack of its own, or in a thread; and again after a failure."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from troth.errors import EncodingError
from troth.sdk.codec import decode
from troth.sdk.context import Context
from troth.sdk.function import Function, Traits
from troth.sdk.invoke import Invoker
from troth.sdk.retry import Retry
from troth.sdk.signature import Arguments

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


class FakeContext(Context):
    def __init__(self, attempt: int) -> None:
        self.attempt = attempt


def enter(body: Callable[..., Any], *args: Any, **traits: Any) -> Any:
    """The body's result, as its caller would get it."""
    function: Function[..., Any] = Function(body, Traits(**traits), Context)

    async def context(attempt: int) -> Context:
        return FakeContext(attempt)

    async def story() -> str | None:
        invoker = Invoker()
        try:
            return await invoker.run(function, Arguments(args, {}), context if function.wants_context else None)
        finally:
            invoker.close()

    return decode(asyncio.run(story()), function.signature.result)


async def on_the_loop(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


def in_a_thread(n: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return n + 1


def on_a_stack(ctx: Context, n: int) -> int:
    assert threading.current_thread() is threading.main_thread()
    assert isinstance(ctx, FakeContext)
    return n + ctx.attempt


async def with_context(ctx: Context, n: int) -> int:
    assert isinstance(ctx, FakeContext)
    return n + ctx.attempt


class Adder:
    async def __call__(self, n: int) -> int:
        return n + 1

    async def method(self, n: int) -> int:
        return n + 1


@wraps(on_the_loop)
def wrapped(*args: Any) -> Any:
    return on_the_loop(*args)


@wraps(with_context)
def wrapped_with_context(*args: Any) -> Any:
    return with_context(*args)


@pytest.mark.parametrize(
    "body",
    [
        on_the_loop,
        in_a_thread,
        on_a_stack,
        with_context,
        wrapped,
        wrapped_with_context,
        Adder(),
        Adder().method,
        partial(on_the_loop),
        lambda n: n + 1,
    ],
)
def test_any_kind_of_body_is_entered(body: Callable[..., Any]) -> None:
    assert enter(body, 4) == 5


def test_arguments_by_name_reach_the_body() -> None:
    def body(a: int, *, b: int) -> list[int]:
        return [a, b]

    async def story() -> str | None:
        function: Function[..., Any] = Function(body, Traits(), Context)
        return await Invoker().run(function, Arguments((1,), {"b": 2}), None)

    assert decode(asyncio.run(story()), Function(body, Traits(), Context).signature.result) == [1, 2]


@pytest.mark.parametrize("attempts", [1, 3])
def test_attempts_are_made_until_one_succeeds_or_none_is_left(attempts: int) -> None:
    made: list[int] = []

    async def flaky(ctx: Context) -> str:
        assert isinstance(ctx, FakeContext)
        made.append(ctx.attempt)
        if len(made) < 3:
            raise ValueError(len(made))
        return "at last"

    retry = Retry(attempts=attempts, delay=0)
    if attempts == 3:
        assert enter(flaky, retry=retry) == "at last"
    else:
        with pytest.raises(ValueError, match="1"):
            enter(flaky, retry=retry)
    assert made == list(range(1, attempts + 1))


def test_pauses_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(pause: float) -> None:
        pauses.append(pause)

    def fails() -> None:
        raise LookupError

    monkeypatch.setattr("troth.sdk.invoke.asyncio.sleep", note)
    with pytest.raises(LookupError):
        enter(fails, retry=Retry(attempts=4, delay=0.5, delay_max=1.5))
    assert pauses == [0.5, 1.0, 1.5]


def test_other_errors_and_cancellation_are_not_retried() -> None:
    made: list[str] = []

    async def fails(kind: str) -> None:
        made.append(kind)
        raise {"lookup": LookupError, "cancelled": asyncio.CancelledError}[kind]

    retry = Retry(delay=0, on=(ValueError,))
    with pytest.raises(LookupError):
        enter(fails, "lookup", retry=retry)
    with pytest.raises(asyncio.CancelledError):
        enter(fails, "cancelled", retry=Retry(delay=0))
    assert made == ["lookup", "cancelled"]


def test_a_result_that_would_not_come_back_is_refused_and_not_retried() -> None:
    made: list[int] = []

    def body() -> int:
        made.append(1)
        return "text"  # pyright: ignore[reportReturnType] - that is the case

    with pytest.raises(EncodingError):
        enter(body, retry=Retry(delay=0))
    assert made == [1]


def test_context_variables_reach_every_kind_of_body() -> None:
    def leaf() -> str:
        return VARIABLE.get()

    def stack(ctx: Context) -> str:
        return VARIABLE.get()

    async def loop() -> str:
        return VARIABLE.get()

    token = VARIABLE.set("outside")
    try:
        assert [enter(body) for body in (leaf, stack, loop)] == ["outside"] * 3
    finally:
        VARIABLE.reset(token)


@pytest.mark.parametrize("context", [False, True])
def test_stop_iteration_of_a_body_is_an_error_like_any_other(context: bool) -> None:
    def leaf() -> None:
        raise StopIteration

    def stack(ctx: Context) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        enter(stack if context else leaf)


def test_threads_are_started_by_the_first_that_needs_one() -> None:
    async def story() -> None:
        invoker = Invoker()
        assert invoker._threads is None
        await invoker.run(Function(on_the_loop, Traits(), Context), Arguments((1,), {}), None)
        assert invoker._threads is None
        await invoker.run(Function(in_a_thread, Traits(), Context), Arguments((1,), {}), None)
        assert invoker._threads is not None
        invoker.close()

    asyncio.run(story())
    Invoker().close()  # nothing was started
