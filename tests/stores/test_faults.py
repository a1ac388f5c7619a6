import errno
from pathlib import Path

import apsw
import pytest

from troth.errors import (
    StoreError,
    StoreFailedError,
    StoreFullError,
    StoreInvalidError,
    StoreReadOnlyError,
)
from troth.stores.faults import store_error

PATH = Path("here/troth.db")


def _flush_error():
    error = apsw.IOError()
    error.extendedresult = apsw.SQLITE_IOERR_FSYNC
    return error


@pytest.mark.parametrize(
    ("error", "system_errno", "wanted"),
    [
        (apsw.FullError(), 0, StoreFullError),
        (apsw.IOError(), errno.EFBIG, StoreFullError),
        (apsw.IOError(), errno.ENOSPC, StoreFullError),
        (apsw.IOError(), errno.EIO, StoreFailedError),
        (_flush_error(), errno.ENOSPC, StoreFailedError),
        (apsw.ReadOnlyError(), 0, StoreReadOnlyError),
        (apsw.CantOpenError(), 0, StoreReadOnlyError),
        (apsw.BusyError(), 0, StoreError),
        (apsw.CorruptError(), 0, StoreInvalidError),
        (apsw.NotADBError(), 0, StoreInvalidError),
        (apsw.ConstraintError(), 0, StoreError),
    ],
)
def test_each_error_means_one_thing(error, system_errno, wanted):
    refusal = store_error(error, PATH, system_errno)
    assert type(refusal) is wanted
    assert str(PATH) in str(refusal)


def test_a_closed_connection_is_a_closed_store():
    assert str(store_error(apsw.ConnectionClosedError(), PATH)) == "the store is closed"


def test_a_lock_that_somebody_else_holds_names_the_way_out():
    assert "another program holds" in str(store_error(apsw.BusyError(), PATH))
