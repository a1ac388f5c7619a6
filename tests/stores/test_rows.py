from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import StoreInvalidError
from troth.machine.objects import PromiseObject, TaskObject
from troth.protocol.records import PromiseState, Tag, TaskState, Value
from troth.stores.rows import (
    PROMISE_NUMBERS,
    PROMISE_WIDTH,
    TASK_NUMBERS,
    promise_of,
    promise_row,
    schedule_of,
    schedule_row,
    task_of,
)
from troth.testing.samples import promise, schedule, targeted, task

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
INSTANTS = st.integers(0, 2**53 - 1)
TAGS = st.dictionaries(TEXT | st.sampled_from([Tag.TARGET, Tag.BRANCH, Tag.PARENT]), TEXT, max_size=4)
VALUES = st.builds(Value, headers=st.none() | st.dictionaries(TEXT, TEXT, max_size=2), data=st.none() | TEXT)
PROMISES = st.builds(
    PromiseObject,
    id=TEXT,
    state=st.sampled_from(PromiseState),
    param=VALUES,
    value=VALUES,
    tags=TAGS,
    timeout_at=INSTANTS,
    created_at=INSTANTS,
    settled_at=st.none() | INSTANTS,
)
TASKS = st.builds(
    TaskObject,
    id=TEXT,
    state=st.sampled_from(TaskState),
    version=INSTANTS,
    resumes=st.lists(TEXT, max_size=3).map(tuple),
    pid=st.none() | TEXT,
    ttl=st.none() | INSTANTS,
    expires_at=st.none() | INSTANTS,
    retry_at=st.none() | INSTANTS,
)


@given(PROMISES, st.none() | TASKS)
def test_a_row_holds_all_of_a_promise_and_its_task(born, its_task):
    row = promise_row(born, its_task)
    assert promise_of(row) == born
    found = task_of((born.id, *row[PROMISE_WIDTH:]))
    assert found == (its_task and TaskObject(born.id, *_fields(its_task)[1:]))


def _fields(its_task):
    return [getattr(its_task, name) for name in its_task.__struct_fields__]


def test_a_tag_with_a_column_is_not_stored_twice():
    row = promise_row(targeted(tags={Tag.BRANCH: "b", "x": "1"}), None)
    assert [column for column in row if isinstance(column, str) and "resonate" in column] == []


def test_what_is_empty_takes_no_room():
    assert set(promise_row(promise(), None)[5:]) == {None}


def test_a_schedule_row_holds_all_of_it():
    full = schedule(promise_param=Value({"a": "b"}, ""), promise_tags={"x": "é"}, last_run_at=7)
    assert schedule_of(schedule_row(full)) == full


def test_the_numbers_of_states_never_change():
    assert [state.value for state in PROMISE_NUMBERS] == [
        "pending",
        "resolved",
        "rejected",
        "rejected_canceled",
        "rejected_timedout",
    ]
    assert [state.value for state in TASK_NUMBERS] == [
        "pending",
        "acquired",
        "suspended",
        "halted",
        "fulfilled",
    ]


@dataclass
class Damage:
    column: int
    text: object


@pytest.mark.parametrize("damage", [Damage(1, 9), Damage(7, '{"x":'), Damage(7, '{"x":1}'), Damage(8, "[]")])
def test_a_damaged_promise_is_never_served(damage):
    row = list(promise_row(promise("p", tags={"x": "1"}), None))
    row[damage.column] = damage.text
    with pytest.raises(StoreInvalidError, match="'p' cannot be read"):
        promise_of(tuple(row))


@pytest.mark.parametrize("damage", [Damage(1, 5), Damage(7, "{}"), Damage(7, "[1]")])
def test_a_damaged_task_is_never_served(damage):
    row = ["p", *promise_row(promise(), task(resumes=("a",)))[PROMISE_WIDTH:]]
    row[damage.column] = damage.text
    with pytest.raises(StoreInvalidError, match="'p' cannot be read"):
        task_of(tuple(row))


def test_a_damaged_schedule_is_never_served():
    row = list(schedule_row(schedule(promise_tags={"x": "1"})))
    row[6] = "x"
    with pytest.raises(StoreInvalidError, match="'s' cannot be read"):
        schedule_of(tuple(row))
