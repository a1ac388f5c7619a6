"""Bad input and bad places, through the public API: each a typed error that says what to do next, nothing lost."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import troth
from troth import (
    ArgumentError,
    ClosedError,
    Context,
    DefinitionError,
    DurableFunction,
    LocationError,
    NotFoundError,
    Retry,
    StoreError,
    StoreInvalidError,
    StoreOwnedError,
    StoreReadOnlyError,
    StoreTooNewError,
    Troth,
    TrothError,
    UnknownFunctionError,
    UsageError,
)


def play(app: Troth, story: Callable[[], Awaitable[None]]) -> None:
    """Run the story with the app open."""

    async def main() -> None:
        async with app, asyncio.timeout(30):
            await story()

    asyncio.run(main())


def app_at(location: str | Path) -> tuple[Troth, DurableFunction[[int], int, [int], int]]:
    app = Troth(str(location))

    @app.function(key="double-{n}")
    def double(n: int) -> int:
        return 2 * n

    return app, double


def refused(location: str | Path, error: type[StoreError]) -> str:
    """The message that opening the location is refused with, by each of the ways there are to open it."""
    messages: set[str] = set()
    app, double = app_at(location)

    async def implicitly() -> None:
        await app.rpc(double, 1)

    async def explicitly() -> None:
        async with app:
            raise AssertionError("it was opened")

    for way in (implicitly, explicitly, implicitly):
        with pytest.raises(error) as caught:
            asyncio.run(way())
        messages.add(str(caught.value))
    with pytest.raises(error) as caught:
        app.blocking.rpc(double, 1)
    app.blocking.close()
    messages.add(str(caught.value))
    (message,) = messages
    return message


# --- definitions


def test_two_functions_of_one_name_are_refused_where_the_second_is_defined() -> None:
    app = Troth(":memory:")

    @app.function
    def charge(n: int) -> int:
        return n

    def other(n: int) -> int:
        return -n

    with pytest.raises(
        DefinitionError, match=r"two functions are named 'charge'.*charge and .*other.*name=…"
    ) as caught:
        app.function(name="charge")(other)
    assert isinstance(caught.value, UsageError)
    assert app.function(name="charge", version=2)(other)(3) == -3

    async def story() -> None:
        assert await app.rpc(charge, 3) == 3

    play(app, story)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("report-{month}", r"names 'month', which is not a parameter \(they are: year, day\)"),
        ("report-{}", "names ''"),
        ("report-{year", "expected '}'"),
        ("report-{year!r}", r"write \{year\} or \{year:hash\}"),
        ("report-{year:04d}", r"write \{year\} or \{year:hash\}"),
        ("report-{ctx}", "names 'ctx'"),
    ],
)
def test_a_key_template_that_cannot_be_rendered_is_refused_at_the_definition(key: str, said: str) -> None:
    app = Troth(":memory:")

    async def report(ctx: Context, year: int, day: int = 1) -> int:
        return year

    with pytest.raises(DefinitionError, match=said) as caught:
        app.function(key=key)(report)
    assert repr(key) in str(caught.value)
    assert "report" in str(caught.value)


def test_what_else_cannot_be_a_durable_function() -> None:
    app = Troth(":memory:")

    async def stream() -> Any:
        yield 1

    def numbers() -> Any:
        yield 1

    def unresolved(n: "Missing") -> int:  # type: ignore[name-defined] # noqa: F821 - the mistake under test  # pyright: ignore[reportUndefinedVariable]
        return 1

    def plain() -> int:
        return 1

    with pytest.raises(DefinitionError, match="generator"):
        app.function(stream)
    with pytest.raises(DefinitionError, match="generator"):
        app.function(numbers)
    with pytest.raises(DefinitionError, match=r"'unresolved' cannot be resolved.*Missing"):
        app.function(unresolved)
    with pytest.raises(DefinitionError, match="version must be 1 or more"):
        app.function(version=0)(plain)
    with pytest.raises(DefinitionError, match="zero or more seconds"):
        app.function(timeout=-1)(plain)
    with pytest.raises(DefinitionError, match="zero or more seconds"):
        app.options(timeout=float("nan"))
    assert app.function(plain)() == 1


# --- calls


def test_unknown_functions_and_wrong_arguments_from_outside() -> None:
    app = Troth(":memory:")

    @app.function
    async def deliver(parcel: int, *, express: bool = False) -> int:
        return parcel

    async def story() -> None:
        rpc: Any = app.rpc
        with pytest.raises(UnknownFunctionError, match=r"no function 'delivre' is registered.*Did you mean 'deliver'"):
            await rpc("delivre", 1)
        with pytest.raises(UnknownFunctionError, match="Registered: deliver"):
            await rpc("x", 1)
        for args, kwargs in (((), {}), ((1, True), {}), ((1,), {"slow": True}), ((1,), {"parcel": 2})):
            with pytest.raises(ArgumentError, match=r"deliver\(parcel: int, \*, express: bool = False\)") as caught:
                await rpc(deliver, *args, **kwargs)
            assert isinstance(caught.value, TypeError)
        assert await rpc("deliver", 1, express=True) == 1

    play(app, story)


def test_a_function_that_no_worker_here_knows_stays_pending_and_is_served_once_it_is_known(tmp_path: Path) -> None:
    """A stored call outlives the program version that knew its function."""
    path = tmp_path / "troth.db"
    go = asyncio.Event()
    first = Troth(str(path))

    @first.function(key="gone")
    async def gone() -> int:
        await go.wait()
        return 1

    async def begin() -> None:
        await first.start(gone)

    play(first, begin)
    second = Troth(str(path))

    @second.function
    async def unrelated() -> int:
        return 2

    async def look() -> None:
        assert await second.rpc(unrelated) == 2
        assert not await (await second.get("gone")).done()

        @second.function(name="gone", key="gone")
        async def back() -> int:
            return 3

        assert await second.rpc(back) == 3

    play(second, look)


# --- files


@pytest.mark.parametrize(
    "content",
    [b"once upon a time\n" * 100, b"\0" * 4096, b"x", b"SQLite format 3\0" + b"\xff" * 2000],
    ids=["text", "zeros", "one byte", "a torn header"],
)
def test_a_file_that_is_not_ours_is_refused_and_not_touched(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    message = refused(path, StoreInvalidError)
    assert str(path) in message
    assert "not a troth store" in message
    assert "Give another location" in message
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "songs.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE songs (title)")
    connection.close()
    content = path.read_bytes()
    assert "another program's SQLite file" in refused(path, StoreInvalidError)
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["songs.db"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    path.touch()
    app, double = app_at(path)
    assert asyncio.run(_once(app, double)) == 4


async def _once(app: Troth, double: DurableFunction[[int], int, [int], int]) -> int:
    async with app:
        return await app.rpc(double, 2)


def test_a_file_of_a_newer_troth_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    app, double = app_at(path)
    asyncio.run(_once(app, double))
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 4_000)
    connection.close()
    content = path.read_bytes()
    message = refused(path, StoreTooNewError)
    assert "schema 4000" in message
    assert "Upgrade troth" in message
    assert path.read_bytes() == content


OWNER = """
import asyncio, sys
from troth import Troth
async def main():
    async with Troth(sys.argv[1]):
        print("open", flush=True)
        sys.stdin.readline()
asyncio.run(main())
"""


def test_a_file_that_another_process_owns_is_refused_naming_its_pid_until_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    command = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        message = refused(path, StoreOwnedError)
        assert f"process {owner.pid}" in message
        assert f"kill {owner.pid}" in message
        assert "troth get" in message
        app, double = app_at(path)
        with pytest.raises(StoreOwnedError) as caught:
            asyncio.run(_once(app, double))
        assert caught.value.owner_pid == owner.pid
        owner.communicate("\n")
    assert owner.returncode == 0
    assert asyncio.run(_once(app, double)) == 4


def test_a_file_that_another_app_of_this_process_owns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    first, double = app_at(path)
    second, double_too = app_at(path)

    async def story() -> None:
        assert await first.rpc(double, 1) == 2
        with pytest.raises(StoreOwnedError, match="open in this process already") as caught:
            await second.rpc(double_too, 2)
        assert caught.value.owner_pid == os.getpid()
        assert await first.rpc(double, 2) == 4
        await first.close()
        assert await second.rpc(double_too, 2) == 4
        await second.close()

    asyncio.run(story())


# --- places that cannot be written


def test_a_place_below_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refused(tmp_path / "file" / "below" / "troth.db", StoreReadOnlyError)
    assert str(tmp_path / "file") in message
    assert "check that its folder exists, is a folder and belongs to you" in message
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "troth.db").mkdir()
    message = refused(tmp_path / "troth.db", StoreError)
    assert str(tmp_path / "troth.db") in message


READ_ONLY = """
import asyncio, ctypes, os, sys
from troth import StoreReadOnlyError, Troth
folder = sys.argv[1]
if os.getuid() == 0:  # root may write anywhere, until it has given up its capabilities
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
async def main():
    for name in ("troth.db", "new.db", "new/troth.db", "closed/troth.db"):
        try:
            async with Troth(os.path.join(folder, name)):
                print("opened", name)
        except StoreReadOnlyError as error:
            print("refused", name, "give another location" in str(error))
asyncio.run(main())
"""


def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    app, double = app_at(folder / "troth.db")
    asyncio.run(_once(app, double))
    (folder / "troth.db").chmod(0o444)
    (folder / "closed").mkdir(mode=0)
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder)], capture_output=True, text=True, check=False, timeout=60
        )
    finally:
        folder.chmod(0o755)
    assert done.stdout.splitlines() == [
        "refused troth.db True",
        "refused new.db True",
        "refused new/troth.db True",
        "refused closed/troth.db True",
    ], done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["closed", "troth.db", "troth.db.lock"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://localhost:8001", r"http:// locations are not served.*sqlite:///"),
        ("postgresql://localhost/troth", "postgresql:// locations are not served"),
        ("mysql://localhost/x", "sqlite:///relative/path.db"),
        ("sqlite://", "sqlite:///relative/path.db"),
        ("sqlite://host/x.db", "sqlite:///relative/path.db"),
    ],
)
def test_a_location_that_names_no_store_is_refused_by_the_constructor(location: str, said: str) -> None:
    with pytest.raises(LocationError, match=said) as caught:
        Troth(location)
    assert isinstance(caught.value, ValueError)


# --- no space

FULL = """
import asyncio, os, resource, sys
from troth import Context, StoreFullError, Troth
path = sys.argv[1]
app = Troth(path)
entered = []

@app.function(key="small-{n}")
async def small(n: int) -> int:
    return n

@app.function(key="big-{n}")
async def big(n: int) -> str:
    entered.append(n)
    return "x" * 3_000_000

@app.function(key="whole")
async def whole(ctx: Context) -> int:
    await ctx.rpc(small, 1)
    return len(await ctx.rpc(big, 1))

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    async with app:
        assert await app.rpc(small, 0) == 0
        room(1_000_000)
        for verb in (app.rpc, app.run):
            try:
                await verb(whole)
            except StoreFullError as error:
                print("full", "Free some; the store goes on by itself" in str(error))
        handle = await app.get("small-0")
        print("reads", await handle.result())
        room(resource.RLIM_INFINITY)
        print("finished", await app.rpc(whole))
        print("whole is entered again", await app.rpc(small, 1))
asyncio.run(main())
"""


def test_a_full_disk_fails_the_call_and_the_same_call_finishes_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "troth.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.splitlines() == [
        "full True",
        "full True",
        "reads 0",
        "finished 3000000",
        "whole is entered again 1",
    ], done.stderr
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    assert dict(connection.execute("SELECT id, state FROM promises").fetchall()) == {
        "small-0": 1,
        "small-1": 1,
        "big-1": 1,
        "whole": 1,
    }
    connection.close()


# --- closed


def test_whoever_waits_when_the_app_is_closed_is_told(tmp_path: Path) -> None:
    app = Troth(str(tmp_path / "troth.db"))
    forever = asyncio.Event

    @app.function(key="slow-{n}")
    async def slow(n: int) -> int:
        await forever().wait()
        return n

    async def story() -> None:
        await app.start(slow, 0)
        handle = await app.get("slow-0")
        waiters = [
            asyncio.create_task(app.rpc(slow, 1)),
            asyncio.create_task(app.run(slow, 2)),
            asyncio.create_task(handle.result()),
        ]
        await _stored(app, "slow-1")
        await _stored(app, "slow-2")
        await app.close()
        for waiter in waiters:
            with pytest.raises(ClosedError, match="goes on when it is opened again"):
                await waiter

    asyncio.run(story())


async def _stored(app: Troth, id: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await app.get(id)
            except NotFoundError:
                continue
            return


def test_a_call_of_a_function_that_has_ended_is_refused() -> None:
    """A context kept beyond its function: the late call is refused or canceled, never stored."""
    app = Troth(":memory:")
    kept: list[Context] = []

    @app.function(key="leaf")
    async def leaf() -> int:
        return 1

    @app.function
    async def keeps(ctx: Context) -> int:
        kept.append(ctx)
        return 1

    async def story() -> None:
        assert await app.rpc(keeps) == 1
        with pytest.raises((TrothError, asyncio.CancelledError)):
            await kept[0].rpc(leaf)
        with pytest.raises(NotFoundError):
            await app.get("leaf")

    play(app, story)


def test_every_error_is_a_troth_error() -> None:
    errors = [each for each in vars(troth).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(errors) > 20
    assert all(issubclass(each, TrothError) for each in errors)
    assert Retry().attempts == 3
