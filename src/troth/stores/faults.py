"""What SQLite's errors mean for whoever uses the store, and what to do next."""

import errno
from pathlib import Path
from typing import Final

import apsw

from troth.errors import (
    StoreError,
    StoreFailedError,
    StoreFullError,
    StoreInvalidError,
    StoreReadOnlyError,
)

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Writes that failed for want of room: nothing is half-written, and freeing room mends it."""


def store_error(error: apsw.Error, path: Path, system_errno: int = 0) -> StoreError:
    """The error to raise. ``system_errno`` is the operating system's, of the last call that failed."""
    match error:
        case apsw.FullError():
            return _full(path)
        case apsw.IOError() if system_errno in _NO_ROOM and not _is_sync(error):
            return _full(path)
        case apsw.IOError():
            return StoreFailedError(
                f"the disk failed under {path} ({error}): the last batch may or may not be stored, and "
                "nothing more is written. Check the disk, then open the store again."
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return read_only(path, str(error))
        case apsw.BusyError() | apsw.LockedError():
            return StoreError(
                f"another program holds {path} (a backup, a database browser?) and did not let go in time: "
                "nothing was written. Close it there and try again."
            )
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return invalid(path, str(error))
        case apsw.ConnectionClosedError():
            return StoreError("the store is closed")
        case _:
            return StoreError(f"{path}: {error}")


def read_only(path: Path, reason: str) -> StoreReadOnlyError:
    """The file or its folder cannot be written."""
    return StoreReadOnlyError(
        f"{path} cannot be written ({reason}): check that its folder exists, is a folder and belongs to you, "
        "or give another location."
    )


def invalid(path: Path, reason: str) -> StoreInvalidError:
    """The file is not a store of ours, or not any more."""
    return StoreInvalidError(
        f"{path} is not a troth store, or is damaged ({reason}). Give another location, or restore a backup."
    )


def _full(path: Path) -> StoreFullError:
    return StoreFullError(
        f"no space left for {path}: nothing of the batch was written. Free some; the store goes on by itself."
    )


def _is_sync(error: apsw.IOError) -> bool:
    """Whether a flush failed; what was flushed is then unknown, whatever the reason."""
    return getattr(error, "extendedresult", 0) in (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)
