import apsw
import pytest

from troth.errors import StoreError
from troth.machine.effects import AddCall, AddCallback, PutPromise, PutTask, RemoveCallback
from troth.machine.view import View
from troth.protocol.records import TaskState
from troth.stores.database import READ_WRITE, Database
from troth.stores.files import create_if_missing
from troth.stores.writer import Writer
from troth.testing.samples import promise, targeted, task
from troth.testing.writing import resolve


class Recording(Database):
    """A database that notes what is run many times, and for how many rows."""

    def __init__(self, path, flags):
        super().__init__(path, flags)
        self.log = []

    def run_many(self, sql, rows):
        rows = list(rows)
        self.log.append((" ".join(sql.split()[:2]), len(rows)))
        super().run_many(sql, rows)


@pytest.fixture
def database(tmp_path):
    create_if_missing(tmp_path / "troth.db")
    database = Recording(tmp_path / "troth.db", READ_WRITE)
    yield database
    database.close()


def _write(database, *effects, stored=()):
    view = View()
    for each in stored:
        view.hold_promise(each.id, each, None)
    view.advance(effects)
    database.log.clear()
    Writer(database).write(view.take_changes())
    return database.log


def test_a_promise_created_and_settled_in_one_batch_is_one_insert(database):
    log = _write(
        database,
        PutPromise(targeted()),
        PutTask(task()),
        PutPromise(resolve(targeted())),
        PutTask(task(state=TaskState.FULFILLED)),
    )
    assert log == [("INSERT INTO", 1)]
    assert database.one("SELECT state, task_state FROM promises") == (1, 4)


def test_a_batch_is_a_few_bulk_statements(database):
    log = _write(
        database, *(PutPromise(promise(f"p{n}")) for n in range(50)), *(AddCall("p0", f"p{n}") for n in range(9))
    )
    assert log == [("INSERT INTO", 50), ("INSERT OR", 9)]


def test_only_the_columns_that_change_are_written(database):
    """Where a task alone changes, the trigger that guards settled promises has nothing to look at."""
    _write(database, PutPromise(resolve(targeted())), PutTask(task(state=TaskState.FULFILLED)))
    later = task(state=TaskState.FULFILLED, version=9)
    assert _write(database, PutTask(later), stored=[resolve(targeted())]) == [("UPDATE promises", 1)]
    assert database.one("SELECT version FROM promises") == (9,)
    with pytest.raises(apsw.ConstraintError, match="permanent"):
        _write(database, PutPromise(resolve(targeted())), stored=[targeted()])


def test_an_update_of_a_row_that_is_not_there_does_not_go_unnoticed(database):
    with pytest.raises(StoreError, match="2 promises were to be updated, 0 are stored"):
        _write(database, PutTask(task("a")), PutTask(task("b")))


def test_what_is_added_again_after_its_removal_is_there(database):
    _write(database, AddCallback("p", "a"))
    assert _write(database, RemoveCallback("p", "a"), AddCallback("p", "a")) == [("INSERT INTO", 1)]
    _write(database, AddCallback("p", "b"), RemoveCallback("p", "b"))
    assert database.all("SELECT awaited, awaiter FROM callbacks") == [("p", "a")]
