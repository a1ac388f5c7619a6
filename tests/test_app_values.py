"""Values through calls, as arguments and as results, on the first run and on replay: the issue's sixth item."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import pytest
from msgspec import Struct
from pydantic import BaseModel

from troth import Context, EncodingError, NotFoundError, Troth, WorkerSettings


class Color(Enum):
    RED = "red"
    BLUE = 7


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int
    y: float = 0.0


@dataclass(frozen=True)
class Path3:
    points: tuple[Point, ...]
    names: dict[str, Color] = field(default_factory=dict[str, Color])
    next: "Path3 | None" = None


class Parcel(Struct):
    weight: Decimal
    stamps: list[datetime] = []


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str


class Invoice(BaseModel):
    number: int
    due: date
    lines: list[tuple[str, Decimal]] = []


class Opaque:
    """Nothing that can travel."""


def labels(annotations: Iterable[object]) -> list[str]:
    """A value is no label: some have no short text, some have an address in it."""
    return [f"{number}-{getattr(each, '__name__', each)}" for number, each in enumerate(annotations)]


BIG = math.factorial(5000)

CASES: list[tuple[object, object]] = [
    (int, 0),
    (int, -(2**63)),
    (int, 2**64),
    (int, BIG),
    (list[int], [BIG, -BIG, 1]),
    (bool, True),
    (None, None),
    (str, ""),
    (str, 'ünïcödé \U0001f600 \0 \\ " \n'),
    (float, 0.1),
    (float, -0.0),
    (float, 1e308),
    (float, math.nan),
    (float, math.inf),
    (list[float], [math.nan, -math.inf, 2.0]),
    (bytes, b"\x00\xff binary"),
    (datetime, datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)),
    (datetime, datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    (datetime, datetime(1, 1, 1)),  # noqa: DTZ001 - naive ones travel as naive
    (date, date(9999, 12, 31)),
    (time, time(1, 2, 3, 4)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (UUID, UUID(int=2**127)),
    (Decimal, Decimal("1.500")),
    (Decimal, Decimal("-0E-20")),
    (Color, Color.BLUE),
    (Level, Level.LOW),
    (Word, Word.YES),
    (Right, Right.READ | Right.WRITE),
    (Literal["a", 3], 3),
    (set[int], {3, 1, 2}),
    (frozenset[str], frozenset({"b", "a"})),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], ()),
    (tuple[Point, Point], (Point(1), Point(2, 0.5))),
    (dict[str, list[int]], {"b": [1], "a": []}),
    (dict[int, str], {1: "one", -2: "minus two"}),
    (dict[date, Decimal], {date(2024, 1, 1): Decimal(1)}),
    (dict[tuple[int, int], str], {(0, 1): "x"}),
    (int | None, None),
    (int | str | None, "text"),
    (Point | Parcel, Point(1)),
    (Point, Point(3, 1.5)),
    (Path3, Path3((Point(1), Point(2)), {"a": Color.RED}, Path3(()))),
    (Parcel, Parcel(Decimal("0.10"), [datetime(2024, 1, 1, tzinfo=UTC)])),
    (Movie, {"title": "Metropolis"}),
    (Movie, {"title": "Metropolis", "year": 1927}),
    (Pair, Pair(1, "r")),
    (Invoice, Invoice(number=1, due=date(2024, 1, 1), lines=[("tea", Decimal("2.50"))])),
    (list[Invoice], [Invoice(number=2, due=date(2024, 1, 1))]),
    (dict[str, set[tuple[Color, UUID]]], {"k": {(Color.RED, UUID(int=1))}}),
    (Any, {"list": [1, 2.5, None, True, "s"], "nested": {"deep": [[]]}}),
    (Any, [math.inf, math.nan, BIG]),
    (Any, {"when": datetime(2024, 1, 1, tzinfo=UTC), "who": (1, {2, 3}), "raw": b"x"}),
    (list[Any], [Decimal("1.0"), UUID(int=3), timedelta(1), date(2024, 1, 1)]),
]


def same(left: object, right: object) -> bool:
    """Equal and of one type; a NaN equals itself here."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        equal = left == right or (math.isnan(left) and math.isnan(right))
        return equal and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left == right and left.utcoffset() == right.utcoffset()
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return str(left) == str(right)
    return left == right


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


def flow_app(path: Path, annotation: Any, entered: list[object], seen: list[object]) -> tuple[Troth, Any]:
    """A flow that passes a value through a remote and a local call, and keeps what it saw."""
    app = Troth(str(path))

    def typed(function: Callable[..., Any]) -> Callable[..., Any]:
        names = [name for name in ("value", "return") if name in ("return", *function.__code__.co_varnames)]
        function.__annotations__ |= dict.fromkeys(names, annotation)
        return function

    @app.function
    @typed
    async def remote(value):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        entered.append(value)
        return value  # pyright: ignore[reportUnknownVariableType]

    @app.function
    @typed
    def local(value):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        entered.append(value)
        return value  # pyright: ignore[reportUnknownVariableType]

    @app.function
    @typed
    async def flow(ctx: Context, value):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        seen.append(value)
        seen.append(await ctx.rpc(remote, value))
        seen.append(await ctx.run(local, value))
        await ctx.promise("go")
        return value  # pyright: ignore[reportUnknownVariableType]

    return app, flow


@pytest.mark.parametrize(("annotation", "value"), CASES, ids=labels(case[0] for case in CASES))
def test_a_value_comes_back_as_it_went_in(annotation: object, value: object, tmp_path: Path) -> None:
    """Three crossings on the first run, the same three on the replay by a new app, and the result three times."""
    path = tmp_path / "troth.db"
    entered: list[object] = []
    seen: list[object] = []
    first, flow = flow_app(path, annotation, entered, seen)

    async def until_it_waits() -> None:
        await first.options(id="flow").start(flow, value)
        await stored(first, "flow.promise-go")

    play(first, until_it_waits)
    assert len(entered) == 2
    assert all(same(each, value) for each in entered)
    assert len(seen) == 3
    assert all(same(each, value) for each in seen)
    seen.clear()
    second, flow = flow_app(path, annotation, entered, seen)

    async def to_the_end() -> None:
        await second.resolve("flow.promise-go")
        assert same(await second.options(id="flow").rpc(flow, value), value)
        assert same(await second.options(id="flow").rpc(flow, value), value)
        assert same(await (await second.get("flow")).result(), value)

    play(second, to_the_end)
    assert len(entered) == 2, "a recorded call was entered again"
    assert len(seen) == 3
    assert all(same(each, value) for each in seen)


def test_replay_after_eviction_gives_the_same_values_as_the_first_run() -> None:
    """In one process: the coroutine is dropped from memory while it waits, and replayed from what is stored."""
    app = Troth(":memory:", worker=WorkerSettings(residents_max=1, linger_ms=0))
    seen: dict[int, list[object]] = {}

    @app.function
    async def make(n: int) -> Path3:
        return Path3((Point(n, math.inf),), {"c": Color.BLUE})

    @app.function
    async def flow(ctx: Context, n: int) -> Path3:
        found = await ctx.rpc(make, n)
        seen.setdefault(n, []).append(found)
        await ctx.promise("go")
        return found

    async def story() -> None:
        handles = [await app.options(id=f"flow-{n}").start(flow, n) for n in range(5)]
        for n in range(5):
            await stored(app, f"flow-{n}.promise-go")
        for n in range(5):
            await app.resolve(f"flow-{n}.promise-go")
        for n, handle in enumerate(handles):
            assert await handle.result() == Path3((Point(n, math.inf),), {"c": Color.BLUE})

    play(app, story)
    assert any(len(found) > 1 for found in seen.values()), "nothing was evicted"
    assert all(each == found[0] for found in seen.values() for each in found)


def test_external_promises_carry_typed_values() -> None:
    app = Troth(":memory:")

    @app.function(key="asks")
    async def asks(ctx: Context) -> bool:
        found = await ctx.promise("parcel", Parcel)
        return found == Parcel(Decimal("2.0"))

    async def story() -> None:
        handle = await app.start(asks)
        await stored(app, "asks.promise-parcel")
        await app.resolve("asks.promise-parcel", Parcel(Decimal("2.0")), Parcel)
        assert await handle.result()

    play(app, story)


REFUSED: list[tuple[object, object, str]] = [
    (Any, Opaque(), "$"),
    (Any, {"pages": [1, {"size": Opaque()}]}, "$.pages[1].size"),
    (Any, lambda: 1, "$"),
    (Any, (n for n in range(3)), "$"),
    (Any, 1 + 2j, "$"),
    (int, "7", "$"),
    (int, 1.5, "$"),
    (int, None, "$"),
    (str, b"bytes", "$"),
    (list[int], [1, 2, "3"], "$[2]"),
    (dict[str, Point], {"a": Point(1), "b": Point("2")}, "$.b.x"),  # pyright: ignore[reportArgumentType]
    (tuple[int, str], (1, "a", 2), "$"),
    (Point, Parcel(Decimal(1)), "$"),
    (Color, "red", "$"),
    (Movie, {"name": "Metropolis"}, "$"),
    (Parcel, Parcel("heavy"), "$.weight"),  # pyright: ignore[reportArgumentType]
    (str, "\ud800", "$"),
]


@pytest.mark.parametrize(("annotation", "value", "path"), REFUSED, ids=labels(case[0] for case in REFUSED))
def test_a_value_that_would_not_come_back_is_refused_at_the_call_with_its_path(
    annotation: Any, value: object, path: str
) -> None:
    app = Troth(":memory:")
    entered: list[str] = []
    raised: list[EncodingError] = []

    async def takes(what: object) -> None:
        entered.append("takes")

    takes.__annotations__["what"] = annotation
    durable = app.function(takes)

    async def gives() -> object:
        return value

    gives.__annotations__["return"] = annotation
    durable_gives = app.function(gives)

    @app.function
    async def caller(ctx: Context) -> None:
        for verb in (ctx.options(id="inner").rpc, ctx.options(id="inner").run):
            try:
                verb(durable, value)  # never awaited: it is refused at the call
            except EncodingError as error:
                raised.append(error)

    async def story() -> None:
        for verb in (app.options(id="outer").rpc, app.options(id="outer").run, app.options(id="outer").start):
            with pytest.raises(EncodingError) as caught:
                await verb(durable, value)
            raised.append(caught.value)
        await app.rpc(caller)
        assert len(raised) == 5
        for error in raised:
            assert error.path.startswith(path), error.path
            assert "argument 'what' of takes" in str(error)
            assert isinstance(error, TypeError)
        for id in ("inner", "outer"):
            with pytest.raises(NotFoundError):
                await app.get(id)
        assert entered == []
        with pytest.raises(EncodingError) as caught:
            await app.rpc(durable_gives)
        assert path in str(caught.value)

    play(app, story)


def test_a_call_from_outside_that_is_never_awaited_stores_nothing() -> None:
    app = Troth(":memory:")

    @app.function(key="f-{n}")
    async def f(n: int) -> int:
        return n

    async def story() -> None:
        coroutine = app.rpc(f, 1)
        with pytest.raises(NotFoundError):
            await app.get("f-1")
        coroutine.close()
        with pytest.raises(NotFoundError):
            await app.get("f-1")

    play(app, story)


def test_a_mutable_value_changed_after_the_call_does_not_change_what_was_stored() -> None:
    app = Troth(":memory:")

    @app.function
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.function
    async def make() -> list[int]:
        return [1, 2]

    @app.function(key="flow")
    async def flow(ctx: Context) -> list[int]:
        numbers = [1, 2, 3]
        call = ctx.rpc(total, numbers)
        numbers.append(100)
        made = await ctx.run(make)
        made.append(3)
        return [await call, *await ctx.run(make)]

    async def story() -> None:
        first = await app.rpc(flow)
        assert first == [6, 1, 2]
        first.clear()
        assert await app.rpc(flow) == [6, 1, 2]

    play(app, story)
