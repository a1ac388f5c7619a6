"""Random requests that meet: few ids, few addresses, a small horizon in which deadlines tie.

Drawn from a seeded generator and from the state the last request has left, so that most of them do
something. The same seed over the same states draws the same requests.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from troth.machine.properties import State
from troth.protocol.records import NEVER, NO_VALUE, PromiseState, Tag, TaskState, Value
from troth.protocol.requests import (
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateSchedule,
    CreateTask,
    DeleteSchedule,
    FenceTask,
    FulfillTask,
    GetCallees,
    GetCallers,
    GetPromise,
    GetSchedule,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    RegisterCallback,
    RegisterListener,
    ReleaseTask,
    Request,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
    TaskRef,
)

IDS: Final = ("a", "b", "c", "d", "e", "é.1")
"""Promises. Six are enough for chains, cycles and fan-out."""

GENERATION: Final = 40
"""Requests after which fresh ids take over: promises settle for ever, and settled ones soon say all they have to."""

TARGETS: Final = ("poll://any@g", "poll://any@g/1", "https://example.com/hook")
BRANCHES: Final = ("left", "right")
PIDS: Final = ("p", "q")
HORIZON_MS: Final = 30
"""Deadlines and leases end within this many milliseconds, or never."""

FAULT_RATE: Final = 0.04
"""How often a field holds something that no server accepts."""


class Workload:
    """Draws one request after another."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._drawn = 0
        self._draws: tuple[Callable[[State, int], Request], ...] = (
            *(self._create_promise, self._settle_promise, self._create_task, self._acquire_task) * 3,
            *(self._fence_task, self._suspend_task, self._fulfill_task, self._suspend_task) * 3,
            *(self._register_callback, self._register_listener, self._release_task, self._heartbeat) * 2,
            *(self._halt_task, self._continue_task, self._create_schedule, self._delete_schedule),
            *(self._get_promise, self._get_task, self._get_schedule, self._search, self._edges),
        )
        acquired = (TaskState.ACQUIRED,)
        self._needs: dict[Callable[[State, int], Request], tuple[TaskState, ...]] = {
            self._acquire_task: (TaskState.PENDING,),
            self._fence_task: acquired,
            self._suspend_task: acquired,
            self._fulfill_task: acquired,
            self._release_task: acquired,
            self._register_callback: (TaskState.ACQUIRED, TaskState.SUSPENDED),
            self._continue_task: (TaskState.HALTED,),
        }
        """Draws that say little unless there is a task in such a state."""

    def draw(self, state: State, now: int) -> Request:
        """The next request."""
        self._drawn += 1
        draw = self._random.choice(self._draws)
        wanted = self._needs.get(draw)
        if wanted is None or self._flip(0.1) or any(task.state in wanted for task in state.tasks):
            return draw(state, now)
        return self._create_task(state, now)

    def pause_ms(self) -> int:
        """How long to wait before it; most often not at all."""
        return self._random.choice((0, 0, 0, 0, 0, 1, 2, HORIZON_MS // 2))

    # --- fields

    def _flip(self, rate: float) -> bool:
        return self._random.random() < rate

    def _id(self, fault_rate: float = FAULT_RATE) -> str:
        if self._flip(fault_rate):
            return self._random.choice(("", "\0", "\ud800"))
        return self._random.choice(self._ids())

    def _ids(self) -> tuple[str, ...]:
        generation = self._drawn // GENERATION - (1 if self._flip(0.1) else 0)
        return tuple(f"{id}{generation}" for id in IDS) if generation > 0 else IDS

    def _task_at(self, state: State, *wanted: TaskState) -> tuple[str, int]:
        """Most often a task in a state the request can work on, at its version."""
        tasks = [task for task in state.tasks if task.state in wanted]
        if not tasks or self._flip(0.1):
            return self._id(0.2), self._random.choice((0, 1, 2, -1))
        task = self._random.choice(tasks)
        return task.id, task.version + (1 if self._flip(0.05) else 0)

    def _instant(self, now: int) -> int:
        if self._flip(FAULT_RATE):
            return self._random.choice((-1, NEVER + 1))
        return NEVER if self._flip(0.4) else max(0, now + self._random.randint(-2, HORIZON_MS))

    def _ttl(self) -> int:
        return 0 if self._flip(FAULT_RATE) else self._random.randint(1, HORIZON_MS)

    def _address(self) -> str:
        return "bash://rm" if self._flip(FAULT_RATE) else self._random.choice(TARGETS)

    def _value(self) -> Value:
        return self._random.choice((NO_VALUE, Value(data="MQ=="), Value(headers={"x": "1"}, data="Mg==")))

    def _state(self) -> PromiseState:
        if self._flip(FAULT_RATE):
            return self._random.choice((PromiseState.PENDING, PromiseState.TIMED_OUT))
        return self._random.choice((PromiseState.RESOLVED, PromiseState.REJECTED, PromiseState.CANCELED))

    def _tags(self, now: int, *, target: float) -> dict[str, str]:
        tags: dict[str, str] = {}
        if self._flip(target):
            tags[Tag.TARGET] = self._address()
        if self._flip(0.1):
            tags[Tag.TIMER] = "true"
        if self._flip(0.5):
            tags[Tag.BRANCH] = self._random.choice(BRANCHES)
        if self._flip(0.05):
            tags[Tag.DELAY] = "soon" if self._flip(0.2) else str(max(0, now + self._random.randint(-1, 5)))
        return tags

    def _action(self, now: int, *, target: float) -> CreatePromise:
        return CreatePromise(
            self._id(),
            self._instant(now),
            self._value(),
            self._tags(now, target=target),
            caller=self._id() if self._flip(0.5) else None,
            reuse_failed=self._flip(0.5),
        )

    # --- promises

    def _get_promise(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return GetPromise(self._id())

    def _create_promise(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return self._action(now, target=0.6)

    def _settle_promise(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return SettlePromise(self._id(), self._state(), self._value())

    def _register_callback(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        awaiter, _ = self._task_at(state, TaskState.SUSPENDED, TaskState.ACQUIRED)
        return RegisterCallback(self._id(), awaiter)

    def _register_listener(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return RegisterListener(self._id(), self._address())

    def _edges(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return self._random.choice((GetCallees, GetCallers))(self._id(0.2))

    def _search(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        limit = 0 if self._flip(FAULT_RATE) else self._random.randint(1, 3)
        cursor = self._random.choice((None, self._id()))
        tags = {Tag.BRANCH: self._random.choice(BRANCHES)} if self._flip(0.5) else {}
        state_wanted = self._random.choice((None, *PromiseState))
        prefix = self._random.choice(("", "a", "é"))
        return self._random.choice(
            (
                SearchPromises(state_wanted, tags, limit, cursor, prefix),
                SearchTasks(self._random.choice((None, *TaskState)), limit, cursor),
                SearchSchedules(tags, limit, cursor),
            )
        )

    # --- tasks

    def _get_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return GetTask(self._id())

    def _create_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return CreateTask(self._random.choice(PIDS), self._ttl(), self._action(now, target=0.95))

    def _acquire_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        id, version = self._task_at(state, TaskState.PENDING)
        return AcquireTask(id, version, self._random.choice(PIDS), self._ttl())

    def _fence_task(self, state: State, now: int) -> Request:
        id, version = self._task_at(state, TaskState.ACQUIRED)
        settle = SettlePromise(self._id(), self._state(), self._value())
        action = self._action(now, target=0.5)
        if self._flip(0.8):
            callers = [caller for caller, callee in state.calls if callee == id]
            callee = self._random.choice(callers) if callers and self._flip(0.3) else action.id
            action = CreatePromise(callee, action.timeout_at, action.param, action.tags, caller=id)
        return FenceTask(id, version, settle if self._flip(0.3) else action)

    def _suspend_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        id, version = self._task_at(state, TaskState.ACQUIRED)
        pending = [promise.id for promise in state.promises if promise.pending and promise.id != id]
        awaited_ids = self._random.choices(self._ids(), k=self._random.choice((0, 1, 1, 2, 3)))
        if pending and self._flip(0.8):
            awaited_ids = self._random.sample(pending, min(len(pending), 2))
        awaiter = self._id() if self._flip(FAULT_RATE) else id
        return SuspendTask(id, version, tuple(RegisterCallback(awaited, awaiter) for awaited in awaited_ids))

    def _fulfill_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        id, version = self._task_at(state, TaskState.ACQUIRED)
        settled = self._id() if self._flip(FAULT_RATE) else id
        return FulfillTask(id, version, SettlePromise(settled, self._state(), self._value()))

    def _release_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return ReleaseTask(*self._task_at(state, TaskState.ACQUIRED))

    def _heartbeat(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        refs = [TaskRef(*self._task_at(state, TaskState.ACQUIRED)) for _ in range(self._random.randint(0, 3))]
        return HeartbeatTasks(self._random.choice(PIDS), tuple(refs))

    def _halt_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        id, _ = self._task_at(state, TaskState.PENDING, TaskState.ACQUIRED, TaskState.SUSPENDED)
        return HaltTask(id if self._flip(0.5) else self._id())

    def _continue_task(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        id, _ = self._task_at(state, TaskState.HALTED)
        return ContinueTask(id)

    # --- schedules

    def _get_schedule(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return GetSchedule(self._id())

    def _create_schedule(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return CreateSchedule(
            self._id(),
            cron=self._random.choice(("* * * * * *", "*/2 * * * * *", "@hourly", "never")),
            promise_id=self._random.choice(("{{.id}}", "{{.id}}.{{.timestamp}}", "a")),
            promise_timeout=self._random.choice((0, 1500, NEVER)),
            promise_param=self._value(),
            promise_tags=self._tags(now, target=0.5),
        )

    def _delete_schedule(self, state: State, now: int) -> Request:  # noqa: ARG002 - all draws have one shape
        return DeleteSchedule(self._id())
