"""A call that was begun, to be asked later."""

import asyncio
from typing import Any

import pytest

from troth.errors import NotFoundError
from troth.protocol.records import PromiseState
from troth.sdk.codec import converter_for
from troth.sdk.engine.execution import NO_OPTIONS
from troth.sdk.handle import BlockingHandle, Handle


@pytest.fixture
def slow(world: Any) -> Any:
    world.gate = asyncio.Event()

    @world.function(key="slow-{n}")
    async def slow(n: int) -> int:
        await world.gate.wait()
        if n < 0:
            raise LookupError(n)
        return n

    return slow


def handle(app: Any, id: str) -> Handle[int]:
    async def connect() -> Any:
        return app.client

    return Handle(id, connect, converter_for(int))


def test_a_handle_asks_and_waits(world: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            for n in (1, -1):
                await app.client.begin(slow.call((n,), {}), NO_OPTIONS)
            good, bad = handle(app, "slow-1"), handle(app, "slow--1")
            assert (await good.done(), (await good.record()).state) == (False, PromiseState.PENDING)
            waiting = [asyncio.create_task(good.result()) for _ in range(3)]
            world.gate.set()
            assert await asyncio.gather(*waiting) == [1, 1, 1]
            assert await good.done()
            assert await good.result() == 1
            for _ in range(2):
                with pytest.raises(LookupError):
                    await bad.result()
            assert await bad.done()
            assert repr(good) == "<handle of slow-1>"

    world.play(story)


def test_a_handle_outlives_the_app_that_gave_it(world: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            await app.client.begin(slow.call((1,), {}), NO_OPTIONS)
        world.gate.set()
        async with world.open() as app:
            assert await handle(app, "slow-1").result() == 1

    world.play(story)


def test_a_handle_of_nothing(world: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            nothing = handle(app, "nothing")
            for ask in (nothing.record(), nothing.done(), nothing.result()):
                with pytest.raises(NotFoundError):
                    await ask

    world.play(story)


def test_a_blocking_handle_asks_through_its_bridge(world: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            loop = asyncio.get_running_loop()
            await app.client.begin(slow.call((1,), {}), NO_OPTIONS)
            blocking: BlockingHandle[int] = BlockingHandle(
                handle(app, "slow-1"), lambda asked: asyncio.run_coroutine_threadsafe(asked, loop).result()
            )
            assert blocking.id == "slow-1"
            assert await asyncio.to_thread(blocking.done) is False
            world.gate.set()
            assert await asyncio.to_thread(blocking.result) == 1
            assert await asyncio.to_thread(blocking.done) is True

    world.play(story)
