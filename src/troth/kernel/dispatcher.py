"""Who gets a runnable task.

A worker that is connected with the room it has gets tasks *handed over*: the kernel acquires a task for it in the very
commit that makes the task runnable. What nobody has room for stays in the store, and its target is noted as backlog.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from troth.machine.objects import PromiseObject
from troth.protocol.messages import Grant
from troth.protocol.records import Value


class Worker(Protocol):
    """The other end of a connection that takes tasks handed over. ``pid`` names the holder of its leases."""

    @property
    def pid(self) -> str:
        """Unique for the life of the connection."""
        ...

    @property
    def ttl_ms(self) -> int:
        """The lease it wants, in milliseconds."""
        ...

    @property
    def targets(self) -> Iterable[str]:
        """The addresses it serves."""
        ...

    def room(self) -> int:
        """How many more tasks it can start now."""
        ...

    def accepts(self, param: Value) -> bool:
        """Whether it can compute a promise with this param (it knows the function)."""
        ...

    def deliver(self, grant: Grant) -> None:
        """Take a task; it is held already, durably. Must not raise."""
        ...


class Dispatcher:
    """The connected workers, and the targets that have work waiting in the store."""

    def __init__(self) -> None:
        self._workers: dict[str, list[Worker]] = {}
        self._pids: dict[str, Worker] = {}
        self._claimed: dict[str, int] = {}
        self._backlog: dict[str, bool] = {}
        self._early: set[str] = set()

    def connect(self, worker: Worker, *, early: bool = False) -> None:
        """From now on the worker is offered tasks; what already waits for it counts as backlog.

        Connecting again makes its targets known again. ``early``: it shares our fate, so a task that its own function
        created may start before the commit that grants it.
        """
        self.disconnect(worker)
        if early:
            self._early.add(worker.pid)
        self._pids[worker.pid] = worker
        for target in worker.targets:
            self._workers.setdefault(target, []).append(worker)
            self._backlog[target] = True

    def disconnect(self, worker: Worker) -> None:
        """Offer it nothing more. Its leases are not touched."""
        self._pids.pop(worker.pid, None)
        self._early.discard(worker.pid)
        for target, workers in list(self._workers.items()):
            if worker in workers:
                workers.remove(worker)
            if not workers:
                del self._workers[target]
                self._backlog.pop(target, None)

    def alive(self, pid: str | None) -> bool:
        """Whether the holder of a lease is connected in this process, which is proof enough that it lives."""
        return pid in self._pids

    def starts_early(self, pid: str | None) -> bool:
        """Whether the worker may start a task before its grant is committed."""
        return pid in self._early

    def claim(self, promise: PromiseObject) -> Worker | None:
        """A worker that has room for the promise's task, the roomiest first; room is reserved until it is settled."""
        target = promise.target
        best: Worker | None = None
        best_room = 0
        for worker in self._workers.get(target or "", ()):
            room = worker.room() - self._claimed.get(worker.pid, 0)
            if room > best_room and worker.accepts(promise.param):
                best, best_room = worker, room
        if best is not None:
            self._claimed[best.pid] = self._claimed.get(best.pid, 0) + 1
        return best

    def settle_claim(self, pid: str) -> None:
        """A claim was delivered: from now on the worker counts it itself."""
        left = self._claimed.pop(pid, 0) - 1
        if left > 0:
            self._claimed[pid] = left

    def settle_claims(self) -> None:
        """The batch is over: claims were delivered or dropped, and the workers' own counts hold again."""
        self._claimed.clear()

    def owes(self, target: str) -> bool:
        """Whether older work for the target may wait in the store; what is new has to queue up behind it."""
        return target in self._backlog

    def note_backlog(self, target: str) -> None:
        """Work for the target waits in the store."""
        if target in self._workers:
            self._backlog.setdefault(target, False)

    def expect_backlog(self) -> None:
        """Time has passed: work may be due for anybody."""
        for target in self._workers:
            self._backlog.setdefault(target, False)

    def looked(self, target: str, *, empty: bool) -> None:
        """The store was asked for the target's work; with ``empty`` there is no more, else others come first now."""
        self._backlog.pop(target, None)
        if not empty:
            self._backlog[target] = False

    def hungry(self) -> Sequence[tuple[str, bool]]:
        """Targets with backlog and room for it, the longest unserved first, and whether a worker is new.

        For a new worker also what was offered to others a moment ago is worth a look.
        """
        if not self._backlog:
            return ()
        return [(target, new) for target, new in self._backlog.items() if self.room(target) > 0]

    def room(self, target: str) -> int:
        """How many tasks the target's workers can still be granted."""
        workers = self._workers.get(target, ())
        return sum(max(0, worker.room() - self._claimed.get(worker.pid, 0)) for worker in workers)
