"""A look at a store from outside the process that owns it."""

import asyncio
from pathlib import Path

import pytest

from troth import LocationError, StoreError, StoreInvalidError
from troth.embedded.location import Location, parse_location
from troth.embedded.reading import READS, Reading
from troth.kernel.clock import SystemClock
from troth.kernel.kernel import Kernel
from troth.protocol.answers import PromiseAnswer, PromisePage, Refusal, TaskAnswer
from troth.protocol.records import NEVER, PromiseState, Tag
from troth.protocol.requests import (
    KINDS,
    CreatePromise,
    GetCallees,
    GetCallers,
    GetPromise,
    GetTask,
    SearchPromises,
    SettlePromise,
)

TARGET = {Tag.TARGET: "poll://any@default"}


async def read(location: Location, *requests, now: int = 0) -> list:
    async with Reading(location, now) as reading:
        return [await reading.ask(request) for request in requests]


async def fill(location: Location, *requests) -> Kernel:
    """A kernel that owns the store, with these requests done."""
    kernel = Kernel(await location.open(), SystemClock())
    await kernel.start()
    await kernel.submit(list(requests))
    return kernel


def test_reads_are_answered_beside_the_owner_and_see_what_it_commits(tmp_path: Path) -> None:
    async def story() -> None:
        location = Location(tmp_path / "store.db")
        owner = await fill(
            location, CreatePromise("a", NEVER, tags=TARGET), CreatePromise("b", NEVER, tags=TARGET, caller="a")
        )
        promise, task, callees, callers, page, none = await read(
            location,
            GetPromise("a"),
            GetTask("b"),
            GetCallees("a"),
            GetCallers("b"),
            SearchPromises(prefix="b"),
            GetPromise("c"),
        )
        assert isinstance(promise.data, PromiseAnswer)
        assert promise.data.promise.state is PromiseState.PENDING
        assert isinstance(task.data, TaskAnswer)
        assert [p.data.promises[0].id for p in (callees, callers, page)] == ["b", "a", "b"]
        assert isinstance(page.data, PromisePage)
        assert isinstance(none.data, Refusal)
        assert none.status == 404
        await owner.submit([SettlePromise("a", PromiseState.RESOLVED)])
        (later,) = await read(location, GetPromise("a"))
        assert later.data.promise.state is PromiseState.RESOLVED
        await owner.close()

    asyncio.run(story())


def test_one_reading_is_one_moment(tmp_path: Path) -> None:
    async def story() -> None:
        location = Location(tmp_path / "store.db")
        owner = await fill(location, CreatePromise("a", NEVER))
        async with Reading(location, 0) as reading:
            before = await reading.ask(GetPromise("a"))
            await owner.submit([SettlePromise("a", PromiseState.RESOLVED)])
            assert await reading.ask(GetPromise("a")) == before
        await owner.close()

    asyncio.run(story())


def test_a_deadline_that_has_come_is_shown(tmp_path: Path) -> None:
    async def story() -> None:
        location = Location(tmp_path / "store.db")
        far = SystemClock().now() + 3_600_000
        owner = await fill(location, CreatePromise("a", far))
        (before,) = await read(location, GetPromise("a"), now=far - 1)
        (after,) = await read(location, GetPromise("a"), now=far)
        assert before.data.promise.state is PromiseState.PENDING
        assert after.data.promise.state is PromiseState.TIMED_OUT
        await owner.close()

    asyncio.run(story())


def test_what_would_write_is_never_run(tmp_path: Path) -> None:
    async def story() -> None:
        location = Location(tmp_path / "store.db")
        owner = await fill(location, CreatePromise("a", NEVER))
        with pytest.raises(AssertionError, match="is no read"):
            await read(location, SettlePromise("a", PromiseState.RESOLVED))
        await owner.close()

    asyncio.run(story())


def test_every_get_and_search_is_a_read() -> None:
    named = {kind for kind, name in KINDS.items() if name.endswith((".get", ".search"))}
    assert named | {GetCallees, GetCallers} == READS


@pytest.mark.parametrize(
    ("name", "error"), [("missing.db", StoreError), ("other.txt", StoreInvalidError), (":memory:", LocationError)]
)
def test_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.txt").write_text("x" * 500, "utf-8")
    with pytest.raises(error):
        asyncio.run(read(parse_location(name), GetPromise("a")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt"]
