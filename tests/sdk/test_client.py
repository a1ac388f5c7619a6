"""Calls from outside: begun, joined, or answered from the store."""

import asyncio
from typing import Any

import pytest

from troth.errors import (
    CallTimedOutError,
    ClosedError,
    InvalidIdError,
    KeyCollisionError,
    NotFoundError,
    RequestRefusedError,
    StoreFullError,
)
from troth.protocol.records import NEVER, PromiseState, Tag, TaskState
from troth.protocol.requests import CreatePromise, CreateTask
from troth.sdk.client import REMEMBERED_BYTES_MAX, REMEMBERED_MAX
from troth.sdk.context import Context
from troth.sdk.engine.execution import NO_OPTIONS, CallOptions
from troth.sdk.function import DurableFunction, Traits


@pytest.fixture
def double(world: Any) -> Any:
    @world.function(key="double-{n}")
    async def double(n: int) -> int:
        world.entered[n] += 1
        return 2 * n

    return double


@pytest.fixture
def slow(world: Any) -> Any:
    world.gate = asyncio.Event()

    @world.function(key="slow-{n}")
    async def slow(n: int) -> int:
        world.entered[n] += 1
        await world.gate.wait()
        return n

    return slow


def creates(app: Any) -> list[Any]:
    return [request for request in app.wire.sent if isinstance(request, CreatePromise | CreateTask)]


def test_the_same_call_runs_once_and_is_answered_from_the_store_for_ever(world: Any, double: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            assert await app.call(double, 4) == 8
            assert await app.call(double, 4) == 8
        async with world.open() as app:
            assert await app.call(double, 4) == 8
        assert world.entered == {4: 1}

    world.play(story)


def test_callers_at_once_join_one_run(world: Any, wait: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            callers = [app.start(slow, 1) for _ in range(50)]
            await wait.until(lambda: world.entered[1] == 1)
            world.gate.set()
            assert await asyncio.gather(*callers) == [1] * 50
        assert world.entered == {1: 1}

    world.play(story)


def test_what_a_call_asks_for(world: Any) -> None:
    @world.function(group="tills", timeout=60)
    async def plain(n: int) -> int:
        return n

    async def story() -> None:
        async with world.open() as app:
            for id in (None, "mine"):
                await app.call(plain, 1, id=id)
            fresh, named = creates(app)
            assert fresh.id == "plain-10000"
            assert named.id == "mine"
            assert fresh.tags == named.tags == {Tag.TARGET: "poll://any@tills"}
            assert fresh.timeout_at == world.clock.now() + 60_000
            assert fresh.caller is None
            assert fresh.reuse_failed
            record = await app.client.begin(plain.call((2,), {}), CallOptions(timeout_ms=5))
            assert record.timeout_at == world.clock.now() + 5
            with pytest.raises(InvalidIdError):
                await app.client.begin(plain.call((2,), {}), CallOptions(id="\0"))

    world.play(story)


def test_a_failure_is_not_kept_unless_it_is_to_be(world: Any) -> None:
    @world.function(key="flaky-{n}")
    async def flaky(n: int) -> int:
        world.entered["flaky"] += 1
        if world.entered["flaky"] < 3:
            raise LookupError(world.entered["flaky"])
        return n

    @world.function(key="keeps-{n}", on_failure="keep")
    async def keeps(n: int) -> int:
        world.entered["keeps"] += 1
        raise LookupError("kept")

    async def story() -> None:
        async with world.open() as app:
            for _ in range(2):
                with pytest.raises(LookupError):
                    await app.call(flaky, 1)
            assert await app.call(flaky, 1) == await app.call(flaky, 1) == 1
            assert {"flaky-1", "flaky-1~2", "flaky-1~3"} <= await app.ids()
            for _ in range(2):
                with pytest.raises(LookupError, match="kept"):
                    await app.call(keeps, 1)
            for _ in range(2):
                with pytest.raises(LookupError):
                    await app.call(flaky_by_id, 1, id="mine")
        assert world.entered["flaky"] == 3
        assert world.entered["keeps"] == 1
        assert world.entered["by id"] == 1, "an explicit id is one promise"

    @world.function
    async def flaky_by_id(n: int) -> int:
        world.entered["by id"] += 1
        raise LookupError

    world.play(story)


def test_a_call_born_too_late_times_out_and_opens_no_generation(world: Any, double: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(CallTimedOutError):
                await app.client.call(double.call((1,), {}), CallOptions(timeout_ms=0))
            assert await app.ids() == {"double-1"}
            world.clock.advance(1)
            assert await app.call(double, 1) == 2
            assert await app.ids() == {"double-1", "double-1~2"}

    world.play(story)


def test_another_call_under_the_id_is_refused_pending_or_settled(world: Any, wait: Any, slow: Any, double: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            first = app.start(slow, 1, id="one")
            await wait.until(lambda: world.entered[1] == 1)
            with pytest.raises(KeyCollisionError, match="'one' already holds slow"):
                await app.call(double, 1, id="one")
            world.gate.set()
            assert await first == 1
            for _ in range(2):
                with pytest.raises(KeyCollisionError):
                    await app.call(slow, 2, id="one")

    world.play(story)


# --- here


def test_run_here_holds_the_task_from_the_start(world: Any, double: Any) -> None:
    async def story() -> None:
        async with world.open(slots=0) as app:
            assert await app.call(double, 4, here=True) == 8
            assert [type(request) for request in creates(app)] == [CreateTask]
            assert await app.call(double, 4, here=True) == 8
        assert world.entered == {4: 1}

    world.play(story)


def test_run_here_joins_whoever_runs_it_already(world: Any, wait: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            first = app.start(slow, 1)
            await wait.until(lambda: world.entered[1] == 1)
            second = asyncio.create_task(app.call(slow, 1, here=True))
            await wait.turns()
            world.gate.set()
            assert await asyncio.gather(first, second) == [1, 1]
        assert world.entered == {1: 1}

    world.play(story)


def test_run_here_leaves_to_others_what_is_not_registered_here(world: Any, wait: Any) -> None:
    async def elsewhere(n: int) -> int:
        return n

    function: DurableFunction[..., Any, ..., Any] = DurableFunction(elsewhere, Traits(key=True), Context)

    async def story() -> None:
        async with world.open() as app:
            waiting = asyncio.create_task(app.call(function, 1, here=True))
            key = function.call((1,), {}).key
            await wait.until(lambda: bool(creates(app)))
            await wait.turns()
            assert (await app.task(key)).state is TaskState.PENDING
            waiting.cancel()

    world.play(story)


# --- memory


def test_a_resolved_call_is_remembered_and_only_the_very_same(world: Any, double: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            call = double.call((4,), {})
            assert app.client.remembered(call, NO_OPTIONS) is None
            await app.call(double, 4)
            record = app.client.remembered(call, NO_OPTIONS)
            assert record is not None
            assert app.client.value(record, double.signature.result) == 8
            assert app.client.remembered(double.call((5,), {}), NO_OPTIONS) is None
            assert app.client.remembered(double.call((5,), {}), CallOptions(id="double-4")) is None

    world.play(story)


def test_failures_and_long_values_are_not_remembered(world: Any) -> None:
    @world.function(key="text-{n}")
    async def text(n: int) -> str:
        if n == 0:
            raise LookupError
        return "x" * n

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(LookupError):
                await app.call(text, 0)
            await app.call(text, REMEMBERED_BYTES_MAX)
            await app.call(text, 10)
            found = [app.client.remembered(text.call((n,), {}), NO_OPTIONS) for n in (0, REMEMBERED_BYTES_MAX, 10)]
            assert [record is not None for record in found] == [False, False, True]

    world.play(story)


def test_what_is_remembered_is_bounded(world: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REMEMBERED_MAX > 100
    monkeypatch.setattr("troth.sdk.client.REMEMBERED_MAX", 2)

    async def story() -> None:
        async with world.open() as app:
            for n in range(3):
                await app.call(double, n)
            found = [app.client.remembered(double.call((n,), {}), NO_OPTIONS) for n in range(3)]
            assert [record is not None for record in found] == [False, True, True]

    world.play(story)


# --- promises by hand


def test_a_promise_is_settled_by_the_first_who_does(world: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            for id in ("a", "b"):
                await app.wire.submit([CreatePromise(id, NEVER)])
            assert (await app.client.resolve("a", {"x": (1, b"2")})).state is PromiseState.RESOLVED
            assert (await app.client.reject("a", ValueError())).state is PromiseState.RESOLVED
            assert (await app.client.reject("b", ValueError("no"))).state is PromiseState.REJECTED
            assert (await app.client.get("b")).state is PromiseState.REJECTED

    world.play(story)


def test_a_promise_that_is_not_there(world: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            for ask in (app.client.get("a"), app.client.resolve("a", 1), app.client.reject("a", ValueError())):
                with pytest.raises(NotFoundError, match="no promise 'a'"):
                    await ask
            with pytest.raises(InvalidIdError):
                await app.client.get("")

    world.play(story)


def test_a_request_that_the_server_refuses(world: Any, double: Any) -> None:
    @world.function
    async def never(n: int) -> int:
        return n

    never.target = "nowhere"

    async def story() -> None:
        async with world.open() as app:
            for here in (True, False):
                with pytest.raises(RequestRefusedError, match="400") as caught:
                    await app.call(never, 1, here=here)
                assert caught.value.status == 400

    world.play(story)


# --- waiting


def test_who_waits_is_told_of_trouble_and_the_call_lives_on(world: Any, wait: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            waiting = app.start(slow, 1)
            await wait.until(lambda: bool(app.client._waiters))
            app.client.fail_waiters(StoreFullError("full"))
            with pytest.raises(StoreFullError):
                await waiting
            assert not app.client._waiters
            world.gate.set()
            assert await app.call(slow, 1) == 1
        assert world.entered == {1: 1}

    world.play(story)


def test_who_gives_up_waiting_leaves_nothing_behind(world: Any, wait: Any, slow: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            waiting = app.start(slow, 1)
            await wait.until(lambda: bool(app.client._waiters))
            waiting.cancel()
            await asyncio.wait([waiting])
            assert not app.client._waiters
            world.gate.set()
            assert await app.call(slow, 1) == 1

    world.play(story)


@pytest.mark.parametrize("turns", range(12))
def test_whenever_an_app_is_closed_who_waits_hears_of_it(world: Any, wait: Any, slow: Any, turns: int) -> None:
    async def story() -> None:
        async with world.open() as app:
            waiting = app.start(slow, 1)
            await wait.turns(turns)
        with pytest.raises(ClosedError):
            await asyncio.wait_for(waiting, 10)

    world.play(story)
