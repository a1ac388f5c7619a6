"""Rows of the SQLite store ↔ objects. The columns stand as in the fragments of ``sql/queries.sql``."""

from typing import Final

from msgspec import DecodeError
from msgspec.json import Decoder, Encoder

from troth.errors import StoreInvalidError
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.protocol.records import NO_VALUE, PromiseState, Tag, TaskState, Value

from .database import Row

PROMISE_STATES: Final = (
    PromiseState.PENDING,
    PromiseState.RESOLVED,
    PromiseState.REJECTED,
    PromiseState.CANCELED,
    PromiseState.TIMED_OUT,
)
TASK_STATES: Final = (
    TaskState.PENDING,
    TaskState.ACQUIRED,
    TaskState.SUSPENDED,
    TaskState.HALTED,
    TaskState.FULFILLED,
)
PROMISE_NUMBERS: Final = {state: number for number, state in enumerate(PROMISE_STATES)}
TASK_NUMBERS: Final = {state: number for number, state in enumerate(TASK_STATES)}

PROMISE_WIDTH: Final = 12
"""Columns of a promise in a row that also holds its task."""

_NO_TASK: Final[Row] = (None,) * 7
_encode: Final = Encoder().encode
_decode_map: Final = Decoder(dict[str, str]).decode
_decode_list: Final = Decoder(tuple[str, ...]).decode


def promise_of(row: Row) -> PromiseObject:
    """The promise in the first columns of a row."""
    number: int
    id, number, timeout_at, created_at, settled_at, target, branch, tags = row[:8]
    try:
        return PromiseObject(
            id,
            PROMISE_STATES[number],
            _value(row[8], row[9]),
            _value(row[10], row[11]),
            _tags(target, branch, tags),
            timeout_at,
            created_at,
            settled_at,
        )
    except (DecodeError, IndexError) as error:
        raise _damaged("promise", id) from error


def task_of(row: Row) -> TaskObject | None:
    """The task in a row's columns, if there is one."""
    number: int | None
    id, number, version, pid, ttl, expires_at, retry_at, resumes = row
    if number is None:
        return None
    try:
        resumed = () if resumes is None else _decode_list(resumes)
        return TaskObject(id, TASK_STATES[number], version, resumed, pid, ttl, expires_at, retry_at)
    except (DecodeError, IndexError) as error:
        raise _damaged("task", id) from error


def schedule_of(row: Row) -> ScheduleObject:
    """The schedule in a row."""
    id, cron, promise_id, promise_timeout, headers, data, tags, *instants = row
    try:
        value, tags = _value(headers, data), _tags(None, None, tags)
    except DecodeError as error:
        raise _damaged("schedule", id) from error
    return ScheduleObject(id, cron, promise_id, promise_timeout, value, tags, *instants)


def promise_row(promise: PromiseObject, task: TaskObject | None) -> Row:
    """The columns of a new row."""
    tags = promise.tags
    target, branch = tags.get(Tag.TARGET), tags.get(Tag.BRANCH)
    kept = len(tags) - (target is not None) - (branch is not None)
    if kept != len(tags):
        tags = {name: text for name, text in tags.items() if name not in (Tag.TARGET, Tag.BRANCH)}
    return (
        promise.id,
        PROMISE_NUMBERS[promise.state],
        promise.timeout_at,
        promise.created_at,
        promise.settled_at,
        target,
        branch,
        _text(tags) if kept else None,
        _headers(promise.param),
        promise.param.data,
        _headers(promise.value),
        promise.value.data,
        *(_NO_TASK if task is None else task_columns(task)),
    )


def settlement_columns(promise: PromiseObject) -> Row:
    """The columns that change when a promise settles."""
    value = promise.value
    return (PROMISE_NUMBERS[promise.state], promise.settled_at, _headers(value), value.data)


def task_columns(task: TaskObject) -> Row:
    """The columns of a task."""
    return (
        TASK_NUMBERS[task.state],
        task.version,
        task.pid,
        task.ttl,
        task.expires_at,
        task.retry_at,
        _text(task.resumes) if task.resumes else None,
    )


def schedule_row(schedule: ScheduleObject) -> Row:
    """The columns of a schedule."""
    return (
        schedule.id,
        schedule.cron,
        schedule.promise_id,
        schedule.promise_timeout,
        _headers(schedule.promise_param),
        schedule.promise_param.data,
        _text(schedule.promise_tags) if schedule.promise_tags else None,
        schedule.created_at,
        schedule.next_run_at,
        schedule.last_run_at,
    )


def tags_filter(tags: tuple[tuple[str, str], ...]) -> dict[str, str | None]:
    """The parameters of the fragment ``promise_filter`` that have to do with tags."""
    wanted = dict(tags)
    return {
        "target": wanted.pop(Tag.TARGET, None),
        "branch": wanted.pop(Tag.BRANCH, None),
        "tags": _text(wanted) if wanted else None,
    }


def json_text(value: object) -> str:
    """As JSON."""
    return _encode(value).decode()


_text: Final = json_text


def _headers(value: Value) -> str | None:
    return None if value.headers is None else _text(value.headers)


def _value(headers: str | None, data: str | None) -> Value:
    if headers is None:
        return NO_VALUE if data is None else Value(None, data)
    return Value(_decode_map(headers), data)


def _tags(target: str | None, branch: str | None, tags: str | None) -> dict[str, str]:
    found = {} if tags is None else _decode_map(tags)
    if target is not None:
        found[Tag.TARGET] = target
    if branch is not None:
        found[Tag.BRANCH] = branch
    return found


def _damaged(kind: str, id: str) -> StoreInvalidError:
    return StoreInvalidError(
        f"the stored {kind} {id!r} cannot be read: the file is damaged. Restore it from a backup, or copy "
        "what is readable with `sqlite3 FILE .recover`."
    )
