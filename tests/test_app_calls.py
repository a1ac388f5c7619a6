"""Calls, from outside and inside, through the public API: what the issue's second item promises."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from troth import (
    ArgumentError,
    BlockingHandle,
    CallCanceledError,
    CallTimedOutError,
    Context,
    Handle,
    Info,
    NotFoundError,
    RemoteError,
    Retry,
    Troth,
    TrothError,
    UnknownFunctionError,
    WrongLoopError,
)


class RefusedError(Exception):
    """An exception of the program's own."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(code, why)
        self.code = code


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_000_000
        self._alarms: list[tuple[int, Callable[[], None]]] = []

    def now(self) -> int:
        return self.ms

    def call_at(self, instant: int, callback: Callable[[], None]) -> "ManualClock":
        self._alarms.append((instant, callback))
        return self

    def cancel(self) -> None:
        """An alarm may ring without need."""

    def move(self, ms: int) -> None:
        self.ms += ms
        due = [callback for instant, callback in self._alarms if instant <= self.ms]
        self._alarms = [alarm for alarm in self._alarms if alarm[0] > self.ms]
        for callback in due:
            callback()


def play(app: Troth, story: Callable[[], Awaitable[None]]) -> None:
    """Run the story with the app open."""

    async def main() -> None:
        async with app, asyncio.timeout(30):
            await story()

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Give way until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0)


# --- the four shapes of a function


def test_async_def_with_and_without_context_and_def_with_and_without_context() -> None:
    app = Troth(":memory:")

    @app.function
    async def plain_async(n: int) -> int:
        return n + 1

    @app.function
    def plain(n: int) -> int:
        return n + 2

    @app.function
    async def with_context(ctx: Context, n: int) -> int:
        return await ctx.rpc(plain_async, n) + await ctx.run(plain, n)

    @app.function
    def blocking_with_context(ctx: Context, n: int) -> int:
        return ctx.rpc(plain_async, n).wait() + ctx.run(plain, n).wait() + ctx.run(with_context, n).wait()

    async def story() -> None:
        assert await app.rpc(plain_async, 1) == 2
        assert await app.rpc(plain, 1) == 3
        assert await app.rpc(with_context, 1) == 5
        assert await app.rpc(blocking_with_context, 1) == 10
        assert await app.run(blocking_with_context, 1) == 10

    play(app, story)


def test_a_decorated_function_stays_plain_python() -> None:
    app = Troth(":memory:")

    @app.function(key="square-{n}")
    def square(n: int) -> int:
        return n * n

    @app.function
    async def cube(n: int) -> int:
        return n * n * n

    assert square(4) == 16
    assert square(n=5) == 25
    assert asyncio.run(cube(3)) == 27


def test_default_and_keyword_arguments_are_one_call() -> None:
    app = Troth(":memory:")
    entered: list[tuple[int, int]] = []

    @app.function(key=True)
    async def add(a: int, b: int = 10, *, c: int = 0) -> int:
        entered.append((a, b))
        return a + b + c

    async def story() -> None:
        assert await app.rpc(add, 1) == 11
        assert await app.rpc(add, 1, 10) == 11
        assert await app.rpc(add, b=10, a=1) == 11
        assert await app.rpc(add, 1, c=0) == 11
        assert entered == [(1, 10)]
        assert await app.rpc(add, 1, c=5) == 16

    play(app, story)


def test_star_arguments() -> None:
    app = Troth(":memory:")

    @app.function
    async def gather_all(first: int, *rest: int, **named: str) -> str:
        return f"{first} {rest} {sorted(named.items())}"

    async def story() -> None:
        assert await app.rpc(gather_all, 1, 2, 3, x="y") == "1 (2, 3) [('x', 'y')]"

    play(app, story)


def test_name_is_what_it_is_called_by() -> None:
    app = Troth(":memory:")

    @app.function(name="billing.charge")
    async def charge(amount: int) -> int:
        return -amount

    @app.function
    async def order(ctx: Context, amount: int) -> object:
        return await ctx.rpc("billing.charge", amount)

    async def story() -> None:
        assert await app.rpc(order, 7) == -7

    play(app, story)


def test_functions_of_several_groups_are_served() -> None:
    app = Troth(":memory:")

    @app.function(group="gpu")
    async def heavy(n: int) -> int:
        return n * 100

    @app.function(group="front")
    async def light(ctx: Context, n: int) -> int:
        return await ctx.rpc(heavy, n)

    async def story() -> None:
        assert await app.rpc(light, 2) == 200

    play(app, story)


# --- from outside


def test_start_gives_a_handle() -> None:
    app = Troth(":memory:")
    go = asyncio.Event()

    @app.function(key="slow-{n}")
    async def slow(n: int) -> int:
        await go.wait()
        return n

    async def story() -> None:
        handle = await app.start(slow, 3)
        assert isinstance(handle, Handle)
        assert handle.id == "slow-3"
        assert not await handle.done()
        found = await app.get("slow-3")
        waiting = asyncio.create_task(found.result())
        go.set()
        assert await handle.result() == 3
        assert await waiting == 3
        assert await handle.done()
        assert await handle.result() == 3

    play(app, story)


def test_get_of_an_unknown_id_says_how_to_find_one() -> None:
    app = Troth(":memory:")

    async def story() -> None:
        with pytest.raises(NotFoundError, match=r"no promise 'nothing'.*troth search"):
            await app.get("nothing")
        with pytest.raises(NotFoundError, match="no promise 'nothing'"):
            await app.resolve("nothing", 1)
        with pytest.raises(NotFoundError, match="no promise 'nothing'"):
            await app.reject("nothing", ValueError())

    play(app, story)


def test_get_reads_a_failure_as_its_own_type() -> None:
    app = Troth(":memory:")

    @app.function(key="broken")
    async def broken() -> int:
        raise KeyError("shelf", 3)

    async def story() -> None:
        handle = await app.start(broken)
        with pytest.raises(KeyError) as caught:
            await handle.result()
        assert caught.value.args == ("shelf", 3)
        again = await app.get("broken")
        with pytest.raises(KeyError):
            await again.result()
        assert await again.done()

    play(app, story)


def test_run_and_rpc_and_start_come_to_the_same_promise() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function(key="same-{n}")
    async def same(n: int) -> int:
        entered.append(n)
        return n

    async def story() -> None:
        assert await app.run(same, 1) == 1
        assert await app.rpc(same, 1) == 1
        assert await (await app.start(same, 1)).result() == 1
        assert entered == [1]

    play(app, story)


def test_unkeyed_calls_from_outside_are_each_their_own() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function
    async def each(n: int) -> int:
        entered.append(n)
        return n

    async def story() -> None:
        first, second = await app.start(each, 1), await app.start(each, 1)
        assert first.id != second.id
        assert await first.result() == await second.result() == 1
        assert entered == [1, 1]

    play(app, story)


def test_blocking_twins_for_scripts() -> None:
    app = Troth(":memory:")
    ids: list[str] = []

    @app.function(key="twice-{n}")
    async def twice(n: int) -> int:
        return 2 * n

    @app.function(key="asks-{n}")
    async def asks(ctx: Context, n: int) -> str:
        return f"{await ctx.promise('ok', str)} {n}"

    with app.blocking as blocking:
        assert blocking.rpc(twice, 4) == 8
        assert blocking.run(twice, 5) == 10
        handle = blocking.start(asks, 1)
        assert isinstance(handle, BlockingHandle)
        assert handle.id == "asks-1"
        assert not handle.done()
        waiting = blocking.start(asks, 2)
        ids += ["asks-1.promise-ok", "asks-2.promise-ok"]
        for id in ids:
            _until_there(lambda id=id: blocking.get(id))
        blocking.resolve(ids[0], "yes")
        assert handle.result() == "yes 1"
        assert handle.done()
        blocking.reject(ids[1], ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            waiting.result()
        assert blocking.get("twice-4", int).result() == 8
        assert blocking.options(id="by-hand").rpc(twice, 9) == 18
        assert blocking.get("by-hand").result() == 18


def _until_there(look: Callable[[], object]) -> None:
    """Ask again until the promise is stored; each question is a turn of the app's loop."""
    for _ in range(10_000):
        try:
            look()
        except NotFoundError:
            continue
        return
    raise AssertionError("never stored")


def test_a_blocking_call_inside_a_running_loop_is_refused() -> None:
    app = Troth(":memory:")

    @app.function
    async def one() -> int:
        return 1

    async def story() -> None:
        with pytest.raises(WrongLoopError, match=r"blocking call inside a running event loop.*write `await app"):
            app.blocking.rpc(one)
        with pytest.raises(WrongLoopError):
            app.blocking.start(one)
        with pytest.raises(WrongLoopError):
            app.blocking.get("x")
        assert await app.rpc(one) == 1

    play(app, story)


def test_wait_outside_a_def_function_is_refused() -> None:
    app = Troth(":memory:")

    @app.function
    async def leaf() -> int:
        return 1

    @app.function
    async def wrong(ctx: Context) -> int:
        return ctx.rpc(leaf).wait()

    async def story() -> None:
        with pytest.raises(WrongLoopError, match="await"):
            await app.rpc(wrong)

    play(app, story)


# --- from inside


def test_fan_out_by_unawaited_calls_gather_and_task_group() -> None:
    app = Troth(":memory:")
    started: list[int] = []
    all_started = asyncio.Event()

    @app.function
    async def part(n: int) -> int:
        started.append(n)
        if len(started) % 5 == 0:
            all_started.set()
        await all_started.wait()
        return n

    @app.function
    async def unawaited(ctx: Context) -> list[int]:
        calls = [ctx.rpc(part, n) for n in range(5)]
        return [await call for call in calls]

    @app.function
    async def gathered(ctx: Context) -> list[int]:
        return list(await asyncio.gather(*(ctx.rpc(part, n) for n in range(3)), *(ctx.run(part, n) for n in (3, 4))))

    @app.function
    async def grouped(ctx: Context) -> list[int]:
        async def through(n: int) -> int:
            return await ctx.rpc(part, n)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(through(n)) for n in range(5)]
        return [task.result() for task in tasks]

    @app.function
    def stacked(ctx: Context) -> list[int]:
        calls = [ctx.rpc(part, n) for n in range(5)]
        return [call.wait() for call in calls]

    async def story() -> None:
        for function in (unawaited, gathered, grouped, stacked):
            started.clear()
            all_started.clear()
            assert await app.rpc(function) == [0, 1, 2, 3, 4], function
            assert sorted(started) == [0, 1, 2, 3, 4], function

    play(app, story)


def test_local_calls_nobody_waited_for_end_before_their_function_does() -> None:
    app = Troth(":memory:")
    ended: list[int] = []

    @app.function
    async def step(n: int) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        ended.append(n)
        return n

    @app.function(key="hasty")
    async def hasty(ctx: Context) -> str:
        for n in range(3):
            ctx.run(step, n)
        return "done"

    async def story() -> None:
        assert await app.rpc(hasty) == "done"
        assert ended == [0, 1, 2]

    play(app, story)


def test_gather_may_finish_in_any_order() -> None:
    app = Troth(":memory:")
    gates = [asyncio.Event() for _ in range(4)]
    finished: list[int] = []

    @app.function
    async def part(n: int) -> int:
        await gates[n].wait()
        finished.append(n)
        if n:
            gates[n - 1].set()
        return n

    @app.function
    async def whole(ctx: Context) -> list[int]:
        return list(await asyncio.gather(*(ctx.rpc(part, n) for n in range(4))))

    async def story() -> None:
        gates[3].set()
        assert await app.rpc(whole) == [0, 1, 2, 3]
        assert finished == [3, 2, 1, 0]

    play(app, story)


def test_one_failure_of_a_fan_out_fails_the_caller_and_can_be_caught() -> None:
    app = Troth(":memory:")

    @app.function
    async def odd(n: int) -> int:
        if n % 2 == 0:
            raise ValueError(f"{n} is even")
        return n

    @app.function
    async def careless(ctx: Context) -> list[int]:
        return list(await asyncio.gather(*(ctx.rpc(odd, n) for n in (1, 2, 3))))

    @app.function
    async def careful(ctx: Context) -> list[str]:
        found = await asyncio.gather(*(ctx.rpc(odd, n) for n in (1, 2, 3)), return_exceptions=True)
        return [str(each) for each in found]

    @app.function
    async def grouped(ctx: Context) -> int:
        async def through(n: int) -> int:
            return await ctx.rpc(odd, n)

        async with asyncio.TaskGroup() as group:
            for n in (1, 2):
                group.create_task(through(n))
        return 0

    async def story() -> None:
        with pytest.raises(ValueError, match="2 is even"):
            await app.rpc(careless)
        assert await app.rpc(careful) == ["1", "2 is even", "3"]
        with pytest.raises(ExceptionGroup) as caught:
            await app.rpc(grouped)
        assert [str(each) for each in caught.value.exceptions] == ["2 is even"]

    play(app, story)


def test_ten_callers_of_one_key_fan_in() -> None:
    app = Troth(":memory:")
    entered: list[str] = []

    @app.function(key="shared")
    async def shared() -> int:
        entered.append("shared")
        return 5

    @app.function
    async def caller(ctx: Context, n: int) -> int:
        return n * await ctx.rpc(shared)

    @app.function
    async def whole(ctx: Context) -> int:
        return sum(await asyncio.gather(*(ctx.rpc(caller, n) for n in range(10))))

    async def story() -> None:
        assert await app.rpc(whole) == 5 * 45
        assert entered == ["shared"]

    play(app, story)


def test_local_calls_nest_and_any_function_can_be_a_step() -> None:
    app = Troth(":memory:")
    entered: list[str] = []

    def unregistered(text: str) -> str:
        entered.append(text)
        return text.upper()

    @app.function
    async def inner(ctx: Context, text: str) -> str:
        return await ctx.run(unregistered, text) + await ctx.run(unregistered, text + "!")

    @app.function
    async def middle(ctx: Context, text: str) -> str:
        return f"<{await ctx.run(inner, text)}>"

    @app.function
    async def outer(ctx: Context) -> str:
        async def nested(n: int) -> int:
            return n + 1

        return await ctx.run(middle, "a") + str(await ctx.run(nested, 1))

    async def story() -> None:
        assert await app.rpc(outer) == "<AA!>2"
        assert entered == ["a", "a!"]

    play(app, story)


def test_a_local_call_may_call_remote_functions_and_the_reverse() -> None:
    app = Troth(":memory:")

    @app.function
    async def leaf(ctx: Context, n: int) -> str:
        return f"{n}:{ctx.info.parent == parents[-1]}"

    parents: list[str] = []

    @app.function
    async def step(ctx: Context, n: int) -> str:
        parents.append(ctx.info.id)
        return await ctx.rpc(leaf, n)

    @app.function
    async def top(ctx: Context) -> str:
        return await ctx.run(step, 7)

    async def story() -> None:
        assert await app.rpc(top) == "7:True"

    play(app, story)


def test_sleep_waits_for_the_clock_and_nothing_else() -> None:
    clock = ManualClock()
    app = Troth(":memory:", clock=clock)
    reached: list[str] = []

    @app.function
    async def sleeper(ctx: Context) -> str:
        reached.append("before")
        await ctx.sleep(60)
        reached.append("between")
        await ctx.sleep(timedelta(hours=1))
        return "after"

    async def story() -> None:
        handle = await app.options(id="nap").start(sleeper)
        await until(lambda: reached == ["before"])
        await _stored(app, "nap.sleep-60000")
        clock.move(59_999)
        assert not await handle.done()
        clock.move(1)
        await until(lambda: reached == ["before", "between"])
        assert not await handle.done()
        await _stored(app, "nap.sleep-3600000")
        clock.move(3_600_000)
        assert await handle.result() == "after"

    play(app, story)


async def _stored(app: Troth, id: str) -> None:
    """Give way until there is such a promise."""
    async with asyncio.timeout(10):
        while True:
            try:
                await app.get(id)
            except NotFoundError:
                continue
            return


def test_a_promise_is_settled_from_outside() -> None:
    app = Troth(":memory:")
    ids: list[str] = []

    @app.function
    async def asks(ctx: Context, name: str) -> int:
        call = ctx.promise(name, int)
        ids.append(call.id)
        return await call

    async def story() -> None:
        for name, settle in (
            ("yes", lambda: app.resolve(ids[-1], 41)),
            ("no", lambda: app.reject(ids[-1], ValueError("declined"))),
        ):
            handle = await app.start(asks, name)
            await until(lambda name=name: bool(ids) and ids[-1].endswith(name))
            await _stored(app, ids[-1])
            await settle()
            if name == "yes":
                assert await handle.result() == 41
            else:
                with pytest.raises(ValueError, match="declined"):
                    await handle.result()

    play(app, story)


def test_the_first_to_settle_a_promise_wins() -> None:
    app = Troth(":memory:")

    @app.function(key="asks")
    async def asks(ctx: Context) -> str:
        return await ctx.promise("who", str)

    async def story() -> None:
        handle = await app.start(asks)
        id = "asks.promise-who"
        await _stored(app, id)
        await app.resolve(id, "first")
        await app.resolve(id, "second")
        await app.reject(id, ValueError("third"))
        assert await handle.result() == "first"
        assert await (await app.get(id, str)).result() == "first"

    play(app, story)


def test_a_promise_has_a_deadline_of_its_own() -> None:
    clock = ManualClock()
    app = Troth(":memory:", clock=clock)

    @app.function(key="asks")
    async def asks(ctx: Context) -> str:
        try:
            return await ctx.promise("who", str, timeout=5)
        except CallTimedOutError as error:
            return error.promise_id

    async def story() -> None:
        handle = await app.start(asks)
        await _stored(app, "asks.promise-who")
        clock.move(5_000)
        assert await handle.result() == "asks.promise-who"

    play(app, story)


def test_info_tells_id_parent_origin_key_and_attempt() -> None:
    app = Troth(":memory:")
    seen: dict[str, Info] = {}
    failures: list[int] = []

    @app.function(key="child-{n}", version=3)
    async def child(ctx: Context, n: int) -> None:
        seen["child"] = ctx.info

    @app.function(retry=Retry(attempts=3, delay=0))
    async def step(ctx: Context) -> None:
        failures.append(ctx.info.attempt)
        if ctx.info.attempt < 3:
            raise ValueError
        seen["step"] = ctx.info

    @app.function
    async def top(ctx: Context) -> None:
        seen["top"] = ctx.info
        await ctx.rpc(step)
        await ctx.rpc(child, 2)

    async def story() -> None:
        await app.options(id="top-1").rpc(top)
        top_info, step_info, child_info = seen["top"], seen["step"], seen["child"]
        assert (top_info.id, top_info.parent, top_info.origin, top_info.key) == ("top-1", None, "top-1", None)
        assert (top_info.attempt, top_info.function, top_info.version) == (1, "top", 1)
        assert step_info.id.startswith("top-1.step-")
        assert (step_info.parent, step_info.origin, step_info.key) == ("top-1", "top-1", None)
        assert (step_info.attempt, failures) == (3, [1, 2, 3])
        assert (child_info.id, child_info.parent, child_info.origin) == ("child-2@3", None, "child-2@3")
        assert (child_info.key, child_info.version) == ("child-2@3", 3)

    play(app, story)


def test_options_are_one_way_inside_and_outside() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function
    async def leaf(n: int) -> int:
        entered.append(n)
        return n

    @app.function
    async def top(ctx: Context) -> int:
        first = await ctx.options(id="leaf-of-mine").rpc(leaf, 1)
        return first + await ctx.options(id="leaf-of-mine").run(leaf, 1)

    async def story() -> None:
        assert await app.rpc(top) == 2
        assert await app.options(id="leaf-of-mine").rpc(leaf, 1) == 1
        assert (await app.options(id="leaf-of-mine").start(leaf, 1)).id == "leaf-of-mine"
        assert entered == [1]

    play(app, story)


# --- retries


def test_retry_tries_again_as_often_as_it_says_and_only_for_its_errors() -> None:
    app = Troth(":memory:")
    tries: list[str] = []

    @app.function(retry=Retry(attempts=3, delay=0))
    async def third_time(ctx: Context) -> int:
        tries.append("third")
        if ctx.info.attempt < 3:
            raise OSError("flaky")
        return ctx.info.attempt

    @app.function(retry=Retry(attempts=2, delay=0, on=(OSError,)))
    def never() -> int:
        tries.append("never")
        raise OSError("flaky")

    @app.function(retry=Retry(attempts=9, delay=0, on=(OSError,)))
    async def other() -> int:
        tries.append("other")
        raise ValueError("not worth it")

    @app.function
    async def top(ctx: Context) -> int:
        return await ctx.run(third_time)

    async def story() -> None:
        assert await app.rpc(third_time) == 3
        assert await app.rpc(top) == 3
        with pytest.raises(OSError, match="flaky"):
            await app.rpc(never)
        with pytest.raises(ValueError, match="not worth it"):
            await app.rpc(other)
        assert [tries.count(each) for each in ("third", "never", "other")] == [6, 2, 1]

    play(app, story)


def test_a_retried_attempt_finds_what_the_one_before_had_recorded() -> None:
    app = Troth(":memory:")
    entered: list[str] = []

    @app.function
    async def step(name: str) -> str:
        entered.append(name)
        return name

    @app.function(retry=Retry(attempts=3, delay=0))
    async def top(ctx: Context) -> str:
        found = await ctx.run(step, "local") + await ctx.rpc(step, "remote")
        if ctx.info.attempt < 3:
            raise ValueError
        return found

    async def story() -> None:
        assert await app.rpc(top) == "localremote"
        assert entered == ["local", "remote"]

    play(app, story)


# --- exceptions


def test_exceptions_cross_calls_as_themselves() -> None:
    app = Troth(":memory:")
    app.register_error(RefusedError)

    @app.function
    async def fails(kind: str) -> int:
        raise {
            "builtin": KeyError("shelf"),
            "os": FileNotFoundError(2, "No such file", "book.txt"),
            "own": RefusedError(7, "closed"),
            "group": ExceptionGroup("two", [ValueError("a"), RefusedError(1, "b")]),
        }[kind]

    @app.function
    async def through(ctx: Context, kind: str) -> int:
        return await ctx.rpc(fails, kind)

    @app.function
    def through_stack(ctx: Context, kind: str) -> int:
        return ctx.run(fails, kind).wait()

    async def story() -> None:
        for verb, function in ((app.rpc, fails), (app.rpc, through), (app.run, through_stack)):
            with pytest.raises(KeyError) as key:
                await verb(function, "builtin")
            assert key.value.args == ("shelf",)
            with pytest.raises(FileNotFoundError) as missing:
                await verb(function, "os")
            assert (missing.value.errno, missing.value.filename) == (2, "book.txt")
            with pytest.raises(RefusedError) as refused:
                await verb(function, "own")
            assert (refused.value.code, refused.value.args) == (7, (7, "closed"))
            with pytest.raises(ExceptionGroup) as group:
                await verb(function, "group")
            assert [type(each) for each in group.value.exceptions] == [ValueError, RefusedError]

    play(app, story)


def test_an_unregistered_exception_comes_as_remote_error_with_all_it_said() -> None:
    app = Troth(":memory:")

    @app.function(key="fails")
    async def fails() -> int:
        raise RefusedError(7, "closed")

    @app.function
    async def through(ctx: Context) -> int:
        return await ctx.rpc(fails)

    async def story() -> None:
        for call in (app.rpc(fails), app.rpc(through)):
            with pytest.raises(RemoteError) as caught:
                await call
            error = caught.value
            assert isinstance(error, TrothError)
            assert error.type_name.endswith("test_app_calls.RefusedError")
            assert error.arguments == (7, "closed")
            assert "closed" in str(error)
            assert error.promise_id

    play(app, story)


def test_the_remote_traceback_travels_as_a_note() -> None:
    app = Troth(":memory:")

    def place_of_the_fault() -> None:
        raise ZeroDivisionError("by nothing")

    @app.function
    async def fails() -> None:
        try:
            place_of_the_fault()
        except ZeroDivisionError as error:
            error.add_note("said on the way")
            raise

    @app.function
    async def through(ctx: Context) -> None:
        await ctx.rpc(fails)

    async def story() -> None:
        with pytest.raises(ZeroDivisionError) as caught:
            await app.rpc(through)
        notes = caught.value.__notes__
        assert "said on the way" in notes
        assert any("place_of_the_fault" in note and "Traceback" in note for note in notes)

    play(app, story)


def test_a_failure_can_be_caught_inside_and_the_caller_goes_on() -> None:
    app = Troth(":memory:")

    @app.function
    async def fails() -> int:
        raise LookupError("nowhere")

    @app.function
    async def careful(ctx: Context) -> list[str]:
        found: list[str] = []
        for call in (ctx.rpc(fails), ctx.run(fails)):
            try:
                await call
            except LookupError as error:
                found.append(str(error))
        return found

    async def story() -> None:
        assert await app.rpc(careful) == ["nowhere", "nowhere"]

    play(app, story)


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, asyncio.CancelledError])
def test_exceptions_with_a_meaning_to_python_still_arrive_as_a_failure(kind: type[BaseException]) -> None:
    app = Troth(":memory:")

    @app.function
    async def fails() -> int:
        raise kind("out of place")

    @app.function
    def fails_in_a_thread() -> int:
        raise kind("out of place")

    @app.function
    def fails_on_a_stack(ctx: Context) -> int:
        raise kind("out of place")

    @app.function
    async def through(ctx: Context, which: int) -> str:
        try:
            await ctx.run((fails, fails_in_a_thread, fails_on_a_stack)[which])
        except Exception as error:  # noqa: BLE001 - whatever it has become
            return str(error)
        return "no failure"

    async def story() -> None:
        for which, function in enumerate((fails, fails_in_a_thread, fails_on_a_stack)):
            with pytest.raises(Exception, match=r"out of place|canceled|raised StopIteration"):
                await app.rpc(function)
            said = await app.rpc(through, which)
            assert re.search("out of place|canceled|raised StopIteration", said)

    play(app, story)


@pytest.mark.parametrize("shape", ["async", "thread", "stack"])
def test_leaving_the_program_inside_a_function_leaves_the_program(shape: str) -> None:
    app = Troth(":memory:")

    @app.function(name="async")
    async def leaves() -> int:
        sys.exit(3)

    @app.function(name="thread")
    def leaves_in_a_thread() -> int:
        sys.exit(3)

    @app.function(name="stack")
    def leaves_on_a_stack(ctx: Context) -> int:
        sys.exit(3)

    functions = {"async": leaves, "thread": leaves_in_a_thread, "stack": leaves_on_a_stack}

    async def story() -> None:
        await app.rpc(functions[shape])

    with pytest.raises(SystemExit) as left:
        play(app, story)
    assert left.value.code == 3


# --- deadlines


def test_a_timeout_of_the_function_and_of_the_call() -> None:
    clock = ManualClock()
    app = Troth(":memory:", clock=clock)
    started: list[str] = []
    stopped: list[str] = []
    forever = asyncio.Event()

    @app.function(timeout=10)
    async def late(name: str) -> int:
        started.append(name)
        try:
            await forever.wait()
        finally:
            stopped.append(name)
        return 1

    async def story() -> None:
        own = await app.start(late, "function's")
        shorter = await app.options(timeout=timedelta(seconds=4)).start(late, "call's")
        await until(lambda: len(started) == 2)
        clock.move(4_000)
        with pytest.raises(CallTimedOutError) as caught:
            await shorter.result()
        assert caught.value.promise_id == shorter.id
        assert isinstance(caught.value, TimeoutError)
        assert not await own.done()
        clock.move(6_000)
        with pytest.raises(CallTimedOutError):
            await own.result()
        await until(lambda: sorted(stopped) == ["call's", "function's"])

    play(app, story)


def test_a_deadline_of_a_callee_is_the_callers_to_see() -> None:
    clock = ManualClock()
    app = Troth(":memory:", clock=clock)
    forever = asyncio.Event()
    started: list[str] = []

    @app.function(timeout=10)
    async def late() -> int:
        started.append("late")
        await forever.wait()
        return 1

    @app.function
    async def patient(ctx: Context) -> str:
        try:
            await ctx.rpc(late)
        except CallTimedOutError as error:
            return f"gave up on {error.promise_id}"
        return "?"

    async def story() -> None:
        handle = await app.options(id="patient").start(patient)
        await until(lambda: started == ["late"])
        clock.move(10_000)
        assert (await handle.result()).startswith("gave up on patient.late-")

    play(app, story)


def test_a_local_call_stops_at_its_deadline() -> None:
    app = Troth(":memory:")
    forever = asyncio.Event()

    @app.function(timeout=0.01)
    async def late() -> int:
        await forever.wait()
        return 1

    @app.function
    async def top(ctx: Context) -> str:
        try:
            await ctx.run(late)
        except CallTimedOutError as error:
            return error.promise_id
        return "?"

    async def story() -> None:
        assert (await app.options(id="top").rpc(top)).startswith("top.late-")

    play(app, story)


def test_asyncio_timeout_works_inside_a_durable_function() -> None:
    app = Troth(":memory:")

    @app.function
    async def impatient(ctx: Context) -> str:
        try:
            async with asyncio.timeout(0.01):
                await ctx.promise("never", str)
        except TimeoutError:
            return "gave up"
        return "?"

    async def story() -> None:
        assert await app.rpc(impatient) == "gave up"

    play(app, story)


def test_foreign_awaits_mix_with_durable_ones() -> None:
    app = Troth(":memory:")
    lock, event = asyncio.Lock(), asyncio.Event()

    @app.function
    async def step(n: int) -> int:
        event.set()
        return n

    @app.function
    async def mixed(ctx: Context) -> int:
        async with lock:
            call = ctx.rpc(step, 4)
            await event.wait()
            queue: asyncio.Queue[int] = asyncio.Queue()
            await queue.put(await call)
            return await queue.get()

    async def story() -> None:
        assert await app.rpc(mixed) == 4

    play(app, story)


# --- what is refused before anything is stored


def test_unknown_names_and_wrong_arguments_are_refused_at_the_call() -> None:
    app = Troth(":memory:")

    @app.function
    async def known(n: int) -> int:
        return n

    @app.function
    async def asks(ctx: Context, what: str) -> object:
        if what == "name":
            return await ctx.rpc("knwon", 1)
        return await ctx.rpc(known, 1, 2)  # pyright: ignore[reportCallIssue] - the mistake under test

    async def story() -> None:
        with pytest.raises(UnknownFunctionError, match=r"no function 'knwon'.*Did you mean 'known'"):
            await app.rpc(asks, "name")
        with pytest.raises(ArgumentError, match=r"known\(n: int\) -> int|known\(n: int\)"):
            await app.rpc(asks, "arguments")
        with pytest.raises(ArgumentError, match="known"):
            await app.rpc(known)  # pyright: ignore[reportCallIssue] - the mistake under test

    play(app, story)


def test_a_canceled_caller_does_not_stop_the_call() -> None:
    app = Troth(":memory:")
    go = asyncio.Event()
    entered: list[int] = []

    @app.function(key="goes-on")
    async def goes_on() -> int:
        entered.append(1)
        await go.wait()
        return 8

    async def story() -> None:
        waiting = asyncio.create_task(app.rpc(goes_on))
        await until(lambda: entered == [1])
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        assert await app.rpc(goes_on) == 8
        assert entered == [1]

    play(app, story)


def test_a_function_that_cancels_itself_is_a_canceled_call() -> None:
    app = Troth(":memory:")

    @app.function(key="quits")
    async def quits() -> int:
        raise asyncio.CancelledError

    @app.function
    async def top(ctx: Context) -> str:
        try:
            await ctx.run(quits)
        except CallCanceledError as error:
            return error.promise_id
        return "?"

    async def story() -> None:
        with pytest.raises(CallCanceledError):
            await app.rpc(quits)
        assert (await app.rpc(top)).startswith("quits")

    play(app, story)
