"""The embedded default: one SQLite file, one connection that writes, owned by one process.

Statements run on the event loop, where they take microseconds. Only the commit waits for the disk, and it
moves to a thread when the disk is slow, so that the loop can gather the next batch meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import apsw

from troth.errors import StoreError, StoreFailedError, StoreInvalidError
from troth.machine.footprint import Query
from troth.machine.view import Changes, Page, View

from .base import NOT_WRITTEN, Due, Invocation, Snapshot
from .database import Database
from .faults import read_only, store_error
from .files import (
    check_header,
    connect,
    connect_read_only,
    create_if_missing,
    holds_anything,
    migrate,
    prepare_folder,
)
from .ownership import Ownership
from .reader import Reader
from .statements import STATEMENTS, migrations
from .writer import Writer

INLINE_COMMIT_MS_MAX: Final = 1.0
"""Commits that take less on average run on the event loop: a hop to a thread and back is two turns of the loop, which
cost about as much as a short commit, and a function that waits for its commit waits for both."""

_SMOOTHING: Final = 0.1
"""Weight of the newest commit in the moving average."""

_NS_PER_MS: Final = 1_000_000
_CLOSED: Final = "the store is closed"
_WRITE: Final = "this store was opened only to read"

Result = TypeVar("Result")


class SqliteStore:
    """A store in one file. Made by ``open``, or by ``open_read_only`` beside a process that owns the file."""

    def __init__(self, path: Path, database: Database, ownership: Ownership | None) -> None:
        self.path = path
        self.failure: StoreFailedError | None = None
        self.reader = Reader(database)
        self.writer = Writer(database) if ownership is not None else None
        self._database = database
        self._ownership = ownership
        self._turn = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._working: asyncio.Future[Any] | None = None
        self._commit_ms = 0.0
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Own the file and write to it.

        It is created where there is none, with its folder, and migrated if older. Blocks for the milliseconds
        that opening a file takes.
        """
        path = path.absolute()
        prepare_folder(path.parent)
        with _told_plainly(path):
            path = path.resolve()
            if holds_anything(path):
                check_header(path)
            ownership = Ownership.take(path)
            try:
                create_if_missing(path)
                check_header(path)
                database = connect(path)
                try:
                    migrate(database, path, migrations())
                    database.flush_log()
                except BaseException:
                    database.close()
                    raise
            except BaseException:
                ownership.release()
                raise
        return cls(path, database, ownership)

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Read the file, whether or not another process owns it; each transaction sees one moment of it."""
        path = path.absolute()
        with _told_plainly(path):
            if not path.exists():
                message = f"{path} does not exist: nothing is stored there yet. Run something first."
                raise StoreError(message)
            path = path.resolve()
            check_header(path)
            return cls(path, connect_read_only(path), None)

    def transaction(self) -> "SqliteTransaction":
        """Begin a unit of work; a second one waits until the first has ended."""
        return SqliteTransaction(self)

    async def next_due_at(self) -> int | None:
        """The earliest instant at which ``due`` may find something."""
        return await self._read(self.reader.next_due_at)

    async def next_retry_at(self, after: int) -> int | None:
        """The earliest ``retry_at`` later than ``after``."""
        return await self._read(partial(self.reader.next_retry_at, after))

    async def snapshot(self) -> Snapshot:
        """All that is stored."""
        return await self._read(self.reader.snapshot)

    async def quick_check(self) -> None:
        """Read the whole file, in a thread; raises `StoreInvalidError` with what is wrong with it."""
        async with self._turn:
            with self.guarded():
                faults = await self._in_thread(self.reader.faults)
        if faults:
            raise StoreInvalidError(
                f"{self.path} is damaged: {'; '.join(faults)}. Restore a backup, or copy what is "
                "readable with `sqlite3 FILE .recover`."
            )

    def disk_bytes(self) -> int:
        """What the store takes on disk, its write-ahead log included."""
        return _size(self.path) + _size(self._log)

    async def close(self) -> None:
        """Move the log into the file, let another process own it. Idempotent."""
        async with self._turn:
            if self._closed:
                return
            self._closed = True
            if self._thread is not None:
                self._thread.shutdown()
            self._database.close(leave_log=not self._empty_log())
            if self._ownership is not None:
                self._ownership.release()

    # --- for the transaction

    async def begin(self) -> None:
        """Wait for the turn. A store opened only to read begins to look at one moment of the file."""
        await self._turn.acquire()
        try:
            with self.guarded():
                if self.writer is None:
                    self._database.run(STATEMENTS["begin_read"])
        except BaseException:
            self._turn.release()
            raise

    def begin_write(self) -> Writer:
        """Take SQLite's write lock, once. We own the file, so what was read before it still holds."""
        if self.writer is None:
            raise read_only(self.path, _WRITE)
        if not self._database.in_transaction:
            self._database.run(STATEMENTS["begin_write"])
        return self.writer

    async def end(self, *, keep: bool) -> None:
        """Commit or roll back what was written, and pass the turn on."""
        try:
            if self._database.in_transaction:
                with self.guarded():
                    if keep and self.writer is not None:
                        await self._commit()
                    else:
                        self._database.run(STATEMENTS["rollback"])
        finally:
            self._turn.release()

    @contextmanager
    def guarded(self) -> Generator[None]:
        """Errors of SQLite become ours; after one that leaves a commit in doubt, nothing is done any more."""
        if self.failure is not None:
            raise self.failure
        if self._closed:
            raise StoreError(_CLOSED)
        try:
            yield
        except apsw.Error as error:
            refusal = store_error(error, self.path, self._database.system_errno)
            if isinstance(refusal, StoreFailedError):
                self.failure = refusal
            raise refusal from error

    # --- committing

    async def _commit(self) -> None:
        try:
            if self._commit_ms <= INLINE_COMMIT_MS_MAX:
                self._commit_now()
            else:
                await self._in_thread(self._commit_now)
        except apsw.Error:
            if self._database.in_transaction:
                with suppress(apsw.Error):
                    self._database.run(STATEMENTS["rollback"])
            raise

    def _commit_now(self) -> None:
        started = time.perf_counter_ns()
        self._database.run(STATEMENTS["commit"])
        took_ms = (time.perf_counter_ns() - started) / _NS_PER_MS
        self._commit_ms += _SMOOTHING * (took_ms - self._commit_ms)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        """Run it in the one thread. Whoever is cancelled meanwhile still waits: the connection is in use."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="troth-sqlite")
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._working = future
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as error:
                cancelled = error
        self._working = None
        result = future.result()
        if cancelled is not None:
            raise cancelled
        return result

    async def _read(self, work: Callable[[], Result]) -> Result:
        while self._working is not None:
            await asyncio.wait([self._working])
        with self.guarded():
            return work()

    @property
    def _log(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def _empty_log(self) -> bool:
        """Whether it went well. What is in the log is durable there; the next opening can move it as well."""
        if self.failure is not None:
            return False
        if self._ownership is None:
            return _size(self._log) == 0  # what a crashed owner left there is the next owner's to move
        try:
            self._database.empty_log()
        except apsw.BusyError:
            return True
        except apsw.Error:
            return False
        return True


class SqliteTransaction:
    """A unit of work on a `SqliteStore`."""

    __slots__ = ("_defect", "_reader", "_store")

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._reader = store.reader
        self._defect: BaseException | None = None

    async def __aenter__(self) -> Self:
        await self._store.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.end(keep=error is None and self._defect is None)
        if error is None and self._defect is not None:
            raise StoreError(NOT_WRITTEN) from self._defect

    async def load(self, view: View, promise_ids: Iterable[str], schedule_ids: Iterable[str] = ()) -> None:
        """Put the promises with their tasks, and the schedules, into the view; absent ones as None."""
        with self._store.guarded():
            self._reader.load(view, promise_ids, schedule_ids)

    async def load_subscriptions(self, view: View, promise_ids: Iterable[str], limit: int) -> None:
        """Put who waits for each promise into ``view.subscriptions``, at most ``limit`` of each kind."""
        with self._store.guarded():
            self._reader.load_subscriptions(view, promise_ids, limit)

    async def search(self, query: Query) -> Page:
        """What the query finds."""
        with self._store.guarded():
            return self._reader.search(query)

    async def await_path(self, from_id: str, to_id: str) -> tuple[str, ...]:
        """The shortest chain of call edges over pending promises from one id to another; empty if none."""
        with self._store.guarded():
            return self._reader.await_path(from_id, to_id)

    async def apply(self, changes: Changes) -> None:
        """Write the changes."""
        try:
            with self._store.guarded():
                self._store.begin_write().write(changes)
        except BaseException as defect:
            self._defect = defect
            raise

    async def due(self, now: int, limit: int) -> Due:
        """Whatever is due at ``now``, at most ``limit`` of each kind."""
        with self._store.guarded():
            return self._reader.due(now, limit)

    async def runnable(self, target: str, now: int, limit: int) -> tuple[Invocation, ...]:
        """Pending tasks for a target whose ``retry_at`` has come, the longest waiting first."""
        with self._store.guarded():
            return self._reader.runnable(target, now, limit)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@contextmanager
def _told_plainly(path: Path) -> Generator[None]:
    """Errors of opening, as ours."""
    try:
        yield
    except apsw.Error as error:
        raise store_error(error, path) from error
    except OSError as error:
        raise read_only(path, error.strerror or str(error)) from error
