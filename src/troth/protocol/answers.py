"""What a server answers: a status and either an answer's data or, when it refuses, a sentence (protocol §1)."""

from typing import Final

from msgspec import Struct

from .records import Promise, Schedule, Task


class Refusal(Struct, frozen=True):
    """Why a request was refused. ``cycle`` names the ids of a refused cycle of awaits, from the callee to itself."""

    reason: str
    cycle: tuple[str, ...] = ()


class PromiseAnswer(Struct, frozen=True):
    """One promise."""

    promise: Promise


class TaskAnswer(Struct, frozen=True):
    """One task."""

    task: Task


class GrantAnswer(Struct, frozen=True):
    """A task together with its promise; ``preload`` are the other promises of the same branch."""

    task: Task
    promise: Promise
    preload: tuple[Promise, ...] = ()


class FenceAnswer(Struct, frozen=True):
    """The inner operation's own status and, unless it was refused, its promise."""

    kind: str
    status: int
    result: PromiseAnswer | Refusal
    preload: tuple[Promise, ...] = ()


class PreloadAnswer(Struct, frozen=True):
    """Answer 300 to a suspend: something awaited has settled; go on."""

    preload: tuple[Promise, ...] = ()


class PromisePage(Struct, frozen=True, omit_defaults=True):
    """Promises by id; ``cursor`` is absent on the last page."""

    promises: tuple[Promise, ...]
    cursor: str | None = None


class TaskPage(Struct, frozen=True, omit_defaults=True):
    """Tasks by id; ``cursor`` is absent on the last page."""

    tasks: tuple[Task, ...]
    cursor: str | None = None


class ScheduleAnswer(Struct, frozen=True):
    """One schedule."""

    schedule: Schedule


class SchedulePage(Struct, frozen=True, omit_defaults=True):
    """Schedules by id; ``cursor`` is absent on the last page."""

    schedules: tuple[Schedule, ...]
    cursor: str | None = None


class Empty(Struct, frozen=True):
    """Nothing to say but yes."""


EMPTY: Final = Empty()

Answer = (
    PromiseAnswer
    | TaskAnswer
    | GrantAnswer
    | FenceAnswer
    | PreloadAnswer
    | PromisePage
    | TaskPage
    | ScheduleAnswer
    | SchedulePage
    | Empty
)


class Response(Struct, frozen=True):
    """An answer with its status: 200, 300, or a refusal (4xx, 5xx)."""

    status: int
    data: Answer | Refusal

    @property
    def ok(self) -> bool:
        """Whether the request was carried out (2xx or 300)."""
        return self.status <= 300
