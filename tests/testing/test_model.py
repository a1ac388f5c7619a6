"""The model: it does what a kernel must do, and no random run of it ever breaks a property."""

from collections.abc import Iterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from troth.machine.effects import Outcome, PutPromise, Sent
from troth.machine.internal import DrainCallback, OwnStep
from troth.machine.properties import State, check_rest, check_state, check_step
from troth.machine.step import Event
from troth.protocol.answers import FenceAnswer, GrantAnswer, PreloadAnswer, PromisePage, Refusal, Response
from troth.protocol.messages import Execute, Unblock
from troth.protocol.records import PromiseState, Tag, TaskState
from troth.protocol.requests import (
    EXTENSIONS,
    KINDS,
    AcquireTask,
    CreatePromise,
    CreateSchedule,
    CreateTask,
    FenceTask,
    GetCallees,
    GetCallers,
    GetPromise,
    HeartbeatTasks,
    RegisterCallback,
    RegisterListener,
    Request,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
    TaskRef,
)
from troth.testing.model import Model
from troth.testing.samples import DEADLINE, NOW, PID, TARGET, TTL_MS
from troth.testing.workload import HORIZON_MS, Workload

TARGETED = {Tag.TARGET: TARGET}
RETRY_MS = 5


def create(id: str, timeout_at: int = DEADLINE, caller: str | None = None, **tags: str) -> CreatePromise:
    return CreatePromise(id, timeout_at, tags=TARGETED | {f"resonate:{k}": v for k, v in tags.items()}, caller=caller)


def hold(id: str, **changes: str) -> CreateTask:
    return CreateTask(PID, TTL_MS, create(id, **changes))


def suspend(id: str, *awaited_ids: str, version: int = 1) -> SuspendTask:
    return SuspendTask(id, version, tuple(RegisterCallback(awaited, id) for awaited in awaited_ids))


def resolve(id: str) -> SettlePromise:
    return SettlePromise(id, PromiseState.RESOLVED)


def run(model: Model, *requests: Request, now: int = NOW) -> list[int]:
    return [model.run(request, now).status for request in requests]


# --- what a kernel must do


def test_a_settlement_resumes_its_awaiters() -> None:
    model = Model()
    assert run(model, hold("w"), hold("v"), create("a"), suspend("w", "a"), suspend("v", "a")) == [200] * 5
    assert run(model, resolve("a")) == [200]
    for id in "wv":
        assert (model.state.task[id].state, model.state.task[id].resumes) == (TaskState.PENDING, ("a",))
    assert model.state.callbacks == ()


def test_what_a_request_touches_is_settled_first_with_its_consequences() -> None:
    model = Model()
    run(model, hold("w"), create("a", NOW + 5), suspend("w", "a"))
    run(model, GetPromise("a"), now=NOW + 5)
    assert model.state.promise["a"].state is PromiseState.TIMED_OUT
    assert model.state.task["a"].state is TaskState.FULFILLED
    assert model.state.task["w"].state is TaskState.PENDING


def test_awaiters_of_what_was_overdue_are_drained_after_the_request() -> None:
    steps: list[Event] = []
    model = Model(lambda before, after, cause, now, outcome: steps.append(cause))
    run(model, hold("w"), create("a", NOW + 5), suspend("w", "a"))
    steps.clear()
    run(model, GetPromise("a"), now=NOW + 5)
    assert [type(cause).__name__ for cause in steps] == ["TimeOutPromise", "GetPromise", "DrainCallback"]
    assert isinstance(steps[-1], DrainCallback)


def test_time_settles_expires_and_fires() -> None:
    model = Model()
    run(model, create("a", NOW + 5), hold("w"))
    run(model, CreateSchedule("s", "* * * * * *", "s.{{.timestamp}}", TTL_MS * 9))
    model.tick(NOW + TTL_MS)
    assert model.state.promise["a"].state is PromiseState.TIMED_OUT
    assert model.state.task["w"].state is TaskState.PENDING
    fired = [id for id in model.state.promise if id.startswith("s.")]
    assert fired == [f"s.{NOW + second * 1000}" for second in range(1, TTL_MS // 1000 + 1)]


def test_a_heartbeat_keeps_a_lease() -> None:
    model = Model()
    run(model, hold("w"))
    run(model, HeartbeatTasks(PID, (TaskRef("w", 1),)), now=NOW + TTL_MS - 1)
    model.tick(NOW + TTL_MS)
    assert model.state.task["w"].state is TaskState.ACQUIRED


def test_deliveries_are_repeated_for_tasks_and_not_for_listeners() -> None:
    model = Model()
    run(model, create("a"), create("b"), RegisterListener("a", "poll://uni@g/1"), resolve("a"))
    unblock = Sent("poll://uni@g/1", Unblock(model.state.promise["a"].record()))
    execute = Sent(TARGET, Execute("b", 0))
    assert model.deliver(NOW, RETRY_MS) == (execute, unblock)
    assert model.deliver(NOW, RETRY_MS) == ()
    assert model.deliver(NOW + RETRY_MS, RETRY_MS) == (execute,)
    run(model, AcquireTask("b", 0, PID, TTL_MS))
    assert model.deliver(NOW + 2 * RETRY_MS, RETRY_MS) == ()


def test_a_preload_is_the_rest_of_the_branch_as_it_is_after_the_request() -> None:
    model = Model()
    granted = model.run(hold("w", branch="b"), NOW).data
    assert isinstance(granted, GrantAnswer)
    assert granted.preload == ()
    fenced = model.run(FenceTask("w", 1, create("a", branch="b")), NOW).data
    assert isinstance(fenced, FenceAnswer)
    assert [promise.id for promise in fenced.preload] == ["a"]
    run(model, create("c", NOW + 5, branch="b"), create("x", branch="other"), resolve("a"))
    more = model.run(suspend("w", "a"), NOW + 5)
    assert more.status == 300
    assert isinstance(more.data, PreloadAnswer)
    assert [(p.id, p.state.value) for p in more.data.preload] == [("a", "resolved"), ("c", "rejected_timedout")]


def test_a_cycle_is_found_over_pending_promises_only() -> None:
    model = Model()
    run(model, create("a"), create("b", caller="a"), create("c", caller="b"), create("d", caller="a"))
    run(model, create("c", caller="d"))
    refusal = model.run(create("a", caller="c"), NOW).data
    assert isinstance(refusal, Refusal)
    assert refusal.cycle in (("a", "b", "c", "a"), ("a", "d", "c", "a"))
    run(model, resolve("b"), resolve("d"))
    assert run(model, create("a", caller="c")) == [200]


def test_an_edge_from_nowhere_leads_nowhere() -> None:
    model = Model()
    assert run(model, create("a", caller="nobody")) == [200]
    assert model.state.calls == ()


def test_edges_are_read_in_the_order_of_the_calls() -> None:
    model = Model()
    run(model, create("w"), create("b", caller="w"), create("a", caller="w"), create("b", caller="w"))
    callees = model.run(GetCallees("w"), NOW).data
    callers = model.run(GetCallers("a"), NOW).data
    assert isinstance(callees, PromisePage)
    assert isinstance(callers, PromisePage)
    assert [promise.id for promise in callees.promises] == ["b", "a"]
    assert [promise.id for promise in callers.promises] == ["w"]


def test_pages_follow_one_another() -> None:
    model = Model()
    run(model, *(create(id, branch="x" if id in "bd" else "y") for id in "dbaec"))
    run(model, *(CreateSchedule(id, "@daily", "x", 1) for id in "cab"))

    def pages(kind: type[SearchPromises | SearchTasks | SearchSchedules]) -> Iterator[str]:
        cursor = None
        while True:
            page = model.run(kind(limit=2, cursor=cursor), NOW).data
            for field in ("promises", "tasks", "schedules"):
                yield from (record.id for record in getattr(page, field, ()))
            cursor = getattr(page, "cursor", None)
            if cursor is None:
                return

    assert "".join(pages(SearchPromises)) == "abcde"
    assert "".join(pages(SearchTasks)) == "abcde"
    assert "".join(pages(SearchSchedules)) == "abc"


def test_searches_filter() -> None:
    model = Model()
    run(model, create("a1", branch="x"), create("a2"), create("b1", branch="x"), resolve("a2"))

    def found(request: Request) -> list[str]:
        page = model.run(request, NOW).data
        return [record.id for record in getattr(page, "promises", ()) or getattr(page, "tasks", ())]

    assert found(SearchPromises(prefix="a")) == ["a1", "a2"]
    assert found(SearchPromises(tags={Tag.BRANCH: "x"})) == ["a1", "b1"]
    assert found(SearchPromises(state=PromiseState.RESOLVED)) == ["a2"]
    assert found(SearchTasks(state=TaskState.PENDING)) == ["a1", "b1"]


# --- random runs


class Checker:
    """Watches every step of a model."""

    def __init__(self) -> None:
        self.steps = 0
        self.own_steps: set[type[OwnStep]] = set()

    def __call__(self, before: State, after: State, cause: Event, now: int, outcome: Outcome) -> None:
        broken = [*check_state(after, now), *check_step(before, after, cause, now, outcome)]
        assert not broken, f"{cause} at {now}: {broken}"
        self.steps += 1
        if isinstance(cause, OwnStep) and outcome.effects:
            self.own_steps.add(type(cause))


class LazyModel(Model):
    """Does not settle first what a request touches: every step must be right over an overdue promise, too."""

    def run(self, request: Request, now: int) -> Response:
        outcome = self._take(request, now)
        settled = [e.promise.id for e in outcome.effects if isinstance(e, PutPromise) and not e.promise.pending]
        self._drain(settled, now)
        return outcome.response


def play(
    random: Random, checker: Checker, requests: int, kind: type[Model] = Model
) -> Iterator[tuple[Request, int, object]]:
    """Requests with what they were answered; at the end, time heals everything."""
    model, workload, now = kind(checker), Workload(random), NOW
    for _ in range(requests):
        now += workload.pause_ms()
        if random.random() < 0.15:
            now += random.choice((0, 0, 0, 1000))
            model.tick(now)
        if random.random() < 0.15:
            model.deliver(now, RETRY_MS)
        request = workload.draw(model.state, now)
        response = model.run(request, now)
        yield request, response.status, response.data
    now += 100 * HORIZON_MS
    model.tick(now)
    model.deliver(now, RETRY_MS)
    assert check_rest(model.state, now) == []


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_no_run_breaks_a_property(random: Random, requests: int) -> None:
    checker = Checker()
    played = list(play(random, checker, requests))
    assert checker.steps >= len(played) == requests


def test_no_run_breaks_a_property_although_nobody_settles_what_is_overdue() -> None:
    checker = Checker()
    for seed in range(40):
        assert len(list(play(Random(seed), checker, 100, LazyModel))) == 100


READ = {200, 400, 404}
HELD = {200, 400, 404, 409}

CAN_OCCUR = {
    "promise.get": READ,
    "promise.create": {200, 400, 422},
    "promise.settle": READ,
    "promise.register_callback": {*READ, 422},
    "promise.register_listener": READ,
    "promise.search": {200, 400},
    "promise.callees": {200, 400},
    "promise.callers": {200, 400},
    "task.get": READ,
    "task.create": {200, 400, 409, 422},
    "task.acquire": HELD,
    "task.fence": HELD,
    "task.fence of promise.create": {200, 422},
    "task.fence of promise.settle": {200, 404},
    "task.suspend": {*HELD, 300, 422},
    "task.fulfill": HELD,
    "task.release": HELD,
    "task.heartbeat": {200, 400},
    "task.halt": HELD,
    "task.continue": HELD,
    "task.search": {200, 400},
    "schedule.get": READ,
    "schedule.create": {200, 400},
    "schedule.delete": READ,
    "schedule.search": {200, 400},
}


def test_every_answer_that_can_occur_occurs_and_no_other() -> None:
    kinds = KINDS | EXTENSIONS
    seen: dict[str, set[int]] = {}
    checker = Checker()
    for seed in range(70):
        for request, status, data in play(Random(seed), checker, 120):
            seen.setdefault(kinds[type(request)], set()).add(status)
            if isinstance(data, FenceAnswer):
                seen.setdefault(f"task.fence of {data.kind}", set()).add(data.status)
    assert seen == CAN_OCCUR
    assert checker.own_steps == set(OwnStep.__subclasses__())


def test_the_same_seed_plays_the_same_run() -> None:
    first, second = (list(play(Random(7), Checker(), 80)) for _ in range(2))
    assert first == second
