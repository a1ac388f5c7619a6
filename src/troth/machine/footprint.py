"""What a request may read, known before anything is loaded: it follows from the request alone."""

from typing import Final

from msgspec import Struct

from troth.protocol.records import PromiseState, TaskState


class PromiseQuery(Struct, frozen=True):
    """Promises by id, ascending, after ``cursor``; all ``tags`` must match."""

    state: PromiseState | None
    tags: tuple[tuple[str, str], ...]
    prefix: str
    limit: int
    cursor: str | None


class TaskQuery(Struct, frozen=True):
    """Tasks by id, ascending, after ``cursor``."""

    state: TaskState | None
    limit: int
    cursor: str | None


class ScheduleQuery(Struct, frozen=True):
    """Schedules by id, ascending, after ``cursor``; all ``tags`` must match."""

    tags: tuple[tuple[str, str], ...]
    limit: int
    cursor: str | None


class CalleesQuery(Struct, frozen=True):
    """The promises a caller called, in the order of its calls. Not paged."""

    caller_id: str


class CallersQuery(Struct, frozen=True):
    """The promises that called a callee, oldest edge first. Not paged."""

    callee_id: str


class BranchQuery(Struct, frozen=True):
    """The promises whose branch tag is this, by id; the preload of an answer."""

    branch: str
    limit: int


Query = PromiseQuery | TaskQuery | ScheduleQuery | CalleesQuery | CallersQuery | BranchQuery


class Footprint(Struct, frozen=True):
    """Promises (each with its task) and schedules by id, and at most one query."""

    promise_ids: tuple[str, ...] = ()
    schedule_ids: tuple[str, ...] = ()
    query: Query | None = None


NOTHING: Final = Footprint()
