from pathlib import Path

import apsw
import pytest

from troth.errors import StoreError, StoreInvalidError, StoreReadOnlyError, StoreTooNewError
from troth.stores.database import READ_WRITE, Database
from troth.stores.files import (
    APPLICATION_ID,
    PRAGMAS,
    check_header,
    connect,
    connect_read_only,
    create_if_missing,
    migrate,
    prepare_folder,
    user_version,
)
from troth.stores.statements import migrations


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "troth.db"
    create_if_missing(path)
    return path


def _set(path, pragma, value):
    database = Database(path, READ_WRITE)
    database.set_pragma(pragma, value)
    database.close()


def test_a_folder_is_made_for_this_user_only(tmp_path):
    folder = tmp_path / "a" / ".troth"
    prepare_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    folder = tmp_path / ".troth"
    folder.mkdir(mode=0o755)
    prepare_folder(folder)
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnlyError, match=r"cannot be written.*give another location"):
        prepare_folder(tmp_path / "file" / "folder")


def test_a_new_file_is_whole_and_for_this_user_only(path):
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["troth.db"]
    database = Database(path, READ_WRITE)
    assert database.get_pragma("application_id") == APPLICATION_ID
    assert user_version(database) == len(migrations())
    ((store_id, created_at),) = database.all("SELECT store_id, created_at FROM meta")
    assert len(store_id) == 32
    assert created_at > 1_700_000_000_000
    database.close()


def test_a_draft_that_a_crash_left_behind_is_replaced(tmp_path):
    (tmp_path / "troth.db.new").write_text("half a file")
    create_if_missing(tmp_path / "troth.db")
    check_header(tmp_path / "troth.db")
    assert [file.name for file in tmp_path.iterdir()] == ["troth.db"]


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "troth.db").touch()
    create_if_missing(tmp_path / "troth.db")
    check_header(tmp_path / "troth.db")


def test_a_file_that_is_there_is_not_made_again(path):
    before = path.read_bytes()
    create_if_missing(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000, b"SQLite format 3\0"])
def test_a_file_that_is_not_sqlite_is_refused_untouched(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreInvalidError, match="not an SQLite file"):
        check_header(path)
    assert path.read_bytes() == content


def test_another_programs_file_is_refused_untouched(tmp_path):
    path = tmp_path / "other.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE bookmarks (url)").fetchall()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreInvalidError, match="another program's"):
        check_header(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(StoreInvalidError):
        check_header(tmp_path)


def test_a_newer_schema_is_refused_with_both_numbers(path):
    _set(path, "user_version", 99)
    with pytest.raises(StoreTooNewError, match=rf"schema 99.*up to {len(migrations())}.*Upgrade troth"):
        check_header(path)


def test_the_settings_are_in_force(path):
    database = connect(path)
    assert {name: database.get_pragma(name) for name in PRAGMAS} == dict(PRAGMAS)
    assert PRAGMAS["journal_mode"] == "wal"
    assert PRAGMAS["synchronous"] == 2
    database.close()


def test_an_older_file_is_migrated(path):
    steps = [*migrations(), "CREATE TABLE extra (x); INSERT INTO extra VALUES (1)", "UPDATE extra SET x = x + 1"]
    database = connect(path)
    migrate(database, path, steps)
    migrate(database, path, steps)
    assert database.all("SELECT x FROM extra") == [(2,)]
    assert user_version(database) == len(steps)
    database.close()


def test_a_migration_that_fails_changes_nothing(path):
    steps = [*migrations(), "CREATE TABLE extra (x)", "INSERT INTO nowhere VALUES (1)"]
    database = connect(path)
    with pytest.raises(StoreError, match="nowhere"):
        migrate(database, path, steps)
    assert user_version(database) == len(migrations())
    assert database.all("SELECT name FROM sqlite_schema WHERE name = 'extra'") == []
    migrate(database, path, steps[:-1])
    assert user_version(database) == len(steps) - 1
    database.close()


def test_a_newer_schema_found_in_the_log_is_refused(path):
    owner = connect(path)
    owner.set_pragma("user_version", 99)
    check_header(path)
    with pytest.raises(StoreTooNewError):
        connect_read_only(path)
    with pytest.raises(StoreTooNewError):
        migrate(owner, path, migrations())
    owner.close()


def test_an_older_file_is_not_read_before_it_is_migrated(path):
    _set(path, "user_version", 0)
    with pytest.raises(StoreError, match=r"schema 0.*open it once for writing"):
        connect_read_only(path)


def test_a_reader_cannot_write(path):
    reader = connect_read_only(path)
    with pytest.raises(apsw.ReadOnlyError):
        reader.run("INSERT INTO listeners (awaited, address) VALUES ('a', 'b')")
    reader.close()


def test_a_reader_leaves_nothing_behind(path):
    connect(path).close()
    reader = connect_read_only(path)
    assert reader.all("SELECT id FROM promises") == []
    reader.close()
    assert [file.name for file in path.parent.iterdir()] == ["troth.db"]


def test_looking_at_the_header_does_not_drop_the_locks_of_a_connection(path):
    """Closing any plain descriptor of the file would; then another process could empty the log under the owner."""
    owner = connect(path)
    owner.run("BEGIN IMMEDIATE")
    before = _locks(path)
    check_header(path)
    assert before
    assert _locks(path) == before
    owner.run("ROLLBACK")
    owner.close()


def _locks(path):
    inodes = {str(file.stat().st_ino) for file in path.parent.iterdir()}
    locks = Path("/proc/locks").read_text("utf-8").splitlines()
    return sorted(line.split(":", 1)[1] for line in locks if any(f":{inode} " in line for inode in inodes))
