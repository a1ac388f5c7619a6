"""Recursive factorial: every call is a durable promise, and its id is a permanent cache key.

python examples/factorial.py 8      # computes factorial-8 … factorial-1
python examples/factorial.py 5      # answered from the store: nothing is entered
python examples/factorial.py 10     # enters 10 and 9 only
"""

import asyncio
import sys

from troth import Context, Troth

app = Troth()


@app.function(key="factorial-{n}", group="factorial-workers")
async def factorial(ctx: Context, n: int) -> int:
    """The product of 1 … n, one durable call a level."""
    print(f"  entered factorial({n})")
    if n <= 1:
        return 1
    return n * await ctx.rpc(factorial, n - 1)


async def main(n: int) -> None:
    """Compute or look up factorial(n)."""
    async with app:
        print(f"factorial({n}) = {await app.rpc(factorial, n)}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
