"""An open app: transport, client and worker on one event loop."""

import asyncio
from typing import Any

import pytest

from troth.errors import ClosedError
from troth.sdk.engine.execution import NO_OPTIONS
from troth.sdk.runtime import Runtime
from troth.sdk.worker import WorkerSettings


def runtime(world: Any, wire: Any) -> Runtime:
    return Runtime(wire, world.registry, "embedded:x", {}, WorkerSettings(), lambda: "x")


def test_without_work_it_takes_no_tasks(world: Any, wait: Any) -> None:
    @world.function
    async def one() -> int:
        return 1

    async def story() -> None:
        async with world.open() as app:
            wire = app.wire
        quiet = runtime(world, wire)
        assert quiet.loop is asyncio.get_running_loop()
        await quiet.open(work=False)
        record = await quiet.client.begin(one.call((), {}), NO_OPTIONS)
        await wait.turns()
        assert (await quiet.client.get(record.id)).state == "pending"
        assert quiet.worker.tally.entered == 0
        await quiet.close(lambda: ClosedError("closed"))
        async with world.open() as app:
            await wait.until(lambda: app.worker.tally.finished == 1)

    world.play(story)


def test_a_function_of_a_new_group_is_served_after_reconnecting(world: Any, wait: Any) -> None:
    async def story() -> None:
        async with world.open() as app:

            @world.function(group="new")
            async def late() -> int:
                return 1

            waiting = app.start(late)
            await wait.turns()
            assert not waiting.done()
            app.runtime.reconnect()
            assert await waiting == 1

    world.play(story)


def test_closing_tells_who_waits_with_the_given_reason(world: Any, wait: Any) -> None:
    @world.function
    async def never() -> int:
        await asyncio.Event().wait()
        return 1

    async def story() -> None:
        async with world.open() as app:
            waiting = app.start(never)
            await wait.until(lambda: bool(app.client._waiters))
        with pytest.raises(ClosedError, match="the app was closed"):
            await waiting
        assert app.worker.room() == 0
        with pytest.raises(ClosedError):
            await app.client.get("anything")

    world.play(story)
