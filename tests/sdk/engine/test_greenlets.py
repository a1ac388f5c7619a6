"""``def`` bodies on stacks of their own: waiting holds up nobody, and everything else is as in plain Python."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import pytest

from troth.errors import WrongLoopError
from troth.sdk.engine.greenlets import run_on_a_stack, wait_for

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


def play(story: Callable[[], Any]) -> None:
    asyncio.run(story())


def test_a_body_that_does_not_wait() -> None:
    async def story() -> None:
        assert await run_on_a_stack(lambda a, b: a + b, 1, b=2) == 3
        with pytest.raises(LookupError, match="at once"):
            await run_on_a_stack(raising, LookupError("at once"))

    def raising(error: Exception) -> None:
        raise error

    play(story)


def test_many_bodies_wait_at_once() -> None:
    async def story() -> None:
        arrivals = [future() for _ in range(100)]
        bodies = [asyncio.create_task(run_on_a_stack(lambda a: wait_for(a) + 1, arrival)) for arrival in arrivals]
        await asyncio.sleep(0)
        for n, arrival in reversed(list(enumerate(arrivals))):
            arrival.set_result(n)
        assert await asyncio.gather(*bodies) == list(range(1, 101))

    play(story)


def test_a_body_waits_again_and_again_and_not_for_what_is_done() -> None:
    def body(arrivals: "list[asyncio.Future[int]]") -> int:
        return sum(wait_for(arrival) for arrival in arrivals)

    async def story() -> None:
        arrivals = [future() for _ in range(3)]
        arrivals[1].set_result(10)
        task = asyncio.create_task(run_on_a_stack(body, arrivals))
        for n in (0, 2):
            await asyncio.sleep(0)
            assert not task.done()
            arrivals[n].set_result(n)
        assert await task == 12

    play(story)


def test_what_a_wait_raises_can_be_caught_and_cleaned_up_after() -> None:
    log: list[str] = []

    def body(first: "asyncio.Future[int]", second: "asyncio.Future[int]") -> int:
        try:
            wait_for(first)
        except LookupError as error:
            log.append(f"caught {error}")
        try:
            return wait_for(second)
        finally:
            log.append("cleaned up")

    async def story() -> None:
        first, second = future(), future()
        task = asyncio.create_task(run_on_a_stack(body, first, second))
        await asyncio.sleep(0)
        first.set_exception(LookupError("none"))
        await asyncio.sleep(0)
        second.set_exception(ValueError("bad"))
        with pytest.raises(ValueError, match="bad"):
            await task
        assert log == ["caught none", "cleaned up"]

    play(story)


def test_cancelling_the_task_raises_where_the_body_waits() -> None:
    log: list[str] = []

    def body(arrival: "asyncio.Future[int]") -> None:
        try:
            wait_for(arrival)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def story() -> None:
        arrival = future()
        task = asyncio.create_task(run_on_a_stack(body, arrival))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["cancelled"]
        assert arrival.cancelled()

    play(story)


def test_bodies_nest_and_each_waits_on_its_own_stack() -> None:
    def inner(arrival: "asyncio.Future[int]") -> int:
        return wait_for(arrival) * 2

    def outer(arrival: "asyncio.Future[int]") -> int:
        task = asyncio.get_running_loop().create_task(run_on_a_stack(inner, arrival))
        return wait_for(task) + 1

    async def story() -> None:
        arrival = future()
        task = asyncio.create_task(run_on_a_stack(outer, arrival))
        await asyncio.sleep(0)
        arrival.set_result(20)
        assert await task == 41

    play(story)


def test_depth_is_no_recursion() -> None:
    def body(depth: int) -> int:
        if depth == 0:
            return 0
        task = asyncio.get_running_loop().create_task(run_on_a_stack(body, depth - 1))
        return wait_for(task) + 1

    async def story() -> None:
        assert await run_on_a_stack(body, 3_000) == 3_000

    play(story)


def test_context_variables_are_those_of_the_task() -> None:
    seen: list[str] = []

    def body(arrival: "asyncio.Future[int]") -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set("inside")
        wait_for(arrival)
        seen.append(VARIABLE.get())

    async def one() -> str:
        VARIABLE.set("outside")
        arrival = future()
        asyncio.get_running_loop().call_soon(arrival.set_result, 1)
        await run_on_a_stack(body, arrival)
        return VARIABLE.get()

    async def story() -> None:
        assert await asyncio.create_task(one()) == "inside"
        assert seen == ["outside", "inside"]
        assert VARIABLE.get() == "unset"

    play(story)


def test_the_running_task_and_loop_are_seen_inside() -> None:
    async def story() -> None:
        task = await run_on_a_stack(asyncio.current_task)
        assert task is asyncio.current_task()

    play(story)


def test_waiting_anywhere_else_is_refused() -> None:
    async def story() -> None:
        with pytest.raises(WrongLoopError, match="for def functions run by troth"):
            wait_for(future())
        with pytest.raises(WrongLoopError):
            await asyncio.to_thread(wait_for, future())

    play(story)
