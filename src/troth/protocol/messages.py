"""What a server sends by itself (protocol §7)."""

from msgspec import Struct

from .records import Promise, Task


class Execute(Struct, frozen=True):
    """There is work: acquire the task with this version."""

    task_id: str
    version: int


class Unblock(Struct, frozen=True):
    """A promise that was listened to has settled."""

    promise: Promise


class Grant(Struct, frozen=True):
    """Extension, a handed-over execute: the task is acquired for the worker already."""

    task: Task
    promise: Promise


Message = Execute | Unblock
