"""What a type checker must see through: every verb has its function's parameters and result.

Nothing here runs. A line that must be an error says which one, and the checker reports a mark without its error.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

import asyncio
from datetime import timedelta
from typing import Any, assert_type

from troth import BlockingHandle, Call, Context, Handle, Retry, Troth

app = Troth(":memory:")


# --- definitions: async and def, with a context and without, both forms of the decorator


@app.function
async def factorial(ctx: Context, n: int) -> int:
    below = await ctx.rpc(factorial, n - 1)
    assert_type(below, int)
    return n * below


@app.function(key="greet-{name}", retry=Retry(), timeout=timedelta(seconds=1))
async def greet(name: str, *, loud: bool = False) -> str:
    return name


@app.function
def words(ctx: Context, text: str, limit: int = 10) -> list[str]:
    greeted = ctx.rpc(greet, text).wait()
    assert_type(greeted, str)
    return [greeted]


@app.function(version=2, on_failure="keep", group="gpu")
def add(a: int, b: int) -> int:
    return a + b


@app.function
async def nothing() -> None: ...


async def plain_async(a: int, b: str = "") -> bytes:
    return b.encode() * a


def plain_def(a: int, *more: float) -> dict[str, float]:
    return {str(a): sum(more)}


async def plain_with_context(ctx: Context, a: int) -> bytes:
    return await ctx.run(plain_async, a)


def plain_def_with_context(ctx: Context, a: int) -> bytes:
    return ctx.run(plain_async, a).wait()


# --- inside


async def inside(ctx: Context) -> None:
    assert_type(ctx.rpc(factorial, 4), Call[int])
    assert_type(await ctx.rpc(factorial, 4), int)
    assert_type(await ctx.rpc(factorial, n=4), int)
    assert_type(await ctx.rpc(greet, "a", loud=True), str)
    assert_type(await ctx.rpc(words, "a", limit=3), list[str])
    assert_type(await ctx.rpc(add, 1, b=2), int)
    assert_type(await ctx.rpc(nothing), None)
    assert_type(await ctx.rpc("by-name", 1, x=2), Any)

    assert_type(await ctx.run(factorial, 4), int)
    assert_type(await ctx.run(greet, "a", loud=True), str)
    assert_type(await ctx.run(words, "a"), list[str])
    assert_type(await ctx.run(add, 1, 2), int)
    assert_type(await ctx.run(plain_async, 1, b="x"), bytes)
    assert_type(await ctx.run(plain_def, 1, 2.0, 3.0), dict[str, float])
    assert_type(await ctx.run(plain_with_context, 1), bytes)
    assert_type(await ctx.run(plain_def_with_context, a=1), bytes)
    assert_type(ctx.run(plain_async, 1), Call[bytes])

    assert_type(await ctx.options(id="x", timeout=5).rpc(add, 1, 2), int)
    assert_type(await ctx.options(timeout=timedelta(hours=1)).run(plain_async, 1), bytes)
    assert_type(await ctx.sleep(1.5), None)
    assert_type(await ctx.promise("approved", bool), bool)
    assert_type(await ctx.promise("approved", bool, timeout=60), bool)
    assert_type(await ctx.promise("anything"), Any)
    assert_type(await asyncio.gather(ctx.rpc(add, 1, 2), ctx.rpc(greet, "a")), tuple[int, str])
    assert_type(ctx.info.attempt, int)


async def inside_wrongly(ctx: Context) -> None:
    ctx.rpc(factorial, "4")  # pyright: ignore[reportArgumentType, reportCallIssue]
    ctx.rpc(factorial)  # pyright: ignore[reportCallIssue]
    ctx.rpc(factorial, 4, 5)  # pyright: ignore[reportCallIssue]
    ctx.rpc(greet, "a", loudly=True)  # pyright: ignore[reportCallIssue]
    ctx.rpc(plain_async, 1)  # pyright: ignore[reportArgumentType, reportCallIssue]
    ctx.run(add, 1, "2")  # pyright: ignore[reportArgumentType, reportCallIssue]
    ctx.run(plain_async, "1")  # pyright: ignore[reportArgumentType, reportCallIssue]
    ctx.run(plain_with_context, "1")  # pyright: ignore[reportCallIssue]
    ctx.sleep("1")  # pyright: ignore[reportArgumentType]
    await (await ctx.rpc(add, 1, 2))  # pyright: ignore[reportGeneralTypeIssues]


# --- outside


async def outside() -> None:
    assert_type(await app.rpc(factorial, 4), int)
    assert_type(await app.rpc(greet, name="a", loud=True), str)
    assert_type(await app.rpc(nothing), None)
    assert_type(await app.run(words, "a", limit=3), list[str])
    assert_type(await app.start(factorial, 4), Handle[int])
    assert_type(await (await app.start(factorial, 4)).result(), int)
    assert_type(await (await app.start(factorial, 4)).done(), bool)
    assert_type(await app.options(id="x").rpc(add, 1, b=2), int)
    assert_type(await app.get("id", int), Handle[int])
    assert_type(await (await app.get("id", list[str])).result(), list[str])
    assert_type(await app.resolve("id", 5), None)
    assert_type(await app.reject("id", ValueError()), None)


async def outside_wrongly() -> None:
    await app.rpc(factorial, "4")  # pyright: ignore[reportArgumentType]
    await app.rpc(factorial)  # pyright: ignore[reportCallIssue]
    await app.run(greet, "a", loudly=True)  # pyright: ignore[reportCallIssue]
    await app.start(add, 1)  # pyright: ignore[reportCallIssue]
    await app.rpc(plain_async, 1)  # pyright: ignore[reportArgumentType, reportCallIssue]
    await app.reject("id", "an error")  # pyright: ignore[reportArgumentType]
    (await app.rpc(factorial, 4)).upper()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def blocking() -> None:
    assert_type(app.blocking.rpc(factorial, 4), int)
    assert_type(app.blocking.run(greet, "a", loud=True), str)
    assert_type(app.blocking.start(words, "a"), BlockingHandle[list[str]])
    assert_type(app.blocking.start(words, "a").result(), list[str])
    assert_type(app.blocking.options(timeout=1).rpc(add, 1, 2), int)
    assert_type(app.blocking.get("id", int).result(), int)
    app.blocking.rpc(factorial, "4")  # pyright: ignore[reportArgumentType]
    app.blocking.start(add, 1)  # pyright: ignore[reportCallIssue]


# --- as plain functions


async def directly(ctx: Context) -> None:
    assert_type(await factorial(ctx, 4), int)
    assert_type(await greet("a"), str)
    assert_type(words(ctx, "a"), list[str])
    assert_type(add(1, 2), int)
    factorial(4)  # pyright: ignore[reportCallIssue]
    add("1", 2)  # pyright: ignore[reportArgumentType]


# --- definitions that cannot be


@app.function(keys="{n}")  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def wrong_trait(n: int) -> int:
    return n


@app.function(on_failure="forget")  # pyright: ignore[reportArgumentType]
async def wrong_choice(n: int) -> int:
    return n
