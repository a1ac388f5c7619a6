import apsw
import pytest

from troth.stores.database import READ_ONLY, READ_WRITE, Database, read_head


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.db"
    path.touch()
    return path


@pytest.fixture
def database(path):
    database = Database(path, READ_WRITE)
    database.set_pragma("journal_mode", "wal")
    database.run("CREATE TABLE numbers (n)")
    yield database
    database.close()


def _log(path):
    return path.with_name("some.db-wal")


def test_rows_come_as_asked(database):
    database.run_many("INSERT INTO numbers VALUES (?)", [(1,), (2,), (3,)])
    assert database.one("SELECT n, n * 2 FROM numbers WHERE n = ?", (2,)) == (2, 4)
    assert database.one("SELECT n FROM numbers WHERE n = :n", {"n": 9}) is None
    assert database.all("SELECT n FROM numbers WHERE n > ?", (1,)) == [(2,), (3,)]
    assert database.firsts("SELECT n, 'x' FROM numbers") == [1, 2, 3]
    assert database.changed == 3


def test_every_statement_of_a_text_is_run(database):
    database.run("INSERT INTO numbers VALUES (1); INSERT INTO numbers VALUES (2)")
    assert database.firsts("SELECT n FROM numbers") == [1, 2]


def test_a_read_does_not_keep_the_log_from_being_emptied(database, path):
    database.run_many("INSERT INTO numbers VALUES (?)", [(1,), (2,)])
    assert database.one("SELECT n FROM numbers") == (1,)
    assert _log(path).stat().st_size > 0
    database.empty_log()
    assert _log(path).stat().st_size == 0


def test_the_log_is_flushed_into_the_file(database, path):
    database.run("INSERT INTO numbers VALUES ('a text to look for')")
    assert b"a text to look for" not in path.read_bytes()
    database.flush_log()
    assert b"a text to look for" in path.read_bytes()


def test_a_transaction_is_seen(database):
    assert not database.in_transaction
    database.run("BEGIN")
    assert database.in_transaction
    database.run("ROLLBACK")
    assert not database.in_transaction


def test_closing_can_leave_the_log(database, path):
    database.run("INSERT INTO numbers VALUES (1)")
    database.close(leave_log=True)
    assert _log(path).stat().st_size > 0
    again = Database(path, READ_WRITE)
    assert again.firsts("SELECT n FROM numbers") == [1]
    again.close()
    again.close()
    assert not _log(path).exists()


def test_a_connection_to_read_does_not_write(database, path):
    reader = Database(path, READ_ONLY)
    with pytest.raises(apsw.ReadOnlyError):
        reader.run("INSERT INTO numbers VALUES (1)")
    reader.close()


def test_the_errno_of_a_failure_is_kept(tmp_path, path):
    database = Database(path, READ_WRITE)
    database.set_pragma("journal_mode", "wal")
    database.run("CREATE TABLE t (x)")
    assert database.system_errno == 0
    database.close()
    with pytest.raises(apsw.CantOpenError):
        Database(tmp_path / "nowhere" / "some.db", READ_WRITE)


def test_the_head_of_a_file_is_read_without_its_log(database, path):
    assert read_head(path, 16) == b"SQLite format 3\0"
    (path.parent / "short").write_bytes(b"abc")
    assert read_head(path.parent / "short", 100) == b"abc"
