"""One process owns a store's file: it alone writes. The proof is an advisory lock on a file beside it.

The lock goes with the process, however it ends, so a crash never leaves a store locked.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from troth.errors import StoreOwnedError


class Ownership:
    """The lock, held until ``release``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Own the store at the path. The lock file stays when it is released: removing it would be a race."""
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner_pid = _read_pid(descriptor)
            os.close(descriptor)
            raise _owned(path, owner_pid) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let another process have it. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _owned(path: Path, owner_pid: int | None) -> StoreOwnedError:
    if owner_pid == os.getpid():
        return StoreOwnedError(
            f"{path} is open in this process already: use the app that holds it, or close that one first.",
            owner_pid,
        )
    owner, stop = ("another process", "stop it")
    if owner_pid is not None:
        owner, stop = (f"process {owner_pid}", f"stop it (kill {owner_pid})")
    return StoreOwnedError(
        f"{path} is owned by {owner}: one process at a time writes to a store. Wait until it ends, {stop}, "
        "or look inside meanwhile with `troth get`, `troth tree` and `troth search`, which only read.",
        owner_pid,
    )
