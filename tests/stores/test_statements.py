import re
from importlib import resources

import apsw
import pytest

from troth.stores.statements import STATEMENTS, migrations, parse_statements, schema

WALKS = {
    "all_callbacks",
    "all_calls",
    "all_invocations",
    "all_listeners",
    "all_schedules",
    "search_schedules",
}
"""Statements that may read a whole table."""


@pytest.fixture
def connection():
    connection = apsw.Connection(":memory:")
    connection.execute(schema()).fetchall()
    yield connection
    connection.close()


def _plan(connection, sql):
    names = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    wanted = names or (1,) * sql.count("?")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", wanted)]


PLANNED = [name for name, sql in STATEMENTS.items() if re.match("SELECT|WITH|UPDATE|DELETE|INSERT", sql)]


@pytest.mark.parametrize("name", PLANNED)
def test_no_statement_walks_a_table(connection, name):
    plan = _plan(connection, STATEMENTS[name])
    walked = [step for step in plan if re.match(r"SCAN (p|promises|c|calls|callbacks|listeners|s)\b", step)]
    walked = [step for step in walked if "INDEX" not in step]
    assert name in WALKS or not walked, plan


@pytest.mark.parametrize("name", ["timed_out", "expired", "due_schedules", "undrained", "runnable"])
def test_what_is_due_is_read_in_its_order(connection, name):
    assert not any("TEMP B-TREE" in step for step in _plan(connection, STATEMENTS[name]))


@pytest.mark.parametrize("name", ["search_promises", "search_failed_promises", "search_tasks"])
def test_a_search_begins_at_its_first_id(connection, name):
    plan = _plan(connection, STATEMENTS[name])
    assert any(re.search(r"SEARCH p USING (COVERING )?INDEX \w+ \(id>", step) for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan)


@pytest.mark.parametrize(
    ("name", "index"), [("search_held_tasks", "promises_leases"), ("search_waiting_tasks", "promises_queue")]
)
def test_held_and_waiting_tasks_are_found_without_the_finished_ones(connection, name, index):
    assert any(index in step for step in _plan(connection, STATEMENTS[name]))


def test_fragments_are_filled_in_and_comments_left_out():
    text = "-- words\n-- fragment: both\na, b\n-- name: one\n-- why\nSELECT {both}\nFROM t\n\n-- name: two\nSELECT 2\n"
    assert parse_statements(text) == {"one": "SELECT a, b\nFROM t", "two": "SELECT 2"}


def test_an_unknown_fragment_is_an_error():
    with pytest.raises(KeyError):
        parse_statements("-- name: one\nSELECT {nothing}")


def test_every_statement_is_used():
    sources = [
        file.read_text("utf-8") for file in resources.files("troth.stores").iterdir() if file.name.endswith(".py")
    ]
    unused = [name for name in STATEMENTS if not any(f'"{name}"' in source for source in sources)]
    assert unused == []


def _dump(*scripts):
    connection = apsw.Connection(":memory:")
    for script in scripts:
        connection.execute(script).fetchall()
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
    connection.close()
    return [(*row[:3], " ".join(re.sub(r"--.*", "", row[3] or "").split())) for row in rows]


def test_the_migrations_add_up_to_the_schema():
    assert len(_dump(schema())) > 10
    assert _dump(*migrations()) == _dump(schema())


def test_the_schema_explains_itself_in_its_first_thirty_lines():
    head = schema().splitlines()[:30]
    tables = re.findall(r"CREATE TABLE (\w+)", schema())
    assert all(line.startswith("--") or not line for line in head[:-2])
    assert all(any(re.search(rf"\b{table}\b", line) for line in head) for table in tables)
