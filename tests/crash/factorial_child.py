"""factorial(200) over a SQLite file, to be killed at any instant: `factorial_child.py STORE LOG`.

Each level is written to the log before it computes. What is printed tells the parent where the run is.
"""

import asyncio
import os
import sys

from troth import Context, Troth

STORE, LOG = sys.argv[1:]
LEVELS = 200

log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
app = Troth(STORE)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


@app.function(key="factorial-{n}")
async def factorial(ctx: Context, n: int) -> int:
    os.write(log, b"%d\n" % n)
    say(n)
    if n == 1:
        return 1
    below = await ctx.rpc(factorial, n - 1)
    say("up", n)
    return n * below


async def main() -> None:
    async with app:
        say("answer", await app.rpc(factorial, LEVELS))


say("start")
asyncio.run(main())
