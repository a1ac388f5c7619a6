"""What is stored: immutable objects. A change is a new object; only `project` lets time touch state."""

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from troth.protocol.records import (
    NO_VALUE,
    Promise,
    PromiseState,
    Schedule,
    Tag,
    Task,
    TaskState,
    Value,
)


class PromiseObject(Struct, frozen=True):
    """A stored promise. Its subscriptions (callbacks, listeners) are rows of their own."""

    id: str
    state: PromiseState
    param: Value
    value: Value
    tags: dict[str, str]
    timeout_at: int
    created_at: int
    settled_at: int | None = None

    @property
    def pending(self) -> bool:
        """Whether the stored state is pending (not projected)."""
        return self.state is PromiseState.PENDING

    @property
    def target(self) -> str | None:
        """The address of those who may compute it; only a promise with a target has a task."""
        return self.tags.get(Tag.TARGET)

    @property
    def timer(self) -> bool:
        """Whether its deadline resolves it instead of rejecting it."""
        return self.tags.get(Tag.TIMER) == "true"

    def overdue(self, now: int) -> bool:
        """Pending in the store although its deadline has come; the deadline wins the tie (protocol §3)."""
        return self.state is PromiseState.PENDING and self.timeout_at <= now

    def project(self, now: int) -> Self:
        """The promise as it is at ``now``, whether or not its timeout has been written yet."""
        return self.timed_out() if self.overdue(now) else self

    def timed_out(self) -> Self:
        """The deadline's verdict."""
        state = PromiseState.RESOLVED if self.timer else PromiseState.TIMED_OUT
        return replace(self, state=state, value=NO_VALUE, settled_at=self.timeout_at)

    def settled(self, state: PromiseState, value: Value, at: int) -> Self:
        """The promise settled by somebody."""
        return replace(self, state=state, value=value, settled_at=at)

    def record(self) -> Promise:
        """As the wire shows it."""
        return Promise(
            self.id,
            self.state,
            self.param,
            self.value,
            self.tags,
            self.timeout_at,
            self.created_at,
            self.settled_at,
        )


class TaskObject(Struct, frozen=True):
    """A stored task. ``version`` is the fencing token.

    ``resumes`` are the awaited ids that settled since the last grant. Its one timer is a function of its
    state: pending → ``retry_at``, acquired → ``expires_at``, otherwise none.
    """

    id: str
    state: TaskState
    version: int
    resumes: tuple[str, ...] = ()
    pid: str | None = None
    ttl: int | None = None
    expires_at: int | None = None
    retry_at: int | None = None

    def acquired(self, pid: str, ttl: int, now: int) -> Self:
        """Granted to a process for ``ttl`` milliseconds: the only place a version grows."""
        return replace(
            self,
            state=TaskState.ACQUIRED,
            version=self.version + 1,
            resumes=(),
            pid=pid,
            ttl=ttl,
            expires_at=now + ttl,
            retry_at=None,
        )

    def renewed(self, now: int) -> Self:
        """The lease, from now on again."""
        assert self.ttl is not None, "only an acquired task is renewed"
        return replace(self, expires_at=now + self.ttl)

    def forgot_resumes(self) -> Self:
        """Its holder has heard of what settled meanwhile."""
        return replace(self, resumes=())

    def offered(self, retry_at: int) -> Self:
        """Offered to its target; again at ``retry_at`` should nobody take it."""
        return replace(self, retry_at=retry_at)

    def runnable(self, at: int) -> Self:
        """Back in the queue, offered from ``at``."""
        return replace(self, state=TaskState.PENDING, pid=None, ttl=None, expires_at=None, retry_at=at)

    def resumed(self, awaited_id: str, now: int) -> Self:
        """What it waits for has settled: if suspended it is offered from now, else it just learns of it."""
        resumes = self.resumes if awaited_id in self.resumes else (*self.resumes, awaited_id)
        if self.state is not TaskState.SUSPENDED:
            return replace(self, resumes=resumes)
        return replace(self, state=TaskState.PENDING, resumes=resumes, retry_at=now)

    def suspended(self) -> Self:
        """Waiting for one of its callbacks."""
        return self._idle(TaskState.SUSPENDED, ())

    def halted(self) -> Self:
        """Stopped until continued; what it was resumed for is kept."""
        return self._idle(TaskState.HALTED, self.resumes)

    def fulfilled(self) -> Self:
        """Done, because its promise is settled."""
        return self._idle(TaskState.FULFILLED, ())

    def _idle(self, state: TaskState, resumes: tuple[str, ...]) -> Self:
        return replace(self, state=state, resumes=resumes, pid=None, ttl=None, expires_at=None, retry_at=None)

    def record(self) -> Task:
        """As the wire shows it."""
        return Task(self.id, self.state, self.version, len(self.resumes), self.ttl, self.pid)


class ScheduleObject(Struct, frozen=True):
    """A stored schedule."""

    id: str
    cron: str
    promise_id: str
    promise_timeout: int
    promise_param: Value
    promise_tags: dict[str, str]
    created_at: int
    next_run_at: int
    last_run_at: int | None = None

    def record(self) -> Schedule:
        """As the wire shows it."""
        return Schedule(
            self.id,
            self.cron,
            self.promise_id,
            self.promise_timeout,
            self.promise_param,
            self.promise_tags,
            self.created_at,
            self.next_run_at,
            self.last_run_at,
        )
