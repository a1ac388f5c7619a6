"""What is refused before anything is read."""

import pytest

from troth.machine import guards
from troth.machine.limits import (
    HEADERS_MAX,
    HEARTBEAT_TASKS_MAX,
    ID_BYTES_MAX,
    INSTANT_MAX,
    SEARCH_LIMIT_MAX,
    SUSPEND_ACTIONS_MAX,
    TAGS_MAX,
    TTL_MS_MAX,
)
from troth.protocol.records import NO_VALUE, PromiseState, Tag, Value
from troth.protocol.requests import (
    CreatePromise,
    CreateTask,
    HeartbeatTasks,
    RegisterCallback,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
    TaskRef,
)

TARGET = {Tag.TARGET: "poll://any@g"}
LONGEST = "é" * (ID_BYTES_MAX // 2)


@pytest.mark.parametrize("id", ["a", "a b", "<script>", "日本", "é", "e\u0301", "a" * ID_BYTES_MAX, LONGEST])
def test_an_id_is_any_text_that_fits_an_index(id: str) -> None:
    assert guards.id_fault(id) is None


@pytest.mark.parametrize(
    ("id", "fault"),
    [
        ("", "id is empty"),
        ("a\0", "id contains a NUL character"),
        ("é\0", "id contains a NUL character"),
        ("a" * (ID_BYTES_MAX + 1), "id is longer than 1024 bytes"),
        (LONGEST + "a", "id is longer than 1024 bytes"),
        ("\ud800", "id contains a lone surrogate, which has no UTF-8"),
    ],
)
def test_what_no_store_can_hold_is_no_id(id: str, fault: str) -> None:
    assert guards.id_fault(id) == fault


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (NO_VALUE, True),
        (Value(data="x" * 1_000_000), True),
        (Value(data="é", headers={"a": ""}), True),
        (Value(data="\0"), False),
        (Value(data="\udfff"), False),
        (Value(headers={"\0": "x"}), False),
        (Value(headers={"x": "\0"}), False),
        (Value(headers={"x": "é\0"}), False),
        (Value(headers={"x": "a" * (ID_BYTES_MAX + 1)}), False),
        (Value(headers={str(n): "" for n in range(HEADERS_MAX + 1)}), False),
    ],
)
def test_a_value_is_storable_text(value: Value, good: bool) -> None:
    assert (guards.value_fault(value, "param") is None) == good


@pytest.mark.parametrize(("instant", "good"), [(0, True), (INSTANT_MAX, True), (-1, False), (INSTANT_MAX + 1, False)])
def test_an_instant_is_one_that_every_client_can_represent(instant: int, good: bool) -> None:
    assert (guards.instant_fault(instant, "at") is None) == good
    assert (guards.version_fault(instant) is None) == good
    assert (guards.create_fault(CreatePromise("p", instant)) is None) == good


@pytest.mark.parametrize(("ttl", "good"), [(1, True), (TTL_MS_MAX, True), (0, False), (TTL_MS_MAX + 1, False)])
def test_a_lease_lasts_at_most_a_day(ttl: int, good: bool) -> None:
    assert (guards.holder_fault("w", ttl) is None) == good


@pytest.mark.parametrize("pid", ["", "\0", "a" * (ID_BYTES_MAX + 1)])
def test_a_holder_is_named_by_an_id(pid: str) -> None:
    assert (guards.holder_fault(pid, 1) or "").startswith("pid ")


@pytest.mark.parametrize(
    ("tags", "good"),
    [
        ({}, True),
        (TARGET, True),
        ({"any": "thing", "empty": ""}, True),
        ({str(n): "" for n in range(TAGS_MAX)}, True),
        ({str(n): "" for n in range(TAGS_MAX + 1)}, False),
        ({"\0": ""}, False),
        ({"x": "\ud800"}, False),
        ({"x": "a" * (ID_BYTES_MAX + 1)}, False),
        ({"x" * ID_BYTES_MAX: "a" * ID_BYTES_MAX}, True),
        ({Tag.TIMER: "true"}, True),
        ({Tag.TIMER: "true"} | TARGET, False),
        ({Tag.TIMER: "false"} | TARGET, True),
        ({Tag.TARGET: ""}, False),
        ({Tag.TARGET: "file:///etc/passwd"}, False),
        ({Tag.TARGET: "bash://x"}, False),
        ({Tag.TARGET: "poll://uni@g"}, False),
        ({Tag.TARGET: "http://"}, False),
        ({Tag.TARGET: "https://example.com/hook"}, True),
    ],
)
def test_tags_say_what_can_be_done(tags: dict[str, str], good: bool) -> None:
    assert (guards.tags_fault(tags, "tags") is None) == good
    assert (guards.create_fault(CreatePromise("p", 100, tags=tags)) is None) == good


@pytest.mark.parametrize(
    ("delay", "good"),
    [
        ("0", True),
        ("99", True),
        ("100", False),
        ("-1", False),
        ("1.5", False),
        ("soon", False),
        ("", False),
        ("٣", False),
        ("9" * 5000, False),
        (str(INSTANT_MAX + 1), False),
    ],
)
def test_a_delay_is_an_instant_before_the_deadline(delay: str, good: bool) -> None:
    tags = {Tag.DELAY: delay} | TARGET
    assert (guards.create_fault(CreatePromise("p", 100, tags=tags)) is None) == good


def test_a_delay_needs_a_target() -> None:
    assert guards.create_fault(CreatePromise("p", 100, tags={Tag.DELAY: "5"})) is not None


def test_a_caller_is_named_by_an_id() -> None:
    assert guards.create_fault(CreatePromise("p", 100, caller="c")) is None
    assert guards.create_fault(CreatePromise("p", 100, caller="")) == "caller is empty"


@pytest.mark.parametrize("state", list(PromiseState))
def test_only_three_states_can_be_settled_to(state: PromiseState) -> None:
    settable = {PromiseState.RESOLVED, PromiseState.REJECTED, PromiseState.CANCELED}
    assert (guards.settle_fault(SettlePromise("p", state)) is None) == (state in settable)


def test_a_settlement_has_a_storable_value() -> None:
    assert guards.settle_fault(SettlePromise("p", PromiseState.RESOLVED, Value(data="\0"))) is not None
    assert guards.settle_fault(SettlePromise("", PromiseState.RESOLVED)) == "id is empty"


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (CreateTask("w", 1, CreatePromise("p", 100, tags=TARGET)), True),
        (CreateTask("w", 1, CreatePromise("p", 100)), False),
        (CreateTask("w", 1, CreatePromise("p", 100, tags=TARGET | {Tag.DELAY: "5"})), False),
        (CreateTask("w", 0, CreatePromise("p", 100, tags=TARGET)), False),
        (CreateTask("", 1, CreatePromise("p", 100, tags=TARGET)), False),
        (CreateTask("w", 1, CreatePromise("", 100, tags=TARGET)), False),
    ],
)
def test_a_task_is_created_for_a_target(request_: CreateTask, good: bool) -> None:
    assert (guards.create_task_fault(request_) is None) == good


def awaiting(*awaited_ids: str, awaiter: str = "p") -> SuspendTask:
    return SuspendTask("p", 1, tuple(RegisterCallback(id, awaiter) for id in awaited_ids))


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (awaiting("a"), True),
        (awaiting(*map(str, range(1000))), True),
        (awaiting(), False),
        (awaiting("a", "a"), False),
        (awaiting("p"), False),
        (awaiting("a", ""), False),
        (awaiting("a", awaiter="q"), False),
        (SuspendTask("", 1, awaiting("a").actions), False),
        (SuspendTask("p", -1, awaiting("a").actions), False),
        (SuspendTask("p", 1, awaiting("a").actions * (SUSPEND_ACTIONS_MAX + 1)), False),
    ],
)
def test_a_suspension_names_what_it_waits_for_once(request_: SuspendTask, good: bool) -> None:
    assert (guards.suspend_fault(request_) is None) == good


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (HeartbeatTasks("w", ()), True),
        (HeartbeatTasks("w", (TaskRef("a", 1),) * HEARTBEAT_TASKS_MAX), True),
        (HeartbeatTasks("w", (TaskRef("a", 1),) * (HEARTBEAT_TASKS_MAX + 1)), False),
        (HeartbeatTasks("", (TaskRef("a", 1),)), False),
        (HeartbeatTasks("w", (TaskRef("a", 1), TaskRef("\0", 1))), False),
        (HeartbeatTasks("w", (TaskRef("a", -1),)), False),
    ],
)
def test_a_heartbeat_names_tasks(request_: HeartbeatTasks, good: bool) -> None:
    assert (guards.heartbeat_fault(request_) is None) == good


@pytest.mark.parametrize("kind", [SearchPromises, SearchTasks, SearchSchedules])
@pytest.mark.parametrize(
    ("limit", "good"), [(1, True), (SEARCH_LIMIT_MAX, True), (0, False), (SEARCH_LIMIT_MAX + 1, False)]
)
def test_a_page_has_a_limit(kind: type[SearchPromises | SearchTasks | SearchSchedules], limit: int, good: bool) -> None:
    assert (guards.search_fault(kind(limit=limit)) is None) == good


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (SearchPromises(cursor="a", prefix="é", tags={"x": ""}), True),
        (SearchPromises(cursor=""), False),
        (SearchPromises(cursor="\ud800"), False),
        (SearchPromises(prefix="\0"), False),
        (SearchPromises(tags={"\0": ""}), False),
        (SearchSchedules(tags={"x": "\0"}), False),
        (SearchTasks(cursor="\0"), False),
    ],
)
def test_a_search_holds_what_a_store_can_compare(
    request_: SearchPromises | SearchTasks | SearchSchedules, good: bool
) -> None:
    assert (guards.search_fault(request_) is None) == good
