import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from troth.errors import (
    StoreError,
    StoreFailedError,
    StoreFullError,
    StoreInvalidError,
    StoreOwnedError,
    StoreReadOnlyError,
    StoreTooNewError,
)
from troth.machine.effects import PutPromise
from troth.machine.footprint import PromiseQuery
from troth.protocol.records import NEVER, Value
from troth.stores import sqlite
from troth.stores.files import LOG_BYTES
from troth.stores.sqlite import SqliteStore
from troth.testing.samples import promise
from troth.testing.writing import Pair, create, load, put, search

BIG = Value(data="A" * 100_000)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "troth.db"


def _store(path, work):
    """Open a store, do the work with it, close it."""

    async def run():
        store = SqliteStore.open(path)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def _ids(store):
    return [each.id for each in (await store.snapshot()).promises]


def test_what_was_written_is_there_again(path):
    _store(path, lambda store: create(store, promise()))
    assert _store(path, lambda store: load(store, "p")) == Pair(promise(), None)
    assert sorted(file.name for file in path.parent.iterdir()) == ["troth.db", "troth.db.lock"]


def test_files_are_for_this_user_only(path):
    async def modes(store):
        await create(store, promise())
        return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}

    names = ("troth.db", "troth.db-wal", "troth.db-shm", "troth.db.lock")
    assert _store(path, modes) == dict.fromkeys(names, 0o600)


def test_a_name_and_a_link_to_it_are_one_store(path, tmp_path):
    async def reopen(_):
        (tmp_path / "link.db").symlink_to(path)
        with pytest.raises(StoreOwnedError):
            SqliteStore.open(tmp_path / "link.db")

    _store(path, reopen)


def test_another_programs_file_is_refused_with_nothing_beside_it(tmp_path):
    (tmp_path / "notes.txt").write_text("my notes, no store")
    with pytest.raises(StoreInvalidError):
        SqliteStore.open(tmp_path / "notes.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_refused_file_is_not_kept_owned(path):
    _store(path, lambda store: create(store, promise()))
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    for _ in range(2):
        with pytest.raises(StoreTooNewError):
            SqliteStore.open(path)


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnlyError, match="give another location"):
        SqliteStore.open(tmp_path / "file" / "troth.db")


# --- reading beside the owner


def test_a_missing_file_cannot_be_read(path):
    with pytest.raises(StoreError, match="nothing is stored there yet"):
        SqliteStore.open_read_only(path)
    assert not path.parent.exists()


def test_a_reader_sees_what_is_committed_and_writes_nothing(path):
    async def work(owner):
        await create(owner, promise("a"))
        reader = SqliteStore.open_read_only(path)
        async with owner.transaction() as tx:
            await put(tx, PutPromise(promise("b")))
            assert await _ids(reader) == ["a"]
        assert await _ids(reader) == ["a", "b"]
        with pytest.raises(StoreReadOnlyError, match="only to read"):
            await create(reader, promise("c"))
        await reader.close()
        await create(owner, promise("d"))
        return await _ids(owner)

    assert _store(path, work) == ["a", "b", "d"]


def test_a_reader_sees_one_moment_a_transaction(path):
    async def work(owner):
        reader = SqliteStore.open_read_only(path)
        query = PromiseQuery(None, (), "", 10, None)
        async with reader.transaction() as tx:
            assert (await tx.search(query)).promises == ()
            await create(owner, promise())
            assert (await tx.search(query)).promises == ()
        found = await search(reader, query)
        await reader.close()
        return found.promises

    assert _store(path, work) == (promise(),)


# --- other processes

WRITE = """
import asyncio, sys
from pathlib import Path
from troth.stores.sqlite import SqliteStore
from troth.testing.samples import promise
from troth.testing.writing import create

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    for number in range(1_000_000):
        await create(store, *(promise(f"{number}-{n}") for n in range(int(sys.argv[2]))))
        print(number, flush=True)

asyncio.run(main())
"""


def _acknowledged(process, count):
    return [int(process.stdout.readline()) for _ in range(count)]


@pytest.mark.parametrize("batch", [1, 7])
def test_what_was_acknowledged_survives_a_kill(path, batch):
    command = [sys.executable, "-c", WRITE, str(path), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        _acknowledged(process, 25)
        with pytest.raises(StoreOwnedError) as refusal:
            SqliteStore.open(path)
        assert refusal.value.owner_pid == process.pid
        process.send_signal(signal.SIGKILL)
        rest = [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
    last = max([24, *rest])

    async def work(store):
        await store.quick_check()
        return await _ids(store)

    found = _store(path, work)
    assert len(found) % batch == 0
    assert last + 1 <= len(found) // batch <= last + 2
    assert found[: (last + 1) * batch] == [f"{number}-{n}" for number in range(last + 1) for n in range(batch)]


def test_what_a_crash_left_in_the_log_is_flushed_before_it_is_served(path):
    command = [sys.executable, "-c", WRITE, str(path), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        _acknowledged(process, 5)
        process.kill()

    async def work(store):
        assert b"4-0" in path.read_bytes()

    assert b"4-0" not in path.read_bytes()
    _store(path, work)


def test_a_reader_works_beside_a_writing_process(path):
    command = [sys.executable, "-c", WRITE, str(path), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        _acknowledged(process, 3)
        reader = SqliteStore.open_read_only(path)
        assert len(asyncio.run(_ids(reader))) >= 6
        asyncio.run(reader.close())
        _acknowledged(process, 3)
        process.kill()


# --- no room

LIMITED = """
import asyncio, os, resource, sys
from pathlib import Path
from troth.errors import StoreFullError
from troth.stores.sqlite import SqliteStore
from troth.testing.samples import promise
from troth.testing.writing import create
from troth.protocol.records import Value

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    await create(store, promise("before"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await create(store, promise("big", param=Value(data="A" * 1_000_000)), promise("with it"))
    except StoreFullError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await create(store, promise("after"))
    await store.quick_check()
    print([each.id for each in (await store.snapshot()).promises])
    await store.close()

asyncio.run(main())
"""


def test_a_file_size_limit_costs_one_batch_and_nothing_else(path):
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, check=True, text=True)
    refusal, found = done.stdout.splitlines()
    assert "no space left" in refusal
    assert found == "['before', 'after']"
    assert _store(path, _ids) == ["before", "after"]


def test_a_full_disk_costs_one_batch_and_nothing_else(path):
    async def work(store):
        await create(store, promise("before"))
        store._database.set_pragma("max_page_count", store._database.get_pragma("page_count") + 2)
        with pytest.raises(StoreFullError, match="nothing of the batch was written"):
            await create(store, promise("small"), promise("big", param=BIG))
        store._database.set_pragma("max_page_count", 1_000_000)
        await create(store, promise("after", param=BIG))
        return await _ids(store)

    assert _store(path, work) == ["before", "after"]


def test_a_lock_of_another_program_is_waited_for_and_then_told(path):
    async def work(store):
        store._database.set_pragma("busy_timeout", 1)
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds"):
            await create(store, promise("a"))
        other.execute("ROLLBACK")
        other.close()
        await create(store, promise("b"))
        return await _ids(store)

    assert _store(path, work) == ["b"]


# --- a commit in doubt


class Failing:
    """A database whose commits fail; everything else is passed on."""

    def __init__(self, database, error):
        self._database = database
        self._error = error
        self.commits = 0

    def __getattr__(self, name):
        return getattr(self._database, name)

    def run(self, sql):
        if sql == "COMMIT":
            self.commits += 1
            raise self._error
        self._database.run(sql)


def test_a_commit_that_fails_stops_the_store_for_good(path):
    async def work(store):
        await create(store, promise("before"))
        store._database = failing = Failing(store._database, apsw.IOError("disk I/O error"))
        with pytest.raises(StoreFailedError, match="may or may not be stored"):
            await create(store, promise("doubtful"))
        for _ in range(2):
            with pytest.raises(StoreFailedError):
                await create(store, promise("after"))
            with pytest.raises(StoreFailedError):
                await store.next_due_at()
        assert failing.commits == 1

    _store(path, work)
    assert _store(path, _ids) == ["before"]


def test_a_commit_without_room_does_not_stop_it(path):
    async def work(store):
        database = store._database
        store._database = Failing(database, apsw.FullError("database or disk is full"))
        with pytest.raises(StoreFullError):
            await create(store, promise("a"))
        store._database = database
        await create(store, promise("b"))
        return await _ids(store)

    assert _store(path, work) == ["b"]


# --- slow disks


class Slow:
    """A database whose commits wait until they are let go, and tell which thread ran them."""

    def __init__(self, database):
        self._database = database
        self.begun, self.gate = threading.Event(), threading.Event()
        self.threads = []

    def __getattr__(self, name):
        return getattr(self._database, name)

    def run(self, sql):
        if sql == "COMMIT":
            self.threads.append(threading.current_thread().name)
            self.begun.set()
            self.gate.wait(10)
        self._database.run(sql)


def _slowed(store):
    store._commit_ms = 2 * sqlite.INLINE_COMMIT_MS_MAX
    store._database = Slow(store._database)
    return store._database


def test_slow_commits_leave_the_loop_free(path):
    async def work(store):
        slow = _slowed(store)
        writing = asyncio.create_task(create(store, promise("a")))
        reading = asyncio.create_task(store.next_due_at())
        waiting = asyncio.create_task(create(store, promise("b")))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(each.done() for each in (writing, reading, waiting))
        slow.gate.set()
        await asyncio.gather(writing, waiting)
        assert await reading == promise().timeout_at
        return slow.threads, await _ids(store)

    threads, ids = _store(path, work)
    assert ids == ["a", "b"]
    assert threads[0].startswith("troth-sqlite")


def test_commits_come_back_to_the_loop_when_they_are_fast_again(path):
    async def work(store):
        slow = _slowed(store)
        slow.gate.set()
        store._commit_ms = 1.01 * sqlite.INLINE_COMMIT_MS_MAX
        for number in range(200):
            await create(store, promise(f"p{number}", timeout_at=NEVER))
            if slow.threads[-1] == "MainThread":
                return slow.threads
        return slow.threads

    threads = _store(path, work)
    assert threads[0].startswith("troth-sqlite")


def test_who_is_cancelled_during_a_commit_waits_for_its_end(path):
    async def work(store):
        slow = _slowed(store)
        writing = asyncio.create_task(create(store, promise("a")))
        await asyncio.to_thread(slow.begun.wait, 10)
        for _ in range(3):
            writing.cancel()
            await asyncio.sleep(0)
        assert not writing.done()
        slow.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        return await _ids(store)

    assert _store(path, work) == ["a"]


def test_a_transaction_that_writes_nothing_commits_nothing(path):
    async def work(store):
        store._database = failing = Failing(store._database, apsw.IOError())
        await load(store, "p")
        return failing.commits

    assert _store(path, work) == 0


# --- damage


def _flip(path, at, count):
    with path.open("r+b") as file:
        file.seek(at)
        old = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in old))


def _filled(path):
    _store(path, lambda store: create(store, *(promise(f"p{n}", param=Value(data="x" * 500)) for n in range(500))))
    return path.stat().st_size


def test_a_sound_file_passes_the_check(path):
    _filled(path)
    _store(path, lambda store: store.quick_check())


def test_flipped_bits_are_found_by_the_check(path):
    size = _filled(path)
    for page in range(40, size // 4096 - 1, 7):
        _flip(path, page * 4096, 16)

    async def work(store):
        with pytest.raises(StoreInvalidError, match=r"damaged|not a troth store"):
            await store.quick_check()
        with pytest.raises(StoreInvalidError):
            await store.snapshot()

    _store(path, work)


def test_a_torn_file_is_found_by_the_check(path):
    size = _filled(path)
    os.truncate(path, size - 5 * 4096)

    with pytest.raises(StoreInvalidError, match="damaged"):
        _store(path, lambda store: store.quick_check())


# --- what the schema itself refuses


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE promises SET state = 2 WHERE id = 's'",
        "UPDATE promises SET value_data = 'x' WHERE id = 's'",
        "UPDATE promises SET settled_at = 1 WHERE id = 's'",
        *(
            f"UPDATE promises SET {column} = '1' WHERE id = 'p'"
            for column in ("id", "timeout_at", "created_at", "target", "branch", "tags", "param_data", "param_headers")
        ),
        "DELETE FROM promises WHERE id = 'p'",
        "DELETE FROM promises",
    ],
)
def test_no_statement_changes_what_is_permanent(path, sql):
    async def work(store):
        settled = promise("s").timed_out()
        await create(store, promise("p"), settled)
        with pytest.raises(apsw.ConstraintError, match="permanent"):
            store._database.run(sql)
        return await store.snapshot()

    assert _store(path, work).promises == (promise("p"), promise("s").timed_out())


def test_the_size_on_disk_counts_the_log(path):
    async def work(store):
        return path.stat().st_size, store.disk_bytes()

    file, both = _store(path, work)
    assert both - file == LOG_BYTES


def test_no_file_is_left_open(path):
    def open_files():
        return [link for link in Path("/proc/self/fd").iterdir() if str(path.parent) in os.path.realpath(link)]

    _store(path, lambda store: create(store, promise()))
    assert open_files() == []
    store = SqliteStore.open(path)
    assert len(open_files()) >= 2
    asyncio.run(store.close())
    assert open_files() == []
