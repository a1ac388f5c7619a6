"""What a store holds, as the wire shows it (protocol §2).

Instants are integer milliseconds since the epoch. An absent member is omitted, never null.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

VERSION: Final = "2026-04-01"
"""The protocol version these shapes belong to."""

NEVER: Final = 2**53 - 1
"""The deadline of a promise without one: the largest instant every client can represent exactly."""


class PromiseState(StrEnum):
    """A promise is pending once, then settled for ever."""

    PENDING = "pending"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    CANCELED = "rejected_canceled"
    TIMED_OUT = "rejected_timedout"


class TaskState(StrEnum):
    """Where the work behind a promise stands."""

    PENDING = "pending"
    ACQUIRED = "acquired"
    SUSPENDED = "suspended"
    HALTED = "halted"
    FULFILLED = "fulfilled"


class Value(Struct, frozen=True, omit_defaults=True):
    """A payload: optional headers and optional data (base64 text of whatever the SDK's codec wrote)."""

    headers: dict[str, str] | None = None
    data: str | None = None


NO_VALUE: Final = Value()


class Promise(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A write-once record. ``settled_at`` is absent while pending."""

    id: str
    state: PromiseState
    param: Value
    value: Value
    tags: dict[str, str]
    timeout_at: int
    created_at: int
    settled_at: int | None = None


class Task(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The work of a promise with a target; its id is the promise's. ``ttl`` and ``pid`` only while acquired."""

    id: str
    state: TaskState
    version: int
    resumes: int
    ttl: int | None = None
    pid: str | None = None


class Schedule(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A cron line that creates one promise an occurrence (protocol §6)."""

    id: str
    cron: str
    promise_id: str
    promise_timeout: int
    promise_param: Value
    promise_tags: dict[str, str]
    created_at: int
    next_run_at: int
    last_run_at: int | None = None


class Tag:
    """Names of the tags the protocol gives a meaning (protocol §8)."""

    TARGET: Final = "resonate:target"
    TIMER: Final = "resonate:timer"
    DELAY: Final = "resonate:delay"
    SCOPE: Final = "resonate:scope"
    BRANCH: Final = "resonate:branch"
    PARENT: Final = "resonate:parent"
    ORIGIN: Final = "resonate:origin"
    PREFIX: Final = "resonate:prefix"
    EXTERNAL: Final = "resonate:external"
    SCHEDULE: Final = "resonate:schedule"
