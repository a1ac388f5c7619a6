"""Which waiting functions stay in memory, and that nobody can tell: same result, nothing entered twice."""

import asyncio
import math
from typing import Any

import pytest

from troth.errors import CallTimedOutError, StoreFullError
from troth.protocol.answers import Response
from troth.protocol.records import TaskState
from troth.protocol.requests import HaltTask, RegisterCallback, SuspendTask
from troth.sdk.context import Context


@pytest.fixture
def factorial(world: Any) -> Any:
    @world.function(key="factorial-{n}")
    async def factorial(ctx: Context, n: int) -> int:
        world.entered[n] += 1
        return 1 if n == 0 else n * await ctx.rpc(factorial, n - 1)

    return factorial


def waiting_for_somebody(world: Any) -> Any:
    """A function that asks for two words, one after another."""

    @world.function
    async def ask(ctx: Context) -> str:
        world.entered["ask"] += 1
        first = await ctx.promise("first", str)
        second = await ctx.promise("second", str)
        return f"{first} {second}"

    return ask


async def waiting(app: Any, wait: Any, id: str) -> None:
    """Until the function waits for what the store holds."""
    await wait.until(lambda: id in app.runs and bool(app.runs[id].waits))
    await wait.until(lambda: all(call.acknowledged for call in app.runs[id].waits))


async def suspended(app: Any, wait: Any, id: str) -> None:
    """Sweep, and the task is suspended."""
    await waiting(app, wait, id)
    app.sweep()
    await wait.until(lambda: app.runs[id].suspended)


async def evicted(app: Any, wait: Any, id: str) -> None:
    """Sweep, and where nobody has a place in memory the function is dropped."""
    await waiting(app, wait, id)
    app.sweep()
    await wait.until(lambda: id not in app.runs)


def test_a_short_wait_costs_no_suspension(world: Any, wait: Any, factorial: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            assert await app.call(factorial, 20) == math.factorial(20)
            assert app.residency.suspended == 0
            assert len(app.residency) == 0
            assert app.runs == {}

    world.play(story)


def test_who_has_waited_long_is_suspended_and_goes_on_where_it_stood(world: Any, wait: Any) -> None:
    ask = waiting_for_somebody(world)

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(ask, id="a")
            await suspended(app, wait, "a")
            assert (await app.task("a")).state is TaskState.SUSPENDED
            await app.client.resolve("a.promise-first", "good")
            await suspended(app, wait, "a")
            await app.client.resolve("a.promise-second", "day")
            assert await result == "good day"
            assert world.entered["ask"] == 1
            assert (app.residency.suspended, app.residency.evicted) == (2, 0)
            assert app.worker.tally.entered == 1

    world.play(story)


def test_who_has_not_waited_long_is_left_alone(world: Any, wait: Any) -> None:
    ask = waiting_for_somebody(world)

    async def story() -> None:
        async with world.open(linger_ms=1_000_000) as app:
            result = app.start(ask, id="a")
            await wait.until(lambda: len(app.residency) == 1)
            app.sweep()
            await wait.turns()
            assert (await app.task("a")).state is TaskState.ACQUIRED
            for name in ("first", "second"):
                await app.client.resolve(f"a.promise-{name}", name)
                await wait.turns()
            assert await result == "first second"
            assert app.residency.suspended == 0

    world.play(story)


@pytest.mark.parametrize("residents_max", [0, 1, 3])
def test_eviction_and_replay_give_the_same_and_enter_no_child_twice(
    world: Any, wait: Any, factorial: Any, residents_max: int
) -> None:
    async def story() -> None:
        async with world.open(residents_max=residents_max) as app:
            assert await app.call(factorial, 150) == math.factorial(150)
            assert app.residency.evicted > 50
            assert world.entered[0] == 1, "a leaf is never evicted"
            assert max(world.entered.values()) <= 2, "entered once, and once more to be replayed"

    world.play(story)


def test_local_calls_and_their_calls_are_replayed_not_entered(world: Any, wait: Any) -> None:
    def count(name: str) -> str:
        world.entered[name] += 1
        return name

    async def helper(ctx: Context, name: str) -> str:
        world.entered[f"helper {name}"] += 1
        return await ctx.run(count, f"in {name}") + await ctx.promise(name, str)

    @world.function
    async def top(ctx: Context) -> list[str]:
        world.entered["top"] += 1
        return [
            await ctx.run(count, "one"),
            await ctx.run(helper, "a"),
            await ctx.run(count, "one"),
            *await asyncio.gather(ctx.run(count, "two"), ctx.run(helper, "b")),
        ]

    async def story() -> None:
        async with world.open(residents_max=0, linger_ms=0) as app:
            result = app.start(top, id="t")
            for name in ("a", "b"):
                await evicted(app, wait, "t")
                below = next(id for id in await app.ids() if id.endswith(f".promise-{name}"))
                await app.client.resolve(below, f" and {name}")
            assert await result == ["one", "in a and a", "one", "two", "in b and b"]
        assert world.entered["top"] == 3
        assert world.entered["one"] == 2, "two uses, each entered once"
        assert {world.entered[name] for name in ("two", "in a", "in b")} == {1}

    world.play(story)


def test_a_suspension_names_all_that_is_in_flight(world: Any, wait: Any) -> None:
    """Also what only a task waits for that the function started and does not wait for itself."""

    @world.function
    async def top(ctx: Context) -> list[str]:
        async def second() -> str:
            said = await ctx.promise("second", str)
            return said + await ctx.promise("third", str)

        task = asyncio.create_task(second())
        first = await ctx.promise("first", str)
        return [first, await task]

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(top, id="t")
            await suspended(app, wait, "t")
            (suspend,) = [request for request in app.wire.sent if isinstance(request, SuspendTask)]
            assert set(suspend.actions) == {
                RegisterCallback("t.promise-first", "t"),
                RegisterCallback("t.promise-second", "t"),
            }
            await app.client.resolve("t.promise-second", "2")
            await wait.until(lambda: app.runs["t"].held)
            await suspended(app, wait, "t")
            await app.client.resolve("t.promise-third", "3")
            await app.client.resolve("t.promise-first", "1")
            assert await result == ["1", "23"]

    world.play(story)


def test_what_settled_while_the_suspension_was_on_its_way_makes_it_go_on(world: Any, wait: Any) -> None:
    """The store answers 300: the task stays."""
    ask = waiting_for_somebody(world)
    answers: list[int] = []

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(ask, id="a")
            await waiting(app, wait, "a")
            app.wire.held_back = lambda requests: isinstance(requests[0], SuspendTask)
            app.sweep()
            run = app.runs["a"]
            assert not run.held
            await app.client.resolve("a.promise-first", "good")
            await wait.turns()
            assert run.resumed, "it is kept until it is known whose the task is"
            note_statuses(app, answers)
            app.wire.let_through()
            await wait.until(lambda: "a.promise-second" in {call.id for call in run.waits})
            assert run.held
            assert answers == [300]
            assert app.residency.suspended == 0
            await app.client.resolve("a.promise-second", "day")
            assert await result == "good day"

    world.play(story)


def note_statuses(app: Any, answers: list[int]) -> None:
    submit = app.wire.submit

    def noted(requests: Any) -> "asyncio.Future[list[Response]]":
        sent = submit(requests)
        if isinstance(requests[0], SuspendTask):
            sent.add_done_callback(lambda sent: answers.append(sent.result()[0].status))
        return sent

    app.wire.submit = noted


def test_a_suspension_that_the_store_cannot_take_leaves_everything_as_it_was(world: Any, wait: Any) -> None:
    ask = waiting_for_somebody(world)

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(ask, id="a")
            await waiting(app, wait, "a")
            app.wire.fault = lambda sent: StoreFullError("full") if isinstance(sent[0], SuspendTask) else None
            app.sweep()
            await wait.turns()
            assert app.runs["a"].held
            await app.client.resolve("a.promise-first", "good")
            await wait.turns()
            await app.client.resolve("a.promise-second", "day")
            assert await result == "good day"
            assert world.entered["ask"] == 1

    world.play(story)


# --- woken by something foreign


@pytest.fixture
def impatient(world: Any) -> Any:
    """Waits for a promise until an event of the test, which the store knows nothing of."""
    world.bell = asyncio.Event()

    async def step(name: str) -> str:
        world.entered[name] += 1
        return name

    @world.function
    async def impatient(ctx: Context) -> list[str]:
        world.entered["impatient"] += 1

        async def cut() -> None:
            await world.bell.wait()
            waiting.cancel()

        waiting = ctx.promise("never", str)
        cutter = asyncio.create_task(cut())
        try:
            await waiting
        except asyncio.CancelledError:
            await cutter
        return [await ctx.run(step, "local"), await ctx.rpc(remote, "remote")]

    @world.function
    async def remote(name: str) -> str:
        world.entered[name] += 1
        return name

    return impatient


def test_a_suspended_function_that_something_foreign_wakes_has_its_task_granted_again(
    world: Any, wait: Any, impatient: Any
) -> None:
    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(impatient, id="i")
            await suspended(app, wait, "i")
            world.bell.set()
            assert await result == ["local", "remote"]
            assert [k for k in app.wire.kinds() if k in ("HaltTask", "ContinueTask")] == ["HaltTask", "ContinueTask"]
        assert world.entered == {"impatient": 1, "local": 1, "remote": 1}

    world.play(story)


def test_also_while_the_suspension_is_on_its_way(world: Any, wait: Any, impatient: Any) -> None:
    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(impatient, id="i")
            await waiting(app, wait, "i")
            app.wire.held_back = lambda requests: isinstance(requests[0], SuspendTask)
            app.sweep()
            world.bell.set()
            await wait.until(lambda: app.runs["i"].wanted)
            app.wire.let_through()
            assert await result == ["local", "remote"]
        assert world.entered == {"impatient": 1, "local": 1, "remote": 1}

    world.play(story)


def test_a_store_in_trouble_is_asked_for_the_task_again(world: Any, wait: Any, impatient: Any) -> None:
    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(impatient, id="i")
            await suspended(app, wait, "i")
            app.wire.fault = lambda sent: StoreFullError("full") if isinstance(sent[0], HaltTask) else None
            world.bell.set()
            await wait.until(lambda: app.runs["i"].wanted and app.runs["i"].suspended)
            app.wire.fault = lambda _: None
            app.sweep()
            assert await result == ["local", "remote"]
        assert world.entered["impatient"] == 1

    world.play(story)


def test_a_task_that_is_over_is_not_asked_for_for_ever(world: Any, wait: Any, impatient: Any) -> None:
    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(impatient, id="i")
            await suspended(app, wait, "i")
            app.wire.held_back = lambda requests: isinstance(requests[0], HaltTask)
            world.bell.set()
            await wait.until(lambda: app.runs["i"].wanted)
            run = app.runs["i"]
            run.watcher, watcher = None, run.watcher
            app.wire.unwatch("i", watcher)  # as if the news of it came late
            await app.client.resolve("i", ["somebody", "else"])
            app.wire.let_through()
            await wait.until(lambda: run.dropped)
            assert await result == ["somebody", "else"]
            assert app.runs == {}
            assert world.entered["remote"] == 0

    world.play(story)


def test_whoever_was_woken_by_something_foreign_is_not_evicted(world: Any, wait: Any, impatient: Any) -> None:
    """Its task would wait for what the function no longer does."""

    async def story() -> None:
        async with world.open(linger_ms=0, residents_max=1) as app:
            result = app.start(impatient, id="i")
            await suspended(app, wait, "i")
            app.wire.held_back = lambda requests: isinstance(requests[0], HaltTask)
            world.bell.set()
            await wait.until(lambda: app.runs["i"].wanted)
            others = [app.start(waiting_for, id=f"w{n}") for n in range(3)]
            await wait.turns(100)
            assert "i" in app.runs
            app.wire.let_through()
            assert await result == ["local", "remote"]
            assert world.entered["impatient"] == 1
            for other in others:
                other.cancel()

    @world.function
    async def waiting_for(ctx: Context) -> None:
        await ctx.promise("never")

    world.play(story)


def test_nor_while_it_does_something_else_first(world: Any, wait: Any) -> None:
    """It has not asked for its task yet, and what its task waits for will never come."""
    bell, second_bell = asyncio.Event(), asyncio.Event()

    @world.function
    async def busy(ctx: Context) -> str:
        world.entered["busy"] += 1
        call = ctx.promise("never", str)
        cutter = asyncio.create_task(cut(call))
        await asyncio.wait([call])
        await cutter
        await second_bell.wait()
        return "done"

    async def cut(call: "asyncio.Future[Any]") -> None:
        await bell.wait()
        call.cancel()

    @world.function
    async def waiting_for(ctx: Context) -> None:
        await ctx.promise("never")

    async def story() -> None:
        async with world.open(linger_ms=0, residents_max=1) as app:
            result = app.start(busy, id="b")
            await suspended(app, wait, "b")
            bell.set()
            await wait.until(lambda: not app.runs["b"].waits)
            others = [app.start(waiting_for, id=f"w{n}") for n in range(3)]
            await wait.until(lambda: app.worker.tally.entered == 4)
            await wait.turns(100)
            assert "b" in app.runs
            second_bell.set()
            assert await result == "done"
            assert world.entered["busy"] == 1
            for other in others:
                other.cancel()

    world.play(story)


def test_a_task_that_is_over_before_it_is_granted_again_is_let_go(world: Any, wait: Any) -> None:
    """The function has ended; there is no room to take its task; then somebody else settles its promise."""
    bell, gate = asyncio.Event(), asyncio.Event()

    @world.function
    async def short(ctx: Context) -> str:
        call = ctx.promise("never", str)
        cutter = asyncio.create_task(cut(call))
        await asyncio.wait([call])
        await cutter
        return "mine"

    async def cut(call: "asyncio.Future[Any]") -> None:
        await bell.wait()
        call.cancel()

    @world.function
    async def fills_the_slot() -> None:
        await gate.wait()

    async def story() -> None:
        async with world.open(linger_ms=0, slots=1) as app:
            result = app.start(short, id="s")
            await suspended(app, wait, "s")
            other = app.start(fills_the_slot, id="o")
            await wait.until(lambda: "o" in app.runs)
            bell.set()
            await wait.until(lambda: "ContinueTask" in app.wire.kinds())
            await wait.turns()
            assert (await app.task("s")).state is TaskState.PENDING
            await app.client.resolve("s", "somebody's")
            assert await result == "somebody's"
            await wait.until(lambda: "s" not in app.runs)
            gate.set()
            await other

    world.play(story)


def test_asyncio_timeout_around_a_durable_call(world: Any, wait: Any) -> None:
    @world.function
    async def hurried(ctx: Context) -> str:
        world.entered["hurried"] += 1
        try:
            async with asyncio.timeout(0.01):
                return await ctx.promise("never", str)
        except TimeoutError:
            return await ctx.promise("instead", str)

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            result = app.start(hurried, id="h")
            await waiting(app, wait, "h")
            app.sweep()
            await wait.until(lambda: "h.promise-instead" in {c.id for c in app.runs["h"].waits if c.acknowledged})
            await app.client.resolve("h.promise-instead", "in time")
            assert await result == "in time"
            assert world.entered["hurried"] == 1

    world.play(story)


# --- slots


def test_one_slot_is_enough_for_any_depth(world: Any, wait: Any, factorial: Any) -> None:
    async def story() -> None:
        async with world.open(slots=1, residents_max=2) as app:
            assert await app.call(factorial, 50) == math.factorial(50)

    world.play(story)


def test_whoever_waits_to_be_granted_again_holds_no_slot(world: Any, wait: Any) -> None:
    """Else those whose callees have all settled at once would fill the slots that their own tasks need."""

    @world.function
    async def child(ctx: Context, n: int) -> int:
        await world.bells[n].wait()
        return n

    @world.function
    async def parent(ctx: Context, n: int) -> int:
        return await ctx.rpc(child, n)

    async def story() -> None:
        world.bells = [asyncio.Event() for _ in range(3)]
        async with world.open(slots=3, linger_ms=0) as app:
            results = [app.start(parent, n, id=f"p{n}") for n in range(3)]
            for n in range(3):
                await wait.until(lambda n=n: f"p{n}" in app.runs and app.runs[f"p{n}"].waits)
            await wait.until(lambda: app.worker.running == 3)
            app.sweep()
            await wait.until(lambda: all(app.runs[f"p{n}"].suspended for n in range(3)))
            for bell in world.bells:
                bell.set()
            assert await asyncio.gather(*results) == [0, 1, 2]

    world.play(story)


def test_who_goes_on_after_a_suspension_holds_a_slot_again(world: Any, wait: Any) -> None:
    gate = asyncio.Event()

    @world.function
    async def top(ctx: Context) -> str:
        word = await ctx.promise("word", str)
        await gate.wait()
        return word

    async def story() -> None:
        async with world.open(linger_ms=0, slots=1) as app:
            result = app.start(top, id="t")
            await suspended(app, wait, "t")
            assert (app.worker.running, app.worker.room()) == (0, 1)
            await app.client.resolve("t.promise-word", "hello")
            await wait.until(lambda: app.runs["t"].held)
            await wait.turns()
            assert (app.worker.running, app.worker.room()) == (1, 0)
            gate.set()
            assert await result == "hello"

    world.play(story)


def test_a_timer_wakes_whoever_sleeps_evicted_or_not(world: Any, wait: Any) -> None:
    @world.function
    async def sleeper(ctx: Context, hours: float) -> float:
        world.entered["sleeper"] += 1
        await ctx.sleep(hours * 3600)
        return hours

    @world.function
    async def hurried(ctx: Context) -> str:
        return await ctx.promise("never", str, timeout=60)

    async def story() -> None:
        async with world.open(residents_max=1, linger_ms=0) as app:
            results = [app.start(sleeper, hours, id=f"s{hours}") for hours in (1.0, 2.0, 3.0)]
            late = app.start(hurried, id="h")
            await wait.until(lambda: "h" in app.runs and bool(app.runs["h"].waits))
            await wait.turns()
            app.sweep()
            await wait.until(lambda: app.residency.evicted >= 3)
            world.clock.advance(60_000)
            with pytest.raises(CallTimedOutError):
                await late
            for hour in (0, 1, 2):
                world.clock.advance(3_600_000)
                assert await results[hour] == hour + 1
            assert world.entered["sleeper"] <= 6

    world.play(story)
