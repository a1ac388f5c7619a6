"""Which promise a call is, through the public API: the issue's third item."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import pytest

from troth import (
    AwaitCycleError,
    Context,
    DurableFunction,
    EncodingError,
    Function,
    InvalidIdError,
    KeyCollisionError,
    NotFoundError,
    Troth,
)


class Color(Enum):
    RED = "red"


def play(app: Troth, story: Callable[[], Awaitable[None]]) -> None:
    """Run the story with the app open."""

    async def main() -> None:
        async with app, asyncio.timeout(30):
            await story()

    asyncio.run(main())


async def stored(app: Troth, id: str) -> None:
    """Give way until there is such a promise."""
    async with asyncio.timeout(10):
        while True:
            try:
                await app.get(id)
            except NotFoundError:
                continue
            return


# --- the partial overlap


def factorial_app(path: Path, entered: list[int]) -> tuple[Troth, Function[[int], int]]:
    app = Troth(str(path))

    @app.function(key="factorial-{n}")
    async def factorial(ctx: Context, n: int) -> int:
        entered.append(n)
        return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1)

    return app, factorial


def test_factorials_overlap_in_one_process_and_over_a_new_app_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    runs: tuple[tuple[int, list[int]], ...] = ((8, [8, 7, 6, 5, 4, 3, 2, 1]), (5, []), (10, [10, 9]), (10, []), (1, []))
    for reopen in (False, True):
        where = path if reopen else tmp_path / "one.db"
        entered: list[int] = []
        app, factorial = factorial_app(where, entered)
        for n, expected in runs:
            if reopen:
                app, factorial = factorial_app(where, entered)

            async def story(n: int = n, app: Troth = app, factorial: Function[[int], int] = factorial) -> None:
                assert await app.rpc(factorial, n) == math.factorial(n)

            play(app, story)
            assert entered == expected, (n, reopen)
            entered.clear()


# --- explicit ids


def test_an_explicit_id_is_the_promises_id_and_wins_over_the_key(tmp_path: Path) -> None:
    entered: list[int] = []

    def fresh() -> tuple[Troth, Function[[int], int]]:
        app = Troth(str(tmp_path / "troth.db"))

        @app.function(key="report-{n}")
        async def report(n: int) -> int:
            entered.append(n)
            return n

        return app, report

    for _ in range(2):
        app, report = fresh()

        async def story(app: Troth = app, report: Function[[int], int] = report) -> None:
            handle = await app.options(id="seven").start(report, 7)
            assert handle.id == "seven"
            assert await handle.result() == 7
            assert await app.options(id="seven").rpc(report, 7) == 7

        play(app, story)
    assert entered == [7]


def test_two_callers_inside_share_an_explicit_id() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    def plain(n: int) -> int:
        entered.append(n)
        return n

    @app.function
    async def caller(ctx: Context, who: int) -> int:
        return await ctx.options(id="shared").run(plain, 3)

    async def story() -> None:
        assert await app.rpc(caller, 1) == 3
        assert await app.rpc(caller, 2) == 3
        assert entered == [3]

    play(app, story)


# --- key templates


def test_a_key_template_renders_the_types_that_have_one_text() -> None:
    app = Troth(":memory:")

    @app.function(key="{s}/{i}/{b}/{u}/{d}/{t}/{x}/{e}/{y}")
    async def every(  # noqa: PLR0917 - one parameter of each type
        s: str,
        i: int,
        b: bool,
        u: UUID,
        d: date,
        t: datetime,
        x: Decimal,
        e: Color,
        y: bytes,
    ) -> bool:
        return True

    async def story() -> None:
        handle = await app.start(
            every,
            "a",
            -1,
            True,
            UUID(int=5),
            date(2024, 2, 29),
            datetime(2024, 2, 29, 1, 2, 3),  # noqa: DTZ001 - a naive one is rendered as it is
            Decimal("1.50"),
            Color.RED,
            b"\x00\xff",
        )
        assert handle.id == (
            "a/-1/True/00000000-0000-0000-0000-000000000005/2024-02-29/2024-02-29T01:02:03/1.50/red/00ff"
        )
        assert await handle.result()

    play(app, story)


def test_other_types_need_a_hash() -> None:
    app = Troth(":memory:")

    @app.function(key="sum-{numbers}")
    async def refused(numbers: list[int]) -> int:
        return sum(numbers)

    @app.function(key="sum-{numbers:hash}")
    async def hashed(numbers: list[int]) -> int:
        return sum(numbers)

    @app.function(key="half-{x}")
    async def of_float(x: float) -> float:
        return x / 2

    async def story() -> None:
        with pytest.raises(EncodingError, match=r"\{numbers:hash\}, or key=True"):
            await app.rpc(refused, [1, 2])
        with pytest.raises(EncodingError, match="key=True"):
            await app.rpc(of_float, 1.5)
        first, second = await app.start(hashed, [1, 2]), await app.start(hashed, [1, 2])
        other = await app.start(hashed, [12])
        assert first.id == second.id != other.id
        assert await first.result() == 3

    play(app, story)


def test_key_true_is_name_and_a_hash_of_the_canonical_arguments() -> None:
    app = Troth(":memory:")
    entered: list[object] = []

    @app.function(key=True)
    async def weigh(what: dict[str, int], factor: int = 2) -> int:
        entered.append(what)
        return factor * sum(what.values())

    @app.function(key=True)
    async def measure(what: dict[str, int], factor: int = 2) -> int:
        return -1

    async def story() -> None:
        assert await app.rpc(weigh, {"a": 1, "b": 2}) == 6
        assert await app.rpc(weigh, {"b": 2, "a": 1}, factor=2) == 6
        assert len(entered) == 1
        assert (await app.start(weigh, {"a": 1, "b": 2})).id.startswith("weigh-")
        assert await app.rpc(measure, {"a": 1, "b": 2}) == -1
        assert await app.rpc(weigh, {"a": 1}) == 2

    play(app, story)


def test_a_version_other_than_one_is_in_the_id_and_old_values_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    entered: list[int] = []

    def fresh(version: int) -> tuple[Troth, Function[[int], int]]:
        app = Troth(str(path))

        @app.function(key="price-{n}", version=version)
        async def price(n: int) -> int:
            entered.append(version)
            return n * version

        return app, price

    for version, id in ((1, "price-4"), (2, "price-4@2"), (1, "price-4"), (2, "price-4@2")):
        app, price = fresh(version)

        async def story(
            app: Troth = app, price: Function[[int], int] = price, version: int = version, id: str = id
        ) -> None:
            handle = await app.start(price, 4)
            assert (handle.id, await handle.result()) == (id, 4 * version)

        play(app, story)
    assert entered == [1, 2]


def test_two_versions_live_side_by_side_and_a_name_means_the_newer() -> None:
    app = Troth(":memory:")

    @app.function(name="tax", key="tax-{n}")
    async def tax_1(n: int) -> str:
        return f"old {n}"

    @app.function(name="tax", key="tax-{n}", version=2)
    async def tax_2(n: int) -> str:
        return f"new {n}"

    @app.function
    async def ask(ctx: Context) -> object:
        return await ctx.rpc("tax", 1)

    async def story() -> None:
        assert await app.rpc(tax_1, 1) == "old 1"
        assert await app.rpc(tax_2, 1) == "new 1"
        assert await app.rpc(ask) == "new 1"

    play(app, story)


# --- collisions


def test_another_call_under_the_same_id_is_refused_and_never_answered_wrongly(tmp_path: Path) -> None:
    """In every order of arrival: pending, settled, remembered, from outside and from inside, over a restart."""
    path = tmp_path / "troth.db"
    go = asyncio.Event()

    def fresh() -> tuple[Troth, Function[[str, str], str], Function[[str, str], str]]:
        app = Troth(str(path))

        @app.function(key="render-{document_id}-{revision}")
        async def render(document_id: str, revision: str) -> str:
            await go.wait()
            return f"{document_id} at {revision}"

        @app.function
        async def asks(ctx: Context, document_id: str, revision: str) -> str:
            return await ctx.rpc(render, document_id, revision)

        return app, render, asks

    async def refused(app: Troth, render: Function[[str, str], str], asks: Function[[str, str], str]) -> None:
        for call in (
            app.rpc(render, "a-1", "2"),
            app.run(render, "a-1", "2"),
            app.start(render, "a-1", "2"),
            app.rpc(asks, "a-1", "2"),
        ):
            with pytest.raises(KeyCollisionError) as caught:
                await call
            error = caught.value
            assert error.promise_id == "render-a-1-2"
            for part in ("'render-a-1-2' already holds", "'a-1'", "separator", 'key="render-{document_id}/{revision}"'):
                assert part in str(error), part

    app, render, asks = fresh()

    async def first() -> None:
        handle = await app.start(render, "a", "1-2")
        await refused(app, render, asks)
        go.set()
        assert await handle.result() == "a at 1-2"
        await refused(app, render, asks)
        assert await app.rpc(render, "a", "1-2") == "a at 1-2"
        await refused(app, render, asks)

    play(app, first)
    again, render_again, asks_again = fresh()

    async def second() -> None:
        await refused(again, render_again, asks_again)
        assert await again.rpc(render_again, "a", "1-2") == "a at 1-2"

    play(again, second)


def test_another_function_or_version_under_an_explicit_id_is_refused() -> None:
    app = Troth(":memory:")

    @app.function
    async def add(a: int, b: int) -> int:
        return a + b

    @app.function
    async def multiply(a: int, b: int) -> int:
        return a * b

    @app.function(name="add", version=2)
    async def add_2(a: int, b: int) -> int:
        return -1

    @app.function
    async def inside(ctx: Context) -> int:
        return await ctx.options(id="sum").run(multiply, 2, 3)

    @app.function
    async def waits(ctx: Context) -> int:
        return await ctx.promise("p", int)

    async def story() -> None:
        sums = app.options(id="sum")
        assert await sums.rpc(add, 2, 3) == 5
        for call in (
            sums.rpc(multiply, 2, 3),
            sums.rpc(add_2, 2, 3),
            sums.rpc(add, 3, 2),
            sums.run(add, 3, 2),
            app.rpc(inside),
        ):
            with pytest.raises(KeyCollisionError, match="'sum' already holds add with"):
                await call
        assert await sums.rpc(add, 2, 3) == 5
        await app.options(id="w").start(waits)
        await stored(app, "w.promise-p")
        with pytest.raises(KeyCollisionError, match="a promise that is no function call"):
            await app.options(id="w.promise-p").rpc(add, 2, 3)

    play(app, story)


def test_equal_calls_said_differently_do_not_collide() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function
    async def count(tags: set[str], unit: str = "m", *, scale: float = 1.0) -> int:
        entered.append(1)
        return len(tags)

    async def story() -> None:
        one = app.options(id="one")
        assert await one.rpc(count, {"x", "y", "z"}) == 3
        assert await one.rpc(count, {"z", "y", "x"}, "m", scale=1.0) == 3
        assert await one.rpc(count, unit="m", tags={"y", "z", "x"}) == 3
        assert entered == [1]

    play(app, story)


# --- content identity


def test_calls_found_again_by_content_in_another_order_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    entered: list[str] = []

    def fresh(names: list[str]) -> tuple[Troth, DurableFunction[[], str, [Context], object]]:
        app = Troth(str(path))

        @app.function
        async def remote(name: str) -> str:
            entered.append(name)
            return name

        @app.function
        async def local(name: str) -> str:
            entered.append(name)
            return name

        @app.function
        async def flow(ctx: Context) -> str:
            found: dict[str, str] = {}
            for name in names:
                found[name] = await (ctx.run(local, name) if name.isupper() else ctx.rpc(remote, name))
            await ctx.promise("go")
            return "".join(found[name] for name in sorted(names))

        return app, flow  # pyright: ignore[reportReturnType]

    first, flow = fresh(["a", "b", "X", "Y"])

    async def until_it_waits() -> None:
        await first.options(id="flow").start(flow)
        await stored(first, "flow.promise-go")

    play(first, until_it_waits)
    assert entered == ["a", "b", "X", "Y"]
    entered.clear()

    second, flow_again = fresh(["Y", "c", "X", "b", "Z", "a"])

    async def to_the_end() -> None:
        handle = await second.get("flow")
        await second.resolve("flow.promise-go")
        assert await handle.result() == "XYZabc"
        assert await second.options(id="flow").rpc(flow_again) == "XYZabc"

    play(second, to_the_end)
    assert entered == ["c", "Z"]


def test_the_same_call_twice_is_two_promises_and_replays_as_two(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    drawn = iter(range(100))

    def fresh() -> tuple[Troth, Function[[], list[int]]]:
        app = Troth(str(path))

        @app.function
        async def draw() -> int:
            return next(drawn)

        @app.function
        async def flow(ctx: Context) -> list[int]:
            found = [await ctx.run(draw), await ctx.rpc(draw), await ctx.run(draw)]
            await ctx.promise("go")
            return found

        return app, flow

    first, flow = fresh()

    async def until_it_waits() -> None:
        await first.options(id="flow").start(flow)
        await stored(first, "flow.promise-go")

    play(first, until_it_waits)
    second, _ = fresh()

    async def to_the_end() -> None:
        await second.resolve("flow.promise-go")
        assert await (await second.get("flow")).result() == [0, 1, 2]

    play(second, to_the_end)


def test_a_keyed_call_is_shared_between_trees() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function(key="fact-{n}")
    async def fact(n: int) -> int:
        entered.append(n)
        return n

    @app.function
    async def tree(ctx: Context, who: str) -> int:
        return await ctx.rpc(fact, 1) + await ctx.run(fact, 1)

    async def story() -> None:
        assert [await app.rpc(tree, who) for who in "abc"] == [2, 2, 2]
        assert entered == [1]

    play(app, story)


# --- failures


class Flaky:
    """An app whose keyed function fails until ``heals_at`` entries."""

    def __init__(self, location: str, entered: list[int], heals_at: int, *, keep: bool = False) -> None:
        self.app = app = Troth(location)

        @app.function(key="flaky-{n}", on_failure="keep" if keep else "retry")
        async def flaky(n: int) -> int:
            entered.append(n)
            if len(entered) < heals_at:
                raise ValueError(f"try {len(entered)}")
            return len(entered)

        @app.function
        async def caller(ctx: Context, who: str) -> str:
            try:
                found = str(await ctx.rpc(flaky, 1))
            except ValueError as error:
                found = str(error)
            await ctx.promise("go")
            return found

        self.flaky, self.caller = flaky, caller


def test_a_failure_is_not_cached_the_next_caller_opens_the_next_generation(tmp_path: Path) -> None:
    entered: list[int] = []
    path = str(tmp_path / "troth.db")
    flaky = Flaky(path, entered, heals_at=3)

    async def story() -> None:
        app = flaky.app
        for attempt in (1, 2):
            with pytest.raises(ValueError, match=f"try {attempt}"):
                await app.rpc(flaky.flaky, 1)
        assert await app.rpc(flaky.flaky, 1) == 3
        assert await app.rpc(flaky.flaky, 1) == 3
        assert (await app.start(flaky.flaky, 1)).id == "flaky-1~3"
        with pytest.raises(ValueError, match="try 1"):
            await (await app.get("flaky-1")).result()

    play(flaky.app, story)
    assert len(entered) == 3
    again = Flaky(path, entered, heals_at=3)

    async def after_a_restart() -> None:
        assert await again.app.rpc(again.flaky, 1) == 3

    play(again.app, after_a_restart)
    assert len(entered) == 3


def test_a_failure_while_one_waits_is_seen_by_all_who_waited() -> None:
    app = Troth(":memory:")
    entered: list[int] = []
    go = asyncio.Event()

    @app.function(key="fails")
    async def fails() -> int:
        entered.append(1)
        await go.wait()
        raise ValueError(f"try {len(entered)}")

    @app.function
    async def caller(ctx: Context, n: int) -> str:
        try:
            return str(await ctx.rpc(fails))
        except ValueError as error:
            return str(error)

    async def story() -> None:
        inside = [await app.options(id=f"caller-{n}").start(caller, n) for n in range(5)]
        outside = [asyncio.create_task(app.rpc(fails)) for _ in range(5)]
        await stored(app, "fails")
        for _ in range(50):
            await app.get("fails")
        go.set()
        assert [await handle.result() for handle in inside] == ["try 1"] * 5
        for task in outside:
            with pytest.raises(ValueError, match="try 1"):
                await task
        assert entered == [1]

    play(app, story)


def test_a_replayed_caller_sees_the_failure_it_saw_though_a_later_generation_is_there(tmp_path: Path) -> None:
    entered: list[int] = []
    path = str(tmp_path / "troth.db")
    first = Flaky(path, entered, heals_at=2)

    async def until_both_wait() -> None:
        await first.app.options(id="early").start(first.caller, "early")
        await stored(first.app, "early.promise-go")
        await first.app.options(id="late").start(first.caller, "late")
        await stored(first.app, "late.promise-go")

    play(first.app, until_both_wait)
    assert len(entered) == 2
    second = Flaky(path, entered, heals_at=2)

    async def to_the_end() -> None:
        for id, expected in (("early", "try 1"), ("late", "2")):
            await second.app.resolve(f"{id}.promise-go")
            assert await (await second.app.get(id)).result() == expected

    play(second.app, to_the_end)
    assert len(entered) == 2


def test_on_failure_keep_makes_a_failure_permanent(tmp_path: Path) -> None:
    entered: list[int] = []
    path = str(tmp_path / "troth.db")
    for _ in range(2):
        flaky = Flaky(path, entered, heals_at=9, keep=True)

        async def story(flaky: Flaky = flaky) -> None:
            with pytest.raises(ValueError, match="try 1"):
                await flaky.app.rpc(flaky.flaky, 1)
            handle = await flaky.app.start(flaky.flaky, 1)
            assert handle.id == "flaky-1"
            with pytest.raises(ValueError, match="try 1"):
                await handle.result()

        play(flaky.app, story)
    assert len(entered) == 1


def test_a_failure_is_told_in_a_later_generation_of_a_long_lived_caller() -> None:
    """Inside one run: the first call fails, the second call of the same key tries again."""
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function(key="flaky")
    async def flaky() -> int:
        entered.append(1)
        if len(entered) == 1:
            raise ValueError("first")
        return 5

    @app.function
    async def caller(ctx: Context) -> int:
        return await ctx.rpc(flaky)

    async def story() -> None:
        with pytest.raises(ValueError, match="first"):
            await app.rpc(caller)
        assert await app.rpc(caller) == 5
        assert len(entered) == 2

    play(app, story)


# --- cycles


def cycle_app() -> tuple[Troth, dict[str, Function[[int], int]]]:
    app = Troth(":memory:")

    @app.function(key="self-{n}")
    async def itself(ctx: Context, n: int) -> int:
        return await ctx.rpc(itself, n)

    @app.function(key="ping-{n}")
    async def ping(ctx: Context, n: int) -> int:
        return await ctx.rpc(pong, n)

    @app.function(key="pong-{n}")
    async def pong(ctx: Context, n: int) -> int:
        return await ctx.rpc(ping, n)

    @app.function(key="outer-{n}")
    async def outer(ctx: Context, n: int) -> int:
        return await ctx.run(step, n)

    @app.function
    async def step(ctx: Context, n: int) -> int:
        return await ctx.rpc(outer, n)

    @app.function(key="ancestor-{n}")
    async def ancestor(ctx: Context, n: int) -> int:
        return await ctx.rpc(between, n)

    @app.function
    async def between(ctx: Context, n: int) -> int:
        return await ctx.rpc(descendant, n)

    @app.function(key="descendant-{n}")
    def descendant(ctx: Context, n: int) -> int:
        return ctx.rpc(ancestor, n).wait()

    return app, {"self": itself, "ping": ping, "outer": outer, "ancestor": ancestor}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("self", ["self-1", "self-1"]),
        ("ping", ["ping-1", "pong-1", "ping-1"]),
        ("outer", ["outer-1", "outer-1.step-", "outer-1"]),
        ("ancestor", ["ancestor-1", "ancestor-1.between-", "descendant-1", "ancestor-1"]),
    ],
)
def test_a_cycle_of_awaits_is_refused_with_its_path(name: str, path: list[str]) -> None:
    app, functions = cycle_app()

    async def story() -> None:
        with pytest.raises(AwaitCycleError) as caught:
            await app.rpc(functions[name], 1)
        error = caught.value
        assert len(error.path) == len(path), error.path
        assert all(found.startswith(start) for found, start in zip(error.path, path, strict=True)), error.path
        assert " → ".join(error.path) in str(error)
        assert "Call it with other arguments" in str(error)

    play(app, story)


def test_a_diamond_is_no_cycle() -> None:
    app = Troth(":memory:")

    @app.function(key="base")
    async def base() -> int:
        return 1

    @app.function(key="side-{n}")
    async def side(ctx: Context, n: int) -> int:
        return await ctx.rpc(base)

    @app.function(key="top")
    async def top(ctx: Context) -> int:
        return sum(await asyncio.gather(ctx.rpc(side, 1), ctx.rpc(side, 2), ctx.rpc(base)))

    async def story() -> None:
        assert await app.rpc(top) == 3

    play(app, story)


def test_a_cycle_that_was_caught_leaves_the_functions_working() -> None:
    app = Troth(":memory:")

    @app.function(key="a")
    async def a(ctx: Context) -> str:
        return await ctx.rpc(b)

    @app.function(key="b")
    async def b(ctx: Context) -> str:
        try:
            return await ctx.rpc(a)
        except AwaitCycleError:
            return "found my caller"

    async def story() -> None:
        assert await app.rpc(a) == "found my caller"

    play(app, story)


# --- single flight


@pytest.mark.parametrize("location", [":memory:", "file"])
def test_a_hundred_concurrent_callers_outside_are_one_execution(location: str, tmp_path: Path) -> None:
    app = Troth(location if location == ":memory:" else str(tmp_path / "troth.db"))
    entered: list[int] = []
    go = asyncio.Event()

    @app.function(key="slow")
    async def slow() -> int:
        entered.append(1)
        await go.wait()
        return 9

    async def story() -> None:
        verbs = (app.rpc, app.run)
        callers = [asyncio.create_task(verbs[n % 2](slow)) for n in range(100)]
        await stored(app, "slow")
        go.set()
        assert await asyncio.gather(*callers) == [9] * 100
        assert entered == [1]

    play(app, story)


def test_a_hundred_concurrent_callers_inside_different_functions_are_one_execution() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function(key="slow")
    async def slow() -> int:
        entered.append(1)
        for _ in range(100):
            await asyncio.sleep(0)
        return 9

    def caller(n: int) -> Function[[], int]:
        if n % 3 == 0:

            @app.function(name=f"caller-{n}")
            async def remote(ctx: Context) -> int:
                return await ctx.rpc(slow)

            return remote
        if n % 3 == 1:

            @app.function(name=f"caller-{n}")
            async def local(ctx: Context) -> int:
                return await ctx.run(slow)

            return local

        @app.function(name=f"caller-{n}")
        def stacked(ctx: Context) -> int:
            return ctx.rpc(slow).wait()

        return stacked

    callers = [caller(n) for n in range(100)]

    async def story() -> None:
        assert await asyncio.gather(*(app.rpc(each) for each in callers)) == [9] * 100
        assert entered == [1]

    play(app, story)


# --- ids that cannot be


@pytest.mark.parametrize("bad", ["", "a\0b", "x" * 1025, "ü" * 513, "\ud800"])
def test_an_id_that_cannot_be_is_refused_everywhere(bad: str) -> None:
    app = Troth(":memory:")

    @app.function
    async def one() -> int:
        return 1

    @app.function(key="{text}")
    async def keyed(text: str) -> int:
        return 1

    @app.function
    async def inside(ctx: Context) -> int:
        return await ctx.options(id=bad).rpc(one)

    async def story() -> None:
        for call in (
            app.options(id=bad).rpc(one),
            app.options(id=bad).start(one),
            app.get(bad),
            app.resolve(bad, 1),
            app.rpc(inside),
        ):
            with pytest.raises(InvalidIdError, match=r"must not be empty|NUL|1024 bytes|valid Unicode"):
                await call
        with pytest.raises((InvalidIdError, EncodingError)):
            await app.rpc(keyed, bad)

    play(app, story)


def test_the_longest_id_is_served() -> None:
    app = Troth(":memory:")

    @app.function(key="{text}")
    async def keyed(ctx: Context, text: str) -> int:
        return await ctx.run(below, 1)

    @app.function
    async def below(ctx: Context, n: int) -> int:
        return await ctx.rpc(below, n + 1) if n < 20 else n

    async def story() -> None:
        assert await app.rpc(keyed, "x" * 1024) == 20

    play(app, story)
