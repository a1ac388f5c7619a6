"""The SQLite store's file: made whole or not at all, recognised before it is touched, migrated if older."""

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import apsw

from troth.errors import StoreError, StoreTooNewError

from .database import READ_ONLY, READ_WRITE, Database, read_head
from .faults import invalid, read_only, store_error
from .statements import STATEMENTS, migrations, schema

APPLICATION_ID: Final = 0x74726F74
"""``trot`` in ASCII, in the header of every store: how a file of ours is told from any other SQLite file."""

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100

LOG_BYTES: Final = 8 << 20
"""What is reserved of the write-ahead log: all that it has between two checkpoints, 2,000 frames of 4,120 bytes and
some for the commit that goes beyond. Written in some 30 ms."""

PRAGMAS: Final[Mapping[str, int | str]] = {
    "busy_timeout": 5_000,  # ms a backup tool may hold the file
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: what is acknowledged survives a power cut
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 64 << 20,
    "wal_autocheckpoint": 2_000,  # pages: 8 MiB of log; each checkpoint stalls a commit for some ms
}
"""Settings of every connection that writes, asserted by reading them back."""


def prepare_folder(folder: Path) -> None:
    """Create the folder for this user only. One named ``.troth`` also keeps itself out of version control."""
    try:
        if folder.is_dir():
            return
        folder.mkdir(mode=0o700, parents=True)
        if folder.name == ".troth":
            (folder / ".gitignore").write_text("*\n", "utf-8")
        _flush_folder(folder.parent)
    except OSError as error:
        raise read_only(folder, error.strerror or str(error)) from error


def create_if_missing(path: Path) -> None:
    """Make a new store where there is none: built under another name, then renamed, so it is there whole."""
    if holds_anything(path):
        return
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode=0o600))
    database = Database(draft, READ_WRITE)
    try:
        database.run(STATEMENTS["begin_write"])
        database.run(schema())
        database.run(STATEMENTS["create_meta"])
        database.set_pragma("application_id", APPLICATION_ID)
        database.set_pragma("user_version", len(migrations()))
        database.run(STATEMENTS["commit"])
    finally:
        database.close()
    draft.rename(path)
    _flush_folder(path.parent)


def holds_anything(path: Path) -> bool:
    """Whether there is a file that is not empty."""
    return path.exists() and path.stat().st_size > 0


def check_header(path: Path) -> None:
    """Refuse what is not ours, or newer than we are, before SQLite could change a byte of it."""
    try:
        header = read_head(path, _HEADER_BYTES)
    except apsw.IOError as error:
        raise invalid(path, str(error)) from error
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise invalid(path, "it is not an SQLite file")
    user_version, application_id = struct.unpack(">i4xi", header[60:72])
    if application_id != APPLICATION_ID:
        raise invalid(path, "it is another program's SQLite file")
    check_version(path, user_version, len(migrations()))


def connect(path: Path) -> Database:
    """A connection that writes, with its settings in force."""
    reserve_log(path)
    database = Database(path, READ_WRITE)
    try:
        for name, wanted in PRAGMAS.items():
            database.set_pragma(name, wanted)
            taken = database.get_pragma(name)
            if taken != wanted:
                message = f"{path}: the setting {name} = {wanted} was not taken, it is {taken}"
                raise StoreError(message)
    except BaseException:
        database.close()
        raise
    return database


def reserve_log(path: Path) -> None:
    """Give an empty write-ahead log its room on the disk at once.

    A commit that overwrites what is there takes half as long as one that lengthens the file, whose every sync has to
    write the file system's journal too. SQLite takes a log of zeros for an empty one. Without room for it, it grows as
    it always does.
    """
    log = path.with_name(path.name + "-wal")
    if holds_anything(log):
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        os.write(handle, bytes(LOG_BYTES))
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def connect_read_only(path: Path) -> Database:
    """A connection that only reads, beside the owner or without one.

    Where the file may be written it is opened so, and then forbidden to: only such a connection, when it is
    the last to leave, removes the files that SQLite puts beside the store.
    """
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    database = Database(path, READ_WRITE if writable else READ_ONLY)
    try:
        for name in ("busy_timeout", "trusted_schema", "cell_size_check"):
            database.set_pragma(name, PRAGMAS[name])
        database.set_pragma("query_only", 1)
        version, known = user_version(database), len(migrations())
        check_version(path, version, known)
        if version < known:
            message = (
                f"{path} has schema {version}, this troth reads schema {known}: open it once for "
                "writing (any `troth run`), which brings it up to date."
            )
            raise StoreError(message)
    except BaseException:
        database.close()
        raise
    return database


def check_version(path: Path, found: int, known: int) -> None:
    """Refuse a schema that a newer troth has written."""
    if found > known:
        message = (
            f"{path} has schema {found}, this troth knows schemas up to {known}: nothing was changed. "
            "Upgrade troth (pip install --upgrade troth), or give another location."
        )
        raise StoreTooNewError(message)


def migrate(database: Database, path: Path, steps: Sequence[str]) -> None:
    """Run the migrations that the file has not seen, all or none of them."""
    version = user_version(database)
    check_version(path, version, len(steps))
    if version >= len(steps):
        return
    database.run(STATEMENTS["begin_write"])
    try:
        for step in steps[version:]:
            database.run(step)
        database.set_pragma("user_version", len(steps))
        database.run(STATEMENTS["commit"])
    except apsw.Error as error:
        refusal = store_error(error, path, database.system_errno)
        if database.in_transaction:
            database.run(STATEMENTS["rollback"])
        raise refusal from error


def user_version(database: Database) -> int:
    """The number of migrations the file has seen."""
    version = database.get_pragma("user_version")
    assert isinstance(version, int), version
    return version


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
