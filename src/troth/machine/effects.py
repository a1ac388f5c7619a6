"""What a step asks to be written, and what it answers. All effects of a batch commit together."""

from msgspec import Struct

from troth.protocol.answers import Answer, Refusal, Response
from troth.protocol.messages import Message

from .objects import PromiseObject, ScheduleObject, TaskObject


class PutPromise(Struct, frozen=True):
    """Insert or replace a promise."""

    promise: PromiseObject


class PutTask(Struct, frozen=True):
    """Insert or replace a task."""

    task: TaskObject


class AddCallback(Struct, frozen=True):
    """Resume the awaiter when the awaited promise settles; idempotent."""

    awaited_id: str
    awaiter_id: str


class RemoveCallback(Struct, frozen=True):
    """The callback has fired, or will never."""

    awaited_id: str
    awaiter_id: str


class AddListener(Struct, frozen=True):
    """Tell the address when the awaited promise settles; idempotent."""

    awaited_id: str
    address: str


class RemoveListener(Struct, frozen=True):
    """The address has been told."""

    awaited_id: str
    address: str


class AddCall(Struct, frozen=True):
    """The edge caller → callee of the call graph; idempotent, never removed."""

    caller_id: str
    callee_id: str


class PutSchedule(Struct, frozen=True):
    """Insert or replace a schedule."""

    schedule: ScheduleObject


class DropSchedule(Struct, frozen=True):
    """Delete a schedule."""

    id: str


Effect = (
    PutPromise
    | PutTask
    | AddCallback
    | RemoveCallback
    | AddListener
    | RemoveListener
    | AddCall
    | PutSchedule
    | DropSchedule
)


class Sent(Struct, frozen=True):
    """A message on its way to an address."""

    address: str
    message: Message


class Outcome(Struct, frozen=True):
    """A step's answer and effects.

    ``preload_branch`` asks whoever runs the step to fill the answer's preload with the other promises of that
    branch, read after the effects: the record says which branch, so no footprint could announce it.
    """

    response: Response
    effects: tuple[Effect, ...] = ()
    preload_branch: str | None = None
    sent: Sent | None = None


def answer(data: Answer, effects: tuple[Effect, ...] = (), preload_branch: str | None = None) -> Outcome:
    """The request was carried out (200)."""
    return Outcome(Response(200, data), effects, preload_branch)


def refuse(status: int, reason: str, cycle: tuple[str, ...] = ()) -> Outcome:
    """The request was refused; nothing is written."""
    return Outcome(Response(status, Refusal(reason, cycle)))
