"""Flows to be killed where they wait: `flows_child.py STORE LOG FLOW`. What is entered is written to the log first."""

import asyncio
import os
import sys
import threading

from troth import Context, Troth

STORE, LOG, FLOW = sys.argv[1:]
WIDTH = 60
NAP_S = 2.0

log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
app = Troth(STORE)


def tell(*words: object) -> None:
    os.write(log, (" ".join(map(str, words)) + "\n").encode())
    say(*words)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


@app.function
async def step(n: int) -> int:
    tell("step", n)
    return n


@app.function
def step_in_a_thread(n: int) -> int:
    tell("step", n)
    return n


@app.function(key="fan")
async def fan(ctx: Context) -> int:
    async def one(n: int) -> int:
        found = await ctx.run(step if n % 2 else step_in_a_thread, n)
        tell("recorded", n)
        return found

    return sum(await asyncio.gather(*(one(n) for n in range(WIDTH))))


@app.function(key="stack")
def stack(ctx: Context) -> int:
    total = 0
    for n in range(WIDTH):
        total += ctx.run(step if n % 2 else step_in_a_thread, n).wait()
        tell("recorded", n)
    return total


@app.function(key="nap")
async def nap(ctx: Context) -> str:
    tell("asleep")
    await ctx.sleep(NAP_S)
    return "rested"


@app.function(key="ask")
async def ask(ctx: Context) -> str:
    before = await ctx.run(step, 1)
    asked = ctx.promise("answer", str)
    say("asking")
    return f"{before} {await asked}"


@app.function(key="leaf")
def leaf() -> int:
    tell("leaf")
    if os.environ.get("HANG"):
        threading.Event().wait()
    return 5


@app.function(key="leaves")
def leaves(ctx: Context) -> int:
    return ctx.run(step, 7).wait() + ctx.rpc(leaf).wait()


async def main() -> None:
    async with app:
        if FLOW == "resolve":
            await app.resolve("ask.promise-answer", "forty-two")
        say("result", await app.rpc({"resolve": ask}.get(FLOW) or globals()[FLOW]))


asyncio.run(main())
