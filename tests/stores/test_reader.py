import pytest

from troth.machine.effects import AddCallback, PutPromise
from troth.machine.footprint import PromiseQuery
from troth.machine.view import View
from troth.protocol.records import PromiseState
from troth.stores.database import READ_WRITE, Database
from troth.stores.files import create_if_missing
from troth.stores.reader import Reader
from troth.stores.writer import Writer
from troth.testing.samples import promise


class Counting(Database):
    """A database that counts the statements it runs."""

    def __init__(self, path, flags):
        super().__init__(path, flags)
        self.statements = 0

    def all(self, sql, wanted=()):
        self.statements += 1
        return super().all(sql, wanted)

    def one(self, sql, wanted=()):
        self.statements += 1
        return super().one(sql, wanted)

    def firsts(self, sql, wanted=()):
        self.statements += 1
        return super().firsts(sql, wanted)


@pytest.fixture
def database(tmp_path):
    create_if_missing(tmp_path / "troth.db")
    database = Counting(tmp_path / "troth.db", READ_WRITE)
    view = View()
    view.advance([*(PutPromise(promise(f"p{n}")) for n in range(100)), AddCallback("p5", "p6")])
    Writer(database).write(view.take_changes())
    yield database
    database.close()


def test_many_promises_are_one_statement(database):
    view = View()
    Reader(database).load(view, [f"p{n}" for n in range(0, 200, 2)], ())
    assert database.statements == 1
    assert view.promise("p98") == promise("p98")
    assert view.promise("p100") is None


def test_subscriptions_cost_statements_only_where_there_are_some(database):
    view = View()
    Reader(database).load_subscriptions(view, [f"p{n}" for n in range(100)], 10)
    assert database.statements == 3
    assert view.subscriptions["p5"].awaiter_ids == ["p6"]
    assert view.subscriptions["p6"].awaiter_ids == []


def test_a_page_is_one_statement(database):
    found = Reader(database).search(PromiseQuery(PromiseState.PENDING, (), "p9", 3, None))
    assert [each.id for each in found.promises] == ["p9", "p90", "p91"]
    assert database.statements == 1


def test_a_search_without_an_end_reads_to_the_last_id(database):
    found = Reader(database).search(PromiseQuery(None, (), "", 1000, "p97"))
    assert [each.id for each in found.promises] == ["p98", "p99"]


def test_a_sound_file_has_no_faults(database):
    assert Reader(database).faults() == ()
