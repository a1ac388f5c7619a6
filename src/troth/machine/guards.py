"""What a request itself can have wrong: the 400s of protocol §4 to §6, before anything is read.

A fault is the reason as a sentence, or None. What passes here can be stored by every store and sent to every
client: no NUL (some databases refuse it), no lone surrogate (it has no UTF-8), no id too long for an index.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from troth.protocol.addresses import parse_address
from troth.protocol.records import NO_VALUE, PromiseState, Tag, Value
from troth.protocol.requests import (
    CreatePromise,
    CreateTask,
    HeartbeatTasks,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
)

from .limits import (
    HEADERS_MAX,
    HEARTBEAT_TASKS_MAX,
    ID_BYTES_MAX,
    INSTANT_MAX,
    SEARCH_LIMIT_MAX,
    SUSPEND_ACTIONS_MAX,
    TAGS_MAX,
    TTL_MS_MAX,
)

SETTABLE: Final = frozenset({PromiseState.RESOLVED, PromiseState.REJECTED, PromiseState.CANCELED})
"""What somebody may settle a promise to; the fourth, ``rejected_timedout``, is the deadline's alone."""

_INSTANT_DIGITS_MAX: Final = len(str(INSTANT_MAX))


# --- texts


def text_fault(text: str, what: str) -> str | None:
    """A text of any length."""
    if "\0" in text:
        return f"{what} contains a NUL character"
    if text.isascii():
        return None
    return _encoding_fault(text, what)


def key_fault(text: str, what: str) -> str | None:
    """A text that may be empty and is stored in an index."""
    if text.isascii():
        if len(text) > ID_BYTES_MAX:
            return f"{what} is longer than {ID_BYTES_MAX} bytes"
        return f"{what} contains a NUL character" if "\0" in text else None
    fault = text_fault(text, what)
    if fault is None and len(text.encode()) > ID_BYTES_MAX:
        return f"{what} is longer than {ID_BYTES_MAX} bytes"
    return fault


@lru_cache(maxsize=4096)  # an id is checked in the footprint, in the guards, and again in the next request about it
def id_fault(id: str, what: str = "id") -> str | None:
    """An id, a process id or an address."""
    return key_fault(id, what) if id else f"{what} is empty"


def _encoding_fault(text: str, what: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"{what} contains a lone surrogate, which has no UTF-8"
    return None


@lru_cache(maxsize=256)  # the same few workers are named again and again
def address_fault(address: str) -> str | None:
    """Where messages can be delivered (protocol §7)."""
    if fault := id_fault(address, "address"):
        return fault
    if parse_address(address) is None:
        return f"address {address!r} is neither poll://any@group[/id] nor poll://uni@group/id nor an http(s) URL"
    return None


def value_fault(value: Value, what: str) -> str | None:
    """A payload: headers and data."""
    if value is NO_VALUE:
        return None
    if value.headers and (fault := _texts_fault(value.headers, f"{what}.headers", HEADERS_MAX)):
        return fault
    return text_fault(value.data, f"{what}.data") if value.data else None


def _texts_fault(texts: Mapping[str, str], what: str, count_max: int) -> str | None:
    if len(texts) > count_max:
        return f"{what} has more than {count_max} members"
    for name, text in texts.items():
        if name.isascii() and text.isascii() and len(name) + len(text) <= ID_BYTES_MAX:
            if "\0" in name or "\0" in text:
                return f"{what} contains a NUL character"
        elif fault := key_fault(name, what) or key_fault(text, what):
            return fault
    return None


# --- numbers


def instant_fault(instant: int, what: str) -> str | None:
    """Milliseconds since the epoch, or a span of them."""
    return None if 0 <= instant <= INSTANT_MAX else f"{what} is not within 0 and {INSTANT_MAX}"


def version_fault(version: int) -> str | None:
    """A task's version."""
    return None if 0 <= version <= INSTANT_MAX else "version is negative or too large"


def holder_fault(pid: str, ttl: int) -> str | None:
    """Who asks for a lease, and for how many milliseconds."""
    if not 1 <= ttl <= TTL_MS_MAX:
        return f"ttl is not within 1 and {TTL_MS_MAX} milliseconds"
    return id_fault(pid, "pid")


def task_fault(id: str, version: int) -> str | None:
    """A task at a version."""
    return id_fault(id) or version_fault(version)


# --- promises and tasks


def tags_fault(tags: Mapping[str, str], what: str) -> str | None:
    """Tags, and what those of them mean that the protocol gives a meaning; the delay apart."""
    if not tags:
        return None
    if fault := _texts_fault(tags, what, TAGS_MAX):
        return fault
    target = tags.get(Tag.TARGET)
    if target is None:
        return None
    if tags.get(Tag.TIMER) == "true":
        return f"a promise is either a timer or has a target: {Tag.TIMER} and {Tag.TARGET} exclude each other"
    fault = address_fault(target)
    return f"{Tag.TARGET}: {fault}" if fault else None


def create_fault(request: CreatePromise) -> str | None:
    """``promise.create``, on its own or inside another request."""
    return (
        id_fault(request.id)
        or instant_fault(request.timeout_at, "timeoutAt")
        or (tags_fault(request.tags, "tags") or delay_fault(request.tags, request.timeout_at))
        or value_fault(request.param, "param")
        or (id_fault(request.caller, "caller") if request.caller is not None else None)
    )


def delay_fault(tags: Mapping[str, str], timeout_at: int) -> str | None:
    """The instant before which a task must not be dispatched: it needs a task, and time left after it."""
    text = tags.get(Tag.DELAY)
    if text is None:
        return None
    delay = parse_delay(text)
    if delay is None:
        return f"{Tag.DELAY} is not an instant in milliseconds since the epoch"
    if Tag.TARGET not in tags:
        return f"{Tag.DELAY} needs {Tag.TARGET}: without a target nothing is dispatched"
    return f"{Tag.DELAY} is not before timeoutAt" if delay >= timeout_at else None


def parse_delay(text: str) -> int | None:
    """The instant a delay tag names; None if it names none.

    >>> parse_delay("1700000000000"), parse_delay("-1"), parse_delay("soon")
    (1700000000000, None, None)
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _INSTANT_DIGITS_MAX):
        return None
    delay = int(text)
    return delay if delay <= INSTANT_MAX else None


def settle_fault(request: SettlePromise) -> str | None:
    """``promise.settle``, on its own or inside another request."""
    if request.state not in SETTABLE:
        return f"a promise cannot be settled to {request.state}"
    return id_fault(request.id) or value_fault(request.value, "value")


def create_task_fault(request: CreateTask) -> str | None:
    """``task.create``."""
    if Tag.TARGET not in request.action.tags:
        return f"a task needs a promise with {Tag.TARGET}"
    if Tag.DELAY in request.action.tags:
        return f"a task that is held at once cannot have {Tag.DELAY}"
    return holder_fault(request.pid, request.ttl) or create_fault(request.action)


def suspend_fault(request: SuspendTask) -> str | None:
    """``task.suspend``."""
    if not request.actions:
        return "a task that awaits nothing cannot be suspended"
    if len(request.actions) > SUSPEND_ACTIONS_MAX:
        return f"more than {SUSPEND_ACTIONS_MAX} awaited promises"
    if fault := task_fault(request.id, request.version):
        return fault
    awaited_ids: set[str] = set()
    for action in request.actions:
        if action.awaiter_id != request.id:
            return "an awaiter is not the suspended task"
        if action.awaited_id == request.id:
            return "a task cannot await itself"
        if action.awaited_id in awaited_ids:
            return f"{action.awaited_id!r} is awaited twice"
        if fault := id_fault(action.awaited_id, "awaited"):
            return fault
        awaited_ids.add(action.awaited_id)
    return None


def heartbeat_fault(request: HeartbeatTasks) -> str | None:
    """``task.heartbeat``."""
    if len(request.tasks) > HEARTBEAT_TASKS_MAX:
        return f"more than {HEARTBEAT_TASKS_MAX} tasks"
    return id_fault(request.pid, "pid") or _first(task_fault(task.id, task.version) for task in request.tasks)


def search_fault(request: SearchPromises | SearchTasks | SearchSchedules) -> str | None:
    """A search of any kind."""
    if not 1 <= request.limit <= SEARCH_LIMIT_MAX:
        return f"limit is not within 1 and {SEARCH_LIMIT_MAX}"
    if request.cursor is not None and (fault := id_fault(request.cursor, "cursor")):
        return fault
    if isinstance(request, SearchTasks):
        return None
    if fault := _texts_fault(request.tags, "tags", TAGS_MAX):
        return fault
    return key_fault(request.prefix, "prefix") if isinstance(request, SearchPromises) else None


def _first(faults: Iterable[str | None]) -> str | None:
    return next((fault for fault in faults if fault is not None), None)
