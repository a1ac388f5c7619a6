"""What a server sends by itself (protocol §7)."""

from msgspec import Struct

from .records import Promise


class Execute(Struct, frozen=True):
    """There is work: acquire the task with this version."""

    task_id: str
    version: int


class Unblock(Struct, frozen=True):
    """A promise that was listened to has settled."""

    promise: Promise


Message = Execute | Unblock
