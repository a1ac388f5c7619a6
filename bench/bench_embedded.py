"""Embedded figures: recursion, local steps one after another and concurrent, cached hits."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from troth import Context, Troth


async def step(n: int) -> int:
    return n + 1


def make(location: str) -> tuple[Troth, object, object, object]:
    app = Troth(location)

    @app.function(key="factorial-{n}")
    async def factorial(ctx: Context, n: int) -> int:
        return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1) % 1_000_000_007

    @app.function
    async def loop(ctx: Context, count: int) -> int:
        total = 0
        for i in range(count):
            total += await ctx.run(step, i)
        return total

    @app.function
    async def leaf(n: int) -> int:
        return n

    return app, factorial, loop, leaf


async def main(location: str) -> None:
    app, factorial, loop, leaf = make(location)
    async with app:
        await app.rpc(factorial, 20)
        start = time.perf_counter()
        depth = 500
        await app.rpc(factorial, 20 + depth)
        print(f"recursion: {(time.perf_counter() - start) / depth * 1e3:.3f} ms a level")

        start = time.perf_counter()
        await app.rpc(loop, 2000)
        print(f"local step, one after another: {(time.perf_counter() - start) / 2000 * 1e3:.3f} ms")

        start = time.perf_counter()
        await asyncio.gather(*(app.rpc(loop, 200) for _ in range(64)))
        elapsed = time.perf_counter() - start
        print(f"local steps, 64 concurrent: {64 * 200 / elapsed:,.0f}/s")

        await app.rpc(factorial, 30)
        start = time.perf_counter()
        for _ in range(1000):
            await app.rpc(factorial, 30)
        print(f"cached hit, remembered: {(time.perf_counter() - start) / 1000 * 1e6:.1f} us")
        start = time.perf_counter()
        for n in range(31, 500):
            await app.rpc(factorial, n)
        print(f"cached hit, from the file: {(time.perf_counter() - start) / 469 * 1e6:.1f} us")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'troth.db'}"))
