"""A connection to SQLite as the store uses it: one cursor, rows as tuples, typed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

Row = tuple[Any, ...]
Wanted = Sequence[Any] | Mapping[str, Any]
"""What a statement's parameters are bound to, by place or by name."""

READ_ONLY: Final = apsw.SQLITE_OPEN_READONLY
READ_WRITE: Final = apsw.SQLITE_OPEN_READWRITE


class Database:
    """A connection and its one cursor: the rows of a statement are fetched before the next one runs."""

    def __init__(self, path: Path, flags: int) -> None:
        self._connection: Any = apsw.Connection(str(path), flags=flags)
        self._cursor: Any = self._connection.cursor()

    def one(self, sql: str, wanted: Wanted = ()) -> Row | None:
        """The first row. All are fetched: a statement that has not ended would keep the log from being emptied."""
        rows = self._cursor.execute(sql, wanted).fetchall()
        return rows[0] if rows else None

    def all(self, sql: str, wanted: Wanted = ()) -> list[Row]:
        """All rows."""
        return self._cursor.execute(sql, wanted).fetchall()

    def firsts(self, sql: str, wanted: Wanted = ()) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self._cursor.execute(sql, wanted)]

    def run(self, sql: str) -> None:
        """Run every statement of the text to its end."""
        self._cursor.execute(sql).fetchall()

    def run_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Run a statement that returns nothing once for each row of parameters."""
        self._cursor.executemany(sql, rows)

    def get_pragma(self, name: str) -> int | str:
        """The value of a setting."""
        return self._connection.pragma(name)

    def set_pragma(self, name: str, value: int | str) -> None:
        """Change a setting."""
        self._connection.pragma(name, value)

    @property
    def changed(self) -> int:
        """How many rows were written since the connection was opened."""
        return self._connection.total_changes()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun."""
        return self._connection.in_transaction

    @property
    def system_errno(self) -> int:
        """The operating system's error of the last call that failed."""
        return self._connection.system_errno

    def flush_log(self) -> None:
        """Make durable what the log holds and a crash may have left unflushed."""
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def empty_log(self) -> None:
        """Move the write-ahead log into the file, unless somebody is reading it."""
        self._connection.set_busy_timeout(0)
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self, *, leave_log: bool = False) -> None:
        """Close. Idempotent. ``leave_log``: touch the disk no more, the next opening finds all in the log."""
        if leave_log:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()


def read_head(path: Path, size: int) -> bytes:
    """The first bytes of a database file.

    Read through SQLite's own file layer: on POSIX systems, closing any other descriptor of the file would
    drop the locks of a connection that this process has to it.
    """
    kind = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
    file = apsw.VFSFile("", str(path), [kind, 0])
    try:
        return file.xRead(size, 0)
    finally:
        file.xClose()
