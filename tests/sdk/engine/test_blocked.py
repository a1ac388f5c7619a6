"""A function is blocked when all it waits for is durable; whatever is not recognised counts as foreign."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from troth.sdk.engine.blocked import blocked_on
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import NO_OPTIONS
from troth.sdk.engine.greenlets import run_on_a_stack

Calls = list[Call[int]]
Body = Callable[[Calls], Awaitable[Any]]


async def step(n: int) -> int:
    return n


@pytest.fixture
def calls(kit: Any, driver: Any) -> Callable[[int], Calls]:
    """Calls that the store holds: they can be waited for."""

    def make(count: int) -> Calls:
        execution = driver.execution()
        made: Calls = [execution.remote(kit.durable(step).call((n,), {}), NO_OPTIONS) for n in range(count)]
        for call in made:
            call.acknowledged = True
        return made

    return make


def look(make: Callable[[int], Calls], body: Body, count: int = 3) -> Any:
    """What the body is blocked on once it waits: the numbers of the calls, or None."""

    async def story() -> Any:
        made = make(count)
        task = asyncio.ensure_future(body(made))
        for _ in range(5):
            await asyncio.sleep(0)
        found = blocked_on([task])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None if found is None else sorted(made.index(call) for call in found)

    return asyncio.run(story())


async def nested(call: Call[int]) -> int:
    async def inner() -> int:
        return await call

    return await inner()


# --- durable


async def awaits_one(calls: Calls) -> None:
    await calls[1]


async def awaits_deeply(calls: Calls) -> None:
    await nested(calls[2])


async def gathers(calls: Calls) -> None:
    await asyncio.gather(*calls)


async def gathers_coroutines(calls: Calls) -> None:
    await asyncio.gather(*(nested(call) for call in calls))


async def gathers_gathers(calls: Calls) -> None:
    await asyncio.gather(calls[0], asyncio.gather(*calls[1:], return_exceptions=True))


async def groups(calls: Calls) -> None:
    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(nested(call))


async def groups_in_groups(calls: Calls) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(groups(calls[:2]))  # pyright: ignore[reportArgumentType]
        group.create_task(nested(calls[2]))


async def waits_for_all(calls: Calls) -> None:
    await asyncio.wait(calls)


async def waits_for_the_first(calls: Calls) -> None:
    await asyncio.wait([asyncio.ensure_future(nested(call)) for call in calls], return_when="FIRST_COMPLETED")


async def waits_without_a_limit(calls: Calls) -> None:
    await asyncio.wait_for(calls[0], None)


async def awaits_a_task(calls: Calls) -> None:
    await asyncio.create_task(nested(calls[0]))


async def waits_on_a_stack(calls: Calls) -> None:
    await run_on_a_stack(calls[0].wait)


@pytest.mark.parametrize(
    ("body", "waits_for"),
    [
        (awaits_one, [1]),
        (awaits_deeply, [2]),
        (gathers, [0, 1, 2]),
        (gathers_coroutines, [0, 1, 2]),
        (gathers_gathers, [0, 1, 2]),
        (groups, [0, 1, 2]),
        (groups_in_groups, [0, 1, 2]),
        (waits_for_all, [0, 1, 2]),
        (waits_for_the_first, [0, 1, 2]),
        (waits_without_a_limit, [0]),
        (awaits_a_task, [0]),
        (waits_on_a_stack, [0]),
    ],
)
def test_blocked(calls: Callable[[int], Calls], body: Body, waits_for: list[int]) -> None:
    assert look(calls, body) == waits_for


def test_blocked_on_what_is_left(calls: Callable[[int], Calls]) -> None:
    async def body(calls: Calls) -> None:
        calls[1].set_result(1)
        await asyncio.gather(*calls)

    assert look(calls, body) == [0, 2]


# --- foreign


async def sleeps(calls: Calls) -> None:
    """What a sleep is: a plain future, and a timer that will resolve it."""
    loop = asyncio.get_running_loop()
    awake = loop.create_future()
    timer = loop.call_later(1_000, awake.set_result, None)
    try:
        await awake
    finally:
        timer.cancel()


async def gathers_a_sleep(calls: Calls) -> None:
    await asyncio.gather(*calls, sleeps(calls))


async def groups_a_sleep(calls: Calls) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(nested(calls[0]))
        group.create_task(forever())


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def waits_with_a_limit(calls: Calls) -> None:
    await asyncio.wait(calls, timeout=1_000)


async def shields(calls: Calls) -> None:
    await asyncio.shield(calls[0])


async def locks(calls: Calls) -> None:
    lock = asyncio.Lock()
    await lock.acquire()
    await lock.acquire()


async def queues(calls: Calls) -> None:
    await asyncio.Queue[int]().get()


async def waits_for_an_event(calls: Calls) -> None:
    await asyncio.Event().wait()


async def takes_turns(calls: Calls) -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def takes_what_is_done_first(calls: Calls) -> None:
    for first in asyncio.as_completed(calls):
        await first


async def waits_for_another_loops_future(calls: Calls) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(forever(), loop))
    await future


@pytest.mark.parametrize(
    "body",
    [
        sleeps,
        lambda _: forever(),
        gathers_a_sleep,
        groups_a_sleep,
        waits_with_a_limit,
        shields,
        locks,
        queues,
        waits_for_an_event,
        takes_turns,
        takes_what_is_done_first,
        waits_for_another_loops_future,
    ],
)
def test_not_blocked(calls: Callable[[int], Calls], body: Body) -> None:
    assert look(calls, body) is None


def test_not_blocked_once_it_can_go_on(calls: Callable[[int], Calls]) -> None:
    async def story() -> None:
        made = calls(1)
        task = asyncio.create_task(nested(made[0]))
        await asyncio.sleep(0)
        assert blocked_on([task]) == set(made)
        made[0].set_result(1)
        assert blocked_on([task]) is None
        await task
        assert blocked_on([task]) is None

    asyncio.run(story())


def test_not_blocked_before_the_store_holds_the_call(calls: Callable[[int], Calls]) -> None:
    async def story() -> None:
        made = calls(2)
        made[1].acknowledged = False
        task = asyncio.ensure_future(gathers(made))
        await asyncio.sleep(0)
        assert blocked_on([task]) is None
        made[1].acknowledged = True
        assert blocked_on([task]) == set(made)
        task.cancel()

    asyncio.run(story())


# --- local calls


def local(kit: Any, driver: Any, body: Coroutine[Any, Any, Any]) -> Call[Any]:
    call = driver.execution().local(kit.plain(step).call((0,), {}), NO_OPTIONS)
    call.body = asyncio.get_running_loop().create_task(body)
    return call


def test_a_local_call_is_blocked_on_what_its_own_body_waits_for(
    kit: Any, driver: Any, calls: Callable[[int], Calls]
) -> None:
    async def story() -> None:
        made = calls(2)
        inner = local(kit, driver, gathers(made))
        outer = local(kit, driver, nested(inner))
        task = asyncio.ensure_future(nested(outer))
        for _ in range(5):
            await asyncio.sleep(0)
        assert blocked_on([task]) == set(made)
        for each in (task, outer.body, inner.body):
            assert each is not None
            each.cancel()

    asyncio.run(story())


def test_a_local_call_that_is_busy_is_foreign(kit: Any, driver: Any, calls: Callable[[int], Calls]) -> None:
    async def story() -> None:
        (made,) = calls(1)
        busy = local(kit, driver, forever())
        task = asyncio.ensure_future(asyncio.gather(made, busy))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting = asyncio.ensure_future(nested(made))
        await asyncio.sleep(0)
        assert blocked_on([waiting]) == {made}
        assert busy.body is not None
        assert blocked_on([waiting, busy.body]) is None
        for each in (task, waiting, busy.body):
            each.cancel()
        await asyncio.gather(task, waiting, busy.body, return_exceptions=True)

    asyncio.run(story())


def test_nothing_waits_for_nothing() -> None:
    assert blocked_on([]) == set()
