"""The file: bytes of a factorial promise, and the time to open a file with a million of them.

python bench/bench_file.py [PROMISES]      # default 1,000,000
"""

import asyncio
import sys
import time
from pathlib import Path

from figures import ROUNDS, scratch, show
from troth import Context, Troth
from troth.machine.effects import AddCall, PutPromise, PutTask
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.view import View
from troth.protocol.records import NEVER, PromiseState, TaskState, Value
from troth.stores.sqlite import SqliteStore

MEASURED = 2_000
BATCH = 5_000


async def bytes_of_a_promise(folder: Path) -> None:
    path = folder / "size.db"
    app = Troth(str(path))

    @app.function(key="factorial-{n}", group="factorial-workers")
    async def factorial(ctx: Context, n: int) -> int:
        return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1) % 1_000_000_007

    async with app:
        await app.rpc(factorial, 1)
    before = path.stat().st_size
    async with app:
        await app.rpc(factorial, 1 + MEASURED)
    show("a factorial promise, with its edge and indexes", [(path.stat().st_size - before) / MEASURED], "bytes", "700")


async def open_a_big_file(folder: Path, promises: int) -> None:
    path = folder / "big.db"
    await fill(path, promises)
    took: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async with Troth(str(path)) as app:
            await app.get("factorial-0")
            took.append(time.perf_counter() - began)
    show(f"open {promises:,} promises and read one", took, "s", "0.3")
    print(f"{'its size':<44} {path.stat().st_size / promises:>10,.4g} bytes a promise")


async def fill(path: Path, promises: int) -> None:
    store = SqliteStore.open(path)
    tags = {"resonate:target": "poll://any@factorial-workers"}
    param = Value(data="eyJmdW5jIjoiZmFjdG9yaWFsIiwiYXJncyI6WzEwMDAwMDBdfQ==")
    for start in range(0, promises, BATCH):
        async with store.transaction() as tx:
            view = View()
            ids = [f"factorial-{n}" for n in range(start, min(start + BATCH, promises))]
            await tx.load(view, ids)
            for id in ids:
                promise = PromiseObject(id, PromiseState.RESOLVED, param, Value(data="MQ=="), tags, NEVER, 1, 2)
                view.advance([PutPromise(promise), PutTask(TaskObject(id, TaskState.FULFILLED, 1))])
            view.advance([AddCall(a, b) for a, b in zip(ids[1:], ids, strict=False)])
            await tx.apply(view.take_changes())
    await store.close()


def main() -> None:
    with scratch() as folder:
        asyncio.run(bytes_of_a_promise(folder))
        asyncio.run(open_a_big_file(folder, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))


if __name__ == "__main__":
    main()
