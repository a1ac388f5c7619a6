"""The twenty-one requests of the protocol (§4 to §6) and the extensions of ours, as plain data.

Nested actions of the wire are flattened: ``task.fulfill`` carries a ``SettlePromise``. ``KINDS`` maps each type to
the wire's name of it. A request is never validated on construction; the machine's guards answer 400.
"""

from typing import Final

from msgspec import Struct

from .records import NO_VALUE, PromiseState, TaskState, Value


class Request(Struct, frozen=True):
    """Base of all requests."""


# --- promises


class GetPromise(Request, frozen=True):
    """``promise.get``."""

    id: str


class CreatePromise(Request, frozen=True):
    """``promise.create``; an existing id answers its stored record, unchanged.

    Two optional members are extensions; a plain server ignores them. ``caller`` stores the call edge caller → id, and
    the create is refused (422) when id is pending and already waits, directly or not, for the caller. With
    ``reuse_failed=False`` a record that failed before this request is answered but not called: no edge is
    stored, so that the caller may open the next generation.
    """

    id: str
    timeout_at: int
    param: Value = NO_VALUE
    tags: dict[str, str] = {}
    caller: str | None = None
    reuse_failed: bool = True


class SettlePromise(Request, frozen=True):
    """``promise.settle``; the first writer wins, later ones get the stored record."""

    id: str
    state: PromiseState
    value: Value = NO_VALUE


class RegisterCallback(Request, frozen=True):
    """``promise.register_callback``: resume the awaiter's task when the awaited promise settles."""

    awaited_id: str
    awaiter_id: str


class RegisterListener(Request, frozen=True):
    """``promise.register_listener``: send an unblock message to the address when the promise settles."""

    awaited_id: str
    address: str


class SearchPromises(Request, frozen=True):
    """``promise.search``; by id, ascending. ``prefix`` (of the id) is an extension. 1 ≤ limit ≤ 1000."""

    state: PromiseState | None = None
    tags: dict[str, str] = {}
    limit: int = 100
    cursor: str | None = None
    prefix: str = ""


class GetCallees(Request, frozen=True):
    """Extension: the promises that ``caller_id`` called, in the order of its calls."""

    caller_id: str


class GetCallers(Request, frozen=True):
    """Extension: the promises that called ``callee_id``, oldest edge first."""

    callee_id: str


# --- tasks


class GetTask(Request, frozen=True):
    """``task.get``."""

    id: str


class CreateTask(Request, frozen=True):
    """``task.create``: create the promise and hold its task at once. ``ttl`` is the lease in milliseconds."""

    pid: str
    ttl: int
    action: CreatePromise


class AcquireTask(Request, frozen=True):
    """``task.acquire``: hold a pending task; ``version`` must be the one offered."""

    id: str
    version: int
    pid: str
    ttl: int


class FenceTask(Request, frozen=True):
    """``task.fence``: create or settle another promise, only while this version of the task is held."""

    id: str
    version: int
    action: CreatePromise | SettlePromise


class SuspendTask(Request, frozen=True):
    """``task.suspend``: give the task up until one of the awaited promises settles."""

    id: str
    version: int
    actions: tuple[RegisterCallback, ...]


class FulfillTask(Request, frozen=True):
    """``task.fulfill``: settle the task's own promise, only while this version of the task is held."""

    id: str
    version: int
    action: SettlePromise


class ReleaseTask(Request, frozen=True):
    """``task.release``: give the task back, undone."""

    id: str
    version: int


class TaskRef(Struct, frozen=True):
    """A task at a version."""

    id: str
    version: int


class HeartbeatTasks(Request, frozen=True):
    """``task.heartbeat``: renew the leases of the named tasks that this process holds."""

    pid: str
    tasks: tuple[TaskRef, ...]


class HaltTask(Request, frozen=True):
    """``task.halt``: stop dispatching the task until it is continued."""

    id: str


class ContinueTask(Request, frozen=True):
    """``task.continue``: let a halted task run again."""

    id: str


class SearchTasks(Request, frozen=True):
    """``task.search``; by id, ascending. 1 ≤ limit ≤ 1000."""

    state: TaskState | None = None
    limit: int = 100
    cursor: str | None = None


# --- schedules


class GetSchedule(Request, frozen=True):
    """``schedule.get``."""

    id: str


class CreateSchedule(Request, frozen=True):
    """``schedule.create``; idempotent by id. ``promise_timeout`` is a span in milliseconds."""

    id: str
    cron: str
    promise_id: str
    promise_timeout: int
    promise_param: Value = NO_VALUE
    promise_tags: dict[str, str] = {}


class DeleteSchedule(Request, frozen=True):
    """``schedule.delete``."""

    id: str


class SearchSchedules(Request, frozen=True):
    """``schedule.search``; by id, ascending. 1 ≤ limit ≤ 1000."""

    tags: dict[str, str] = {}
    limit: int = 100
    cursor: str | None = None


KINDS: Final[dict[type[Request], str]] = {
    GetPromise: "promise.get",
    CreatePromise: "promise.create",
    SettlePromise: "promise.settle",
    RegisterCallback: "promise.register_callback",
    RegisterListener: "promise.register_listener",
    SearchPromises: "promise.search",
    GetTask: "task.get",
    CreateTask: "task.create",
    AcquireTask: "task.acquire",
    FenceTask: "task.fence",
    SuspendTask: "task.suspend",
    FulfillTask: "task.fulfill",
    ReleaseTask: "task.release",
    HeartbeatTasks: "task.heartbeat",
    HaltTask: "task.halt",
    ContinueTask: "task.continue",
    SearchTasks: "task.search",
    GetSchedule: "schedule.get",
    CreateSchedule: "schedule.create",
    DeleteSchedule: "schedule.delete",
    SearchSchedules: "schedule.search",
}
"""Each request of the protocol and the wire's name of it."""

EXTENSIONS: Final[dict[type[Request], str]] = {
    GetCallees: "promise.callees",
    GetCallers: "promise.callers",
}
"""Requests of ours that a plain server of the protocol does not know."""
