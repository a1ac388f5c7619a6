"""The embedded default, durable: recursion, local steps, fan-out, replay after a crash.

python bench/bench_embedded.py [LOCATION]     # default: a SQLite file in a scratch folder; also :memory:
"""

import asyncio
import sys
import time
from collections.abc import Awaitable

from figures import ROUNDS, bare_commit_us, scratch, show, sync_us
from troth import Context, Function, NotFoundError, Troth

DEPTH = 400
STEPS = 2_000
CONCURRENT = 64
WIDTH = 10_000


async def add_one(n: int) -> int:
    return n + 1


def make(location: str) -> tuple[Troth, dict[str, Function[..., int]]]:
    app = Troth(location)

    @app.function(key="factorial-{n}")
    async def factorial(ctx: Context, n: int) -> int:
        return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1) % 1_000_000_007

    @app.function
    async def loop(ctx: Context, count: int) -> int:
        total = 0
        for i in range(count):
            total += await ctx.run(add_one, i)
        return total

    @app.function
    async def leaf(n: int) -> int:
        return n

    @app.function
    async def wide(ctx: Context, count: int) -> int:
        return sum(await asyncio.gather(*(ctx.rpc(leaf, i) for i in range(count))))

    @app.function(key="looped-{count}")
    async def looped(ctx: Context, count: int) -> int:
        total = await loop.body(ctx, count)
        await ctx.promise("never")
        return total

    return app, {"factorial": factorial, "loop": loop, "wide": wide, "looped": looped}


async def timed(call: Awaitable[object]) -> float:
    began = time.perf_counter()
    await call
    return time.perf_counter() - began


async def throughput(location: str) -> None:
    app, functions = make(location)
    async with app:
        await app.rpc(functions["factorial"], 10)
        levels = [await timed(app.rpc(functions["factorial"], 10 + DEPTH * n)) for n in range(1, ROUNDS + 1)]
        show("recursion, a level", [s / DEPTH * 1e3 for s in levels], "ms", "0.3")
        steps = [await timed(app.rpc(functions["loop"], STEPS)) for _ in range(ROUNDS)]
        show("local step, one after another", [s / STEPS * 1e3 for s in steps], "ms", "0.15")
        rates: list[float] = []
        for _ in range(ROUNDS):
            calls = [app.rpc(functions["loop"], STEPS // 10) for _ in range(CONCURRENT)]
            rates.append(CONCURRENT * (STEPS // 10) / await timed(asyncio.gather(*calls)))
        show(f"local steps, {CONCURRENT} functions at once", rates, "/s", "10,000")
        fan = await timed(app.rpc(functions["wide"], WIDTH))
        show(f"fan-out of {WIDTH:,}, a child", [fan / WIDTH * 1e3], "ms")


async def replay(location: str) -> None:
    """Leave a function with 10,000 recorded steps behind, open the file again, and see when it waits again."""
    app, functions = make(location)
    async with app:
        handle = await app.start(functions["looped"], WIDTH)
        await wait_for_promise(app, handle.id)
    app, functions = make(location)
    began = time.perf_counter()
    async with app:
        waiting = await wait_for_promise(app, handle.id)
        await app.resolve(waiting)
        await handle_result(app, handle.id)
        show(f"replay of {WIDTH:,} recorded steps", [time.perf_counter() - began], "s", "2")


async def wait_for_promise(app: Troth, id: str) -> str:
    """The id of the external promise below a call, as soon as it is there."""
    waiting = f"{id}.promise-never"
    while True:
        try:
            await app.get(waiting)
        except NotFoundError:
            await asyncio.sleep(0.01)
        else:
            return waiting


async def handle_result(app: Troth, id: str) -> None:
    await (await app.get(id)).result()


def main() -> None:
    with scratch() as folder:
        location = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'troth.db'}"
        show("4 KiB overwrite + fdatasync, bare", [sync_us(folder) / 1e3 for _ in range(ROUNDS)], "ms")
        show("2 selects, 2 inserts, commit: bare SQLite", [bare_commit_us(folder) / 1e3 for _ in range(ROUNDS)], "ms")
        asyncio.run(throughput(location))
        if location != ":memory:":
            asyncio.run(replay(f"sqlite:///{folder / 'replay.db'}"))
        show("2 selects, 2 inserts, commit: again", [bare_commit_us(folder) / 1e3 for _ in range(ROUNDS)], "ms")


if __name__ == "__main__":
    main()
