"""Depth and width, bounded: what grows is counted (entries, requests, rows, waiting functions), never timed."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from troth import Context, NotFoundError, Troth, WorkerSettings
from troth.embedded.transport import EmbeddedTransport

LOOP = 2_000
CHILDREN = 5_000


def play(app: Troth, story: Callable[[], Awaitable[None]]) -> None:
    """Run the story with the app open."""

    async def main() -> None:
        async with app, asyncio.timeout(60):
            await story()

    asyncio.run(main())


async def stored(app: Troth, id: str) -> None:
    """Give way until there is such a promise."""
    async with asyncio.timeout(30):
        while True:
            try:
                await app.get(id)
            except NotFoundError:
                continue
            return


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many requests of each kind reach the kernel."""
    counted: Counter[str] = Counter()
    submit = EmbeddedTransport.submit

    def counting(self: EmbeddedTransport, requests: Sequence[Any]) -> Any:
        counted.update(type(request).__name__ for request in requests)
        return submit(self, requests)

    monkeypatch.setattr(EmbeddedTransport, "submit", counting)
    return counted


@pytest.mark.parametrize("verb", ["run", "rpc"])
def test_a_loop_of_sequential_calls_is_linear(verb: str, requests: Counter[str]) -> None:
    app = Troth(":memory:")
    entered: list[int] = []
    flows: list[int] = []

    @app.function
    async def step(n: int) -> int:
        entered.append(n)
        return n

    @app.function
    async def flow(ctx: Context, length: int) -> int:
        flows.append(length)
        total = 0
        for n in range(length):
            total += await (ctx.run(step, n) if verb == "run" else ctx.rpc(step, n))
        return total

    async def story() -> None:
        assert await app.rpc(flow, LOOP) == LOOP * (LOOP - 1) // 2

    play(app, story)
    assert entered == list(range(LOOP))
    assert flows == [LOOP], "the flow was replayed though it had stayed in memory"
    assert requests.total() <= 2 * LOOP + LOOP // 10 + 20, requests


def test_a_loop_on_a_stack_is_linear_too(requests: Counter[str]) -> None:
    app = Troth(":memory:")
    flows: list[int] = []

    @app.function
    async def step(n: int) -> int:
        return n

    @app.function
    def flow(ctx: Context, length: int) -> int:
        flows.append(length)
        return sum(ctx.rpc(step, n).wait() for n in range(length))

    async def story() -> None:
        assert await app.rpc(flow, LOOP) == LOOP * (LOOP - 1) // 2

    play(app, story)
    assert flows == [LOOP]
    assert requests.total() <= 2 * LOOP + LOOP // 10 + 20, requests


def fib(n: int) -> int:
    low, high = 0, 1
    for _ in range(n):
        low, high = high, low + high
    return low


@pytest.mark.parametrize("fan_out", [False, True], ids=["one after another", "both at once"])
def test_fib_200_by_naive_double_recursion_takes_201_promises(fan_out: bool, tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    app = Troth(str(path))
    entered: Counter[int] = Counter()

    @app.function(key="fib-{n}")
    async def naive(ctx: Context, n: int) -> int:
        entered[n] += 1
        if n < 2:
            return n
        if not fan_out:
            return await ctx.rpc(naive, n - 1) + await ctx.rpc(naive, n - 2)
        return sum(await asyncio.gather(ctx.rpc(naive, n - 1), ctx.rpc(naive, n - 2)))

    async def story() -> None:
        assert await app.rpc(naive, 200) == fib(200)

    play(app, story)
    assert entered == Counter(range(201))
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT count(*) FROM promises").get == 201
    connection.close()


@pytest.mark.parametrize("shape", ["async", "stack"])
def test_a_recursion_far_deeper_than_memory_may_hold(shape: str) -> None:
    app = Troth(":memory:", worker=WorkerSettings(residents_max=50))
    entered: Counter[int] = Counter()

    @app.function(name="async", key="async-{n}")
    async def factorial(ctx: Context, n: int) -> int:
        entered[n] += 1
        return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1)

    @app.function(name="stack", key="stack-{n}")
    def factorial_on_a_stack(ctx: Context, n: int) -> int:
        entered[n] += 1
        return 1 if n <= 1 else n * ctx.rpc(factorial_on_a_stack, n - 1).wait()

    async def story() -> None:
        assert await app.rpc(factorial if shape == "async" else factorial_on_a_stack, 2_000) == math.factorial(2_000)

    play(app, story)
    assert set(entered) == set(range(1, 2_001))
    assert max(entered.values()) <= 2, "a level was replayed more than once"
    assert entered.total() > 2_000 + 1_000, "nothing was evicted"


def test_a_local_recursion_is_deep_too() -> None:
    app = Troth(":memory:")
    entered: list[int] = []

    @app.function
    async def down(ctx: Context, n: int) -> int:
        entered.append(n)
        return 0 if n == 0 else 1 + await ctx.run(down, n - 1)

    async def story() -> None:
        assert await app.rpc(down, 500) == 500

    play(app, story)
    assert entered == list(range(500, -1, -1))


@pytest.mark.parametrize("verb", ["run", "rpc"])
def test_a_fan_out_of_thousands(verb: str) -> None:
    app = Troth(":memory:")
    entered: Counter[int] = Counter()
    flows: list[int] = []

    @app.function
    async def part(n: int) -> int:
        entered[n] += 1
        return n

    @app.function
    async def whole(ctx: Context, width: int) -> int:
        flows.append(width)
        call = ctx.run if verb == "run" else ctx.rpc
        return sum(await asyncio.gather(*(call(part, n) for n in range(width))))

    async def story() -> None:
        assert await app.rpc(whole, LOOP) == LOOP * (LOOP - 1) // 2

    play(app, story)
    assert entered == Counter(range(LOOP))
    assert flows == [LOOP]


def test_thousands_of_recorded_children_are_read_at_once_and_none_is_entered_again(
    tmp_path: Path, requests: Counter[str]
) -> None:
    entered: list[int] = []
    flows: list[int] = []

    def fresh() -> Troth:
        app = Troth(str(tmp_path / "troth.db"))

        @app.function
        async def step(n: int) -> int:
            entered.append(n)
            return n

        @app.function(key="flow")
        async def flow(ctx: Context) -> int:
            flows.append(1)
            found = await asyncio.gather(*(ctx.run(step, n) for n in range(CHILDREN // 2)))
            found += [await ctx.run(step, n) for n in range(CHILDREN // 2, CHILDREN)]
            return sum(found) + await ctx.promise("more", int)

        return app

    first = fresh()

    async def until_it_waits() -> None:
        await first.start(first.durable("flow"))
        await stored(first, "flow.promise-more")

    play(first, until_it_waits)
    assert sorted(entered) == list(range(CHILDREN))
    entered.clear()
    flows.clear()
    requests.clear()
    second = fresh()

    async def to_the_end() -> None:
        await second.resolve("flow.promise-more", 1)
        assert await second.rpc(second.durable("flow")) == 1 + CHILDREN * (CHILDREN - 1) // 2

    play(second, to_the_end)
    assert entered == []
    assert flows == [1]
    assert requests.total() <= 20, requests
