"""A cached call, beside joblib.Memory and diskcache.memoize on the same function: microseconds a hit."""

import asyncio
import time
from pathlib import Path

import diskcache
import joblib

from figures import ROUNDS, each_us, scratch, show
from troth import Troth

HITS = 2_000
KEYS = 500


def score(model: str, n: int) -> int:
    return len(model) * n


async def troth_hits(folder: Path) -> None:
    url = f"sqlite:///{folder / 'troth.db'}"
    app = Troth(url)
    durable = app.function(key="score-{model}-{n}")(score)
    async with app:
        await asyncio.gather(*(app.rpc(durable, "m-1", n) for n in range(KEYS)))
    again = Troth(url)
    durable = again.function(key="score-{model}-{n}")(score)
    async with again:
        await again.rpc(durable, "m-2", 0)
        first = [await hits(again, durable, range(n, KEYS, ROUNDS)) for n in range(ROUNDS)]
        show("troth, read from the file (first in process)", first, "us", "60")
        show("troth, hit", [await hits(again, durable, [7] * HITS) for _ in range(ROUNDS)], "us", "60")


async def hits(app: Troth, durable: object, numbers: "range | list[int]") -> float:
    began = time.perf_counter()
    for n in numbers:
        await app.rpc(durable, "m-1", n)
    return (time.perf_counter() - began) / len(numbers) * 1e6


def main() -> None:
    with scratch() as folder:
        asyncio.run(troth_hits(folder))
        memory = joblib.Memory(folder / "joblib", verbose=0).cache(score)
        memory("m-1", 7)
        show("joblib.Memory, hit", [each_us(lambda: memory("m-1", 7), HITS // 4) for _ in range(ROUNDS)], "us")
        with diskcache.Cache(folder / "diskcache") as cache:
            memoized = cache.memoize()(score)
            memoized("m-1", 7)
            show("diskcache.memoize, hit", [each_us(lambda: memoized("m-1", 7), HITS) for _ in range(ROUNDS)], "us")


if __name__ == "__main__":
    main()
