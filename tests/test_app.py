"""Opening, closing and opening again, through the public API: nothing starts by itself, nothing is lost."""

import asyncio
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from troth import ClosedError, Context, DurableFunction, Handle, NotFoundError, Troth, WorkerSettings, WrongLoopError

Double = DurableFunction[[int], int, [int], int]


def app_at(location: str | Path | None, entered: list[int] | None = None) -> tuple[Troth, Double]:
    app = Troth(None if location is None else str(location))

    @app.function(key="double-{n}")
    def double(n: int) -> int:
        if entered is not None:
            entered.append(n)
        return 2 * n

    return app, double


async def stored(app: Troth, id: str) -> None:
    """Give way until there is such a promise."""
    async with asyncio.timeout(10):
        while True:
            try:
                await app.get(id)
            except NotFoundError:
                continue
            return


def script(code: str, *args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the code as a program of its own in the folder."""
    command = [sys.executable, "-W", "error", "-c", code, *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


# --- the constructor


def test_the_constructor_and_the_decorator_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    threads = threading.enumerate()
    opened = Path("/proc/self/fd")
    descriptors = len(list(opened.iterdir())) if opened.exists() else 0
    for location in (None, "sqlite:///jobs.db", str(tmp_path / "deep" / "er" / "x.db"), ":memory:"):
        app, double = app_at(location)
        assert double(2) == 4
        app.options(timeout=5)
        assert app.blocking is not None
    assert threading.enumerate() == threads
    assert list(tmp_path.iterdir()) == []
    if descriptors:
        assert len(list(opened.iterdir())) == descriptors


# --- where


def test_the_default_place_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TROTH_URL", raising=False)
    app, double = app_at(None)
    assert asyncio.run(_once(app, double)) == 4
    assert (tmp_path / ".troth" / "troth.db").is_file()
    assert (tmp_path / ".troth" / ".gitignore").read_text() == "*\n"
    assert (tmp_path / ".troth").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".troth" / "troth.db").stat().st_mode & 0o077 == 0


def test_troth_url_names_the_place_unless_the_program_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TROTH_URL", "sqlite:///from/environment.db")
    app, double = app_at(None)
    assert asyncio.run(_once(app, double)) == 4
    assert (tmp_path / "from" / "environment.db").is_file()
    own, double = app_at("own.db")
    assert asyncio.run(_once(own, double)) == 4
    assert (tmp_path / "own.db").is_file()
    absolute, double = app_at(f"sqlite:///{tmp_path}/absolute%20path.db")
    assert asyncio.run(_once(absolute, double)) == 4
    assert (tmp_path / "absolute path.db").is_file()
    assert not (tmp_path / ".troth").exists()


def test_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app, double = app_at(":memory:")
    assert asyncio.run(_once(app, double)) == 4
    assert list(tmp_path.iterdir()) == []


async def _once(app: Troth, double: Double) -> int:
    async with app:
        return await app.rpc(double, 2)


# --- first use


@pytest.mark.parametrize("place", ["memory", "file"])
def test_the_first_use_opens_and_concurrent_first_uses_open_once(place: str, tmp_path: Path) -> None:
    entered: list[int] = []
    app, double = app_at(":memory:" if place == "memory" else tmp_path / "troth.db", entered)

    async def story() -> None:
        calls = [app.rpc(double, n % 5) if n % 2 else app.run(double, n % 5) for n in range(50)]
        assert await asyncio.gather(*calls) == [2 * (n % 5) for n in range(50)]
        assert sorted(entered) == [0, 1, 2, 3, 4]
        await app.close()

    asyncio.run(story())


@pytest.mark.parametrize("closing", [True, False], ids=["closed", "left open"])
def test_two_event_loops_one_after_another_use_one_app(closing: bool, tmp_path: Path) -> None:
    entered: list[int] = []
    app, double = app_at(tmp_path / "troth.db", entered)

    async def story(n: int) -> int:
        try:
            return await app.rpc(double, 1) + await app.rpc(double, n)
        finally:
            if closing:
                await app.close()

    assert asyncio.run(story(2)) == 6
    assert asyncio.run(story(3)) == 8
    assert asyncio.run(story(2)) == 6
    assert entered == [1, 2, 3]

    async def last() -> None:
        await app.rpc(double, 4)
        await app.close()

    asyncio.run(last())


def test_async_with_twice_and_close_twice(tmp_path: Path) -> None:
    entered: list[int] = []
    app, double = app_at(tmp_path / "troth.db", entered)

    async def story() -> None:
        for n in (1, 2, 1):
            async with app as opened:
                assert opened is app
                assert await app.rpc(double, n) == 2 * n
        await app.close()
        await app.close()

    asyncio.run(story())
    asyncio.run(story())
    assert entered == [1, 2]


def test_the_same_app_on_two_running_loops_is_refused() -> None:
    app, double = app_at(":memory:")

    def elsewhere() -> None:
        async def second() -> None:
            with pytest.raises(WrongLoopError, match="open on another event loop"):
                await app.rpc(double, 1)

        asyncio.run(second())

    async def story() -> None:
        async with app:
            await asyncio.to_thread(elsewhere)
            assert await app.rpc(double, 1) == 2

    asyncio.run(story())


def test_an_opening_that_failed_is_tried_again_at_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("in the way")
    app, double = app_at(tmp_path / "x" / "troth.db")

    async def story() -> None:
        failed = await asyncio.gather(*(app.rpc(double, 1) for _ in range(5)), return_exceptions=True)
        assert {type(each).__name__ for each in failed} == {"StoreReadOnlyError"}
        (tmp_path / "x").unlink()
        assert await app.rpc(double, 1) == 2
        await app.close()

    asyncio.run(story())


# --- while it is open


@pytest.mark.parametrize("group", ["default", "another"])
def test_functions_registered_after_opening_are_served(group: str) -> None:
    app, double = app_at(":memory:")

    async def story() -> None:
        async with app:
            assert await app.rpc(double, 1) == 2

            @app.function(group=group)
            async def triple(ctx: Context, n: int) -> int:
                return await ctx.rpc(double, n) + n

            assert await app.rpc(triple, 2) == 6

    asyncio.run(story())


# --- closing in mid-run


def test_closing_gives_work_back_and_a_reopened_app_finishes_it(tmp_path: Path) -> None:
    entered: list[str] = []
    stopped: list[str] = []
    app = Troth(str(tmp_path / "troth.db"))
    reached = asyncio.Event()

    @app.function
    async def step(name: str) -> str:
        entered.append(name)
        return name

    @app.function(key="flow-{n}")
    async def flow(ctx: Context, n: int) -> str:
        entered.append("flow")
        found = await ctx.run(step, "local") + await ctx.rpc(step, "remote")
        if "go" not in entered:
            try:
                reached.set()
                await asyncio.Event().wait()
            finally:
                stopped.append("flow")
        return found

    async def begin() -> None:
        async with app:
            waiting = asyncio.create_task(app.rpc(flow, 1))
            await reached.wait()
        with pytest.raises(ClosedError, match="goes on when it is opened again"):
            await waiting

    asyncio.run(begin())
    assert stopped == ["flow"]
    entered += ["go"]

    async def finish() -> None:
        async with app:
            handle: Handle[str] = await app.get("flow-1", str)
            assert await handle.result() == "localremote"

    asyncio.run(finish())
    assert entered == ["flow", "local", "remote", "go", "flow"]


def test_a_handle_outlives_its_app_being_closed_and_opened(tmp_path: Path) -> None:
    app, double = app_at(tmp_path / "troth.db")
    handles: list[Handle[int]] = []

    async def begin() -> None:
        async with app:
            handles.append(await app.start(double, 4))

    async def later() -> None:
        async with app:
            assert await handles[0].result() == 8
            assert await handles[0].done()

    asyncio.run(begin())
    asyncio.run(later())


def test_closing_while_hundreds_wait_leaves_nothing_running(tmp_path: Path) -> None:
    app = Troth(str(tmp_path / "troth.db"))

    @app.function
    async def waits(ctx: Context, n: int) -> None:
        await asyncio.gather(ctx.promise(f"a{n}"), ctx.promise(f"b{n}"))

    @app.function
    def waits_on_a_stack(ctx: Context, n: int) -> None:
        ctx.promise(f"c{n}").wait()

    async def story() -> None:
        async with app:
            for n in range(100):
                await app.options(id=f"w{n}").start(waits, n)
                await app.options(id=f"s{n}").start(waits_on_a_stack, n)
            await stored(app, "s99.promise-c99")
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(story())


def test_what_waits_in_memory_is_finished_after_eviction_and_reopening(tmp_path: Path) -> None:
    entered: list[int] = []

    def fresh() -> tuple[Troth, DurableFunction[[int], int, [Context, int], object]]:
        app = Troth(str(tmp_path / "troth.db"), worker=WorkerSettings(residents_max=3, linger_ms=0))

        @app.function
        async def step(n: int) -> int:
            entered.append(n)
            return n

        @app.function(key="flow-{n}")
        async def flow(ctx: Context, n: int) -> int:
            return await ctx.run(step, n) + await ctx.promise("add", int)

        return app, flow  # pyright: ignore[reportReturnType]

    first, flow = fresh()

    async def begin() -> None:
        async with first:
            for n in range(20):
                await first.start(flow, n)
            for n in range(20):
                await stored(first, f"flow-{n}.promise-add")

    asyncio.run(begin())
    second, flow = fresh()

    async def finish() -> None:
        async with second:
            for n in range(20):
                await second.resolve(f"flow-{n}.promise-add", 100)
            found = await asyncio.gather(*(second.rpc(flow, n) for n in range(20)))
            assert found == [100 + n for n in range(20)]

    asyncio.run(finish())
    assert sorted(entered) == list(range(20))


# --- scripts

SCRIPT = """
from troth import Context, Troth
app = Troth()
@app.function(key="factorial-{n}")
def factorial(ctx: Context, n: int) -> int:
    print("entered", n)
    return 1 if n <= 1 else n * ctx.rpc(factorial, n - 1).wait()
print(app.blocking.rpc(factorial, 3))
handle = app.blocking.start(factorial, 4)
print(handle.id, handle.result())
"""


def test_a_script_without_a_loop_opens_at_first_use_and_closes_at_exit(tmp_path: Path) -> None:
    first, second = script(SCRIPT, folder=tmp_path), script(SCRIPT, folder=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.split("\n") == ["entered 3", "entered 2", "entered 1", "6", "entered 4", "factorial-4 24", ""]
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.split("\n") == ["6", "factorial-4 24", ""]
    assert not (tmp_path / ".troth" / "troth.db-wal").exists(), "it was not closed"


ASYNC_SCRIPT = """
import asyncio
from troth import Troth
app = Troth()
@app.function(key="double-{n}")
async def double(n: int) -> int:
    return 2 * n
async def main():
    print(await app.rpc(double, 2))
asyncio.run(main())
asyncio.run(main())
"""


def test_a_script_that_never_closes_ends_cleanly_and_loses_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        done = script(ASYNC_SCRIPT, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "4\n4\n", "")


# --- the progress line

LONG = """
import sys
from troth import Troth
app = Troth(":memory:")
@app.function
def waits() -> int:
    sys.stdin.readline()
    return 1
print(app.blocking.rpc(waits), flush=True)
"""


def test_a_long_run_shows_a_line_at_a_terminal_and_only_there(tmp_path: Path) -> None:
    terminal, its_end = pty.openpty()
    command = [sys.executable, "-c", LONG]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=its_end, text=True, cwd=tmp_path) as shown:
        os.close(its_end)
        said = _read_until(terminal, lambda text: "0:01" in text)
        out, _ = shown.communicate("\n")
    assert out == "1\n"
    assert "waits" in said
    assert "1 running" in said
    assert shown.returncode == 0
    os.close(terminal)
    quiet = subprocess.run(command, input="\n", capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert (quiet.stdout, quiet.stderr) == ("1\n", "")


def _read_until(descriptor: int, enough: Callable[[str], bool]) -> str:
    text = ""
    while not enough(text):
        text += os.read(descriptor, 1024).decode()
    return text


def test_a_call_made_while_the_app_closes_opens_it_again_afterwards(tmp_path: Path) -> None:
    app, double = app_at(tmp_path / "troth.db")

    async def work() -> int:
        await app.rpc(double, 1)
        closing = asyncio.create_task(app.close())
        await asyncio.sleep(0)
        result = await app.rpc(double, 2)
        await closing
        await app.close()
        return result

    assert asyncio.run(work()) == 4


def test_closing_while_the_app_opens_closes_it(tmp_path: Path) -> None:
    app, _ = app_at(tmp_path / "troth.db")
    other, double = app_at(tmp_path / "troth.db")

    async def work() -> int:
        opening = asyncio.create_task(app.__aenter__())
        await asyncio.sleep(0)
        await app.close()
        await opening
        async with other:  # would be refused if the first still owned the file
            return await other.rpc(double, 3)

    assert asyncio.run(work()) == 6
