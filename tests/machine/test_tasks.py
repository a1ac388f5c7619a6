"""Task operations, guard by guard (protocol §5)."""

import pytest

from troth.machine.effects import AddCall, AddCallback, Effect, Outcome, PutPromise, PutTask
from troth.machine.tasks import project
from troth.machine.view import Page
from troth.protocol.answers import (
    EMPTY,
    FenceAnswer,
    GrantAnswer,
    PreloadAnswer,
    PromiseAnswer,
    Refusal,
    Response,
    TaskAnswer,
    TaskPage,
)
from troth.protocol.records import PromiseState, Tag, TaskState, Value
from troth.protocol.requests import (
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateTask,
    FenceTask,
    FulfillTask,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    RegisterCallback,
    ReleaseTask,
    SearchTasks,
    SettlePromise,
    SuspendTask,
    TaskRef,
)
from troth.testing.samples import (
    DEADLINE,
    NOW,
    PID,
    TARGET,
    TTL_MS,
    acquired,
    promise,
    resolved,
    suspended,
    take,
    targeted,
    task,
)

VALUE = Value(data="NDI=")
TARGETED = {Tag.TARGET: TARGET}
BRANCH = {Tag.BRANCH: "left"}

PENDING, HALTED = task(), task(state=TaskState.HALTED)
ACQUIRED, SUSPENDED = acquired(), suspended()
DONE = (
    targeted(state=PromiseState.RESOLVED, settled_at=NOW - 1),
    task(state=TaskState.FULFILLED),
)
OVERDUE = targeted(timeout_at=NOW)

SETTLE = SettlePromise("p", PromiseState.RESOLVED, VALUE)
OF_A_HOLDER = (
    FenceTask("p", 1, CreatePromise("q", DEADLINE)),
    SuspendTask("p", 1, (RegisterCallback("q", "p"),)),
    FulfillTask("p", 1, SETTLE),
    ReleaseTask("p", 1),
)


def refused(outcome: Outcome) -> tuple[int, tuple[Effect, ...]]:
    assert isinstance(outcome.response.data, Refusal), outcome.response
    assert outcome.response.data.reason
    return outcome.response.status, outcome.effects


def granted(outcome: Outcome) -> GrantAnswer:
    assert isinstance(outcome.response.data, GrantAnswer), outcome.response
    return outcome.response.data


# --- what all have in common


@pytest.mark.parametrize("work", [PENDING, ACQUIRED, SUSPENDED, HALTED])
def test_the_task_of_a_settled_promise_is_fulfilled(work) -> None:
    assert project(work, OVERDUE, NOW) == task(state=TaskState.FULFILLED, version=work.version)
    assert project(work, OVERDUE, NOW - 1) == work


@pytest.mark.parametrize("request_", OF_A_HOLDER)
@pytest.mark.parametrize(
    "stored",
    [
        (targeted(), PENDING),
        (targeted(), SUSPENDED),
        (targeted(), HALTED),
        (targeted(), acquired(version=2)),
        (OVERDUE, ACQUIRED),
        DONE,
    ],
)
def test_only_the_holder_of_the_version_can_write(request_, stored) -> None:
    assert refused(take(request_, *stored, promise("q"))) == (409, ())


@pytest.mark.parametrize(
    "request_", [*OF_A_HOLDER, GetTask("p"), AcquireTask("p", 0, PID, 1), HaltTask("p"), ContinueTask("p")]
)
@pytest.mark.parametrize("stored", [(), (promise("p"),)])
def test_there_may_be_no_such_task(request_, stored) -> None:
    assert refused(take(request_, *stored, promise("q"))) == (404, ())


@pytest.mark.parametrize(
    "request_",
    [
        GetTask(""),
        AcquireTask("p", 1, PID, 0),
        AcquireTask("p", 1, "", 1),
        AcquireTask("p", -1, PID, 1),
        CreateTask(PID, 1, CreatePromise("p", DEADLINE)),
        CreateTask(PID, 1, CreatePromise("p", DEADLINE, tags=TARGETED | {Tag.DELAY: "5"})),
        CreateTask(PID, 0, CreatePromise("p", DEADLINE, tags=TARGETED)),
        FenceTask("p", 1, CreatePromise("p", DEADLINE)),
        FenceTask("p", 1, SETTLE),
        FenceTask("p", 1, CreatePromise("", DEADLINE)),
        FenceTask("p", 1, SettlePromise("q", PromiseState.PENDING)),
        FenceTask("", 1, CreatePromise("q", DEADLINE)),
        SuspendTask("p", 1, ()),
        SuspendTask("p", 1, (RegisterCallback("q", "x"),)),
        SuspendTask("p", 1, (RegisterCallback("p", "p"),)),
        SuspendTask("p", 1, (RegisterCallback("q", "p"),) * 2),
        FulfillTask("p", 1, SettlePromise("q", PromiseState.RESOLVED)),
        FulfillTask("p", 1, SettlePromise("p", PromiseState.TIMED_OUT)),
        FulfillTask("p", -1, SETTLE),
        ReleaseTask("\0", 1),
        HeartbeatTasks("", ()),
        HeartbeatTasks(PID, (TaskRef("", 1),)),
        HaltTask("\ud800"),
        ContinueTask(""),
        SearchTasks(limit=1001),
    ],
)
def test_bad_input_is_refused_before_anything_is_read(request_) -> None:
    assert refused(take(request_)) == (400, ())


# --- get


def test_get_answers_the_record_as_projected() -> None:
    outcome = take(GetTask("p"), targeted(), acquired(resumes=("a", "b")))
    assert outcome == Outcome(Response(200, TaskAnswer(acquired(resumes=("a", "b")).record())))
    outcome = take(GetTask("p"), OVERDUE, ACQUIRED)
    assert outcome == Outcome(Response(200, TaskAnswer(task(state=TaskState.FULFILLED).record())))


# --- create

CREATE = CreateTask(PID, TTL_MS, CreatePromise("p", DEADLINE, VALUE, TARGETED | BRANCH))


def test_create_holds_a_new_task_at_once() -> None:
    outcome = take(CREATE)
    born = targeted(param=VALUE, tags=BRANCH, created_at=NOW)
    assert outcome == Outcome(
        Response(200, GrantAnswer(ACQUIRED.record(), born.record())),
        (PutPromise(born), PutTask(ACQUIRED)),
        preload_branch="left",
    )


def test_create_past_the_deadline_holds_nothing() -> None:
    outcome = take(CreateTask(PID, TTL_MS, CreatePromise("p", NOW, tags=TARGETED | BRANCH)))
    assert granted(outcome).task == task(state=TaskState.FULFILLED, version=0).record()
    assert granted(outcome).promise.state is PromiseState.TIMED_OUT
    assert outcome.preload_branch is None
    assert outcome.effects[1:] == (PutTask(task(state=TaskState.FULFILLED, version=0)),)


def test_create_takes_over_a_pending_task() -> None:
    stored = targeted(tags=BRANCH)
    outcome = take(CREATE, stored, task(version=4, resumes=("q",)))
    taken = acquired(version=5)
    assert outcome == Outcome(
        Response(200, GrantAnswer(taken.record(), stored.record())), (PutTask(taken),), preload_branch="left"
    )


@pytest.mark.parametrize("work", [PENDING, ACQUIRED, SUSPENDED, HALTED])
def test_create_answers_a_fulfilled_task_as_it_is(work) -> None:
    outcome = take(CREATE, *DONE)
    assert outcome == Outcome(Response(200, GrantAnswer(DONE[1].record(), DONE[0].record())))
    outcome = take(CREATE, OVERDUE, work)
    assert granted(outcome).task.state is TaskState.FULFILLED
    assert granted(outcome).promise.state is PromiseState.TIMED_OUT
    assert outcome.effects == ()


def test_create_is_refused() -> None:
    assert refused(take(CREATE, promise("p"))) == (422, ())
    for work in (ACQUIRED, SUSPENDED, HALTED):
        assert refused(take(CREATE, targeted(), work)) == (409, ())


def test_create_stores_the_call() -> None:
    called = CreateTask(PID, TTL_MS, CreatePromise("p", DEADLINE, tags=TARGETED, caller="c"))
    assert take(called).effects[2:] == (AddCall("c", "p"),)
    assert take(called, targeted(), PENDING).effects[1:] == (AddCall("c", "p"),)
    assert take(called, *DONE).effects == (AddCall("c", "p"),)
    assert take(called, targeted(), ACQUIRED).effects == ()


def test_create_without_use_for_a_failure_stores_no_call() -> None:
    action = CreatePromise("p", DEADLINE, tags=TARGETED, caller="c", reuse_failed=False)
    outcome = take(CreateTask(PID, TTL_MS, action), OVERDUE, ACQUIRED)
    assert granted(outcome).promise.state is PromiseState.TIMED_OUT
    assert outcome.effects == ()


def test_create_never_closes_a_cycle() -> None:
    called = CreateTask(PID, TTL_MS, CreatePromise("p", DEADLINE, tags=TARGETED, caller="c"))
    outcome = take(called, targeted(), PENDING, cycles={("c", "p"): ("p", "c")})
    assert refused(outcome) == (422, ())
    own = CreateTask(PID, TTL_MS, CreatePromise("p", DEADLINE, tags=TARGETED, caller="p"))
    assert refused(take(own)) == (422, ())


# --- acquire


def test_acquire_grants_the_offered_version() -> None:
    stored = targeted(tags=BRANCH)
    outcome = take(AcquireTask("p", 3, PID, TTL_MS), stored, task(version=3, resumes=("q",), retry_at=NOW + 5))
    held = acquired(version=4)
    assert outcome == Outcome(
        Response(200, GrantAnswer(held.record(), stored.record())), (PutTask(held),), preload_branch="left"
    )


def test_acquire_without_a_branch_asks_for_no_preload() -> None:
    assert take(AcquireTask("p", 0, PID, TTL_MS), targeted(), PENDING).preload_branch is None


@pytest.mark.parametrize(
    "stored",
    [
        (targeted(), task(version=1)),
        (targeted(), acquired(version=0)),
        (targeted(), suspended(version=0)),
        (targeted(), task(state=TaskState.HALTED, version=0)),
        (OVERDUE, PENDING),
        (DONE[0], task(state=TaskState.FULFILLED, version=0)),
    ],
)
def test_acquire_is_exclusive(stored) -> None:
    assert refused(take(AcquireTask("p", 0, PID, TTL_MS), *stored)) == (409, ())


# --- fence

HELD = (targeted(tags=BRANCH), ACQUIRED)


def test_fence_creates() -> None:
    outcome = take(FenceTask("p", 1, CreatePromise("q", DEADLINE, VALUE, TARGETED, caller="p")), *HELD)
    born = targeted("q", param=VALUE, created_at=NOW)
    assert outcome == Outcome(
        Response(200, FenceAnswer("promise.create", 200, PromiseAnswer(born.record()))),
        (PutPromise(born), PutTask(task("q")), AddCall("p", "q")),
        preload_branch="left",
    )


def test_fence_settles() -> None:
    outcome = take(FenceTask("p", 1, SettlePromise("q", PromiseState.REJECTED, VALUE)), *HELD, targeted("q"), task("q"))
    settled = targeted("q", state=PromiseState.REJECTED, value=VALUE, settled_at=NOW)
    assert outcome == Outcome(
        Response(200, FenceAnswer("promise.settle", 200, PromiseAnswer(settled.record()))),
        (PutPromise(settled), PutTask(task("q", TaskState.FULFILLED, version=0))),
        preload_branch="left",
    )


def test_fence_answers_an_inner_refusal_as_its_data() -> None:
    outcome = take(FenceTask("p", 1, SettlePromise("q", PromiseState.RESOLVED)), *HELD)
    answered = outcome.response.data
    assert isinstance(answered, FenceAnswer)
    assert (outcome.response.status, answered.kind, answered.status) == (200, "promise.settle", 404)
    assert isinstance(answered.result, Refusal)
    assert outcome.effects == ()


def test_fence_answers_a_cycle_as_its_data() -> None:
    request = FenceTask("p", 1, CreatePromise("q", DEADLINE, caller="p"))
    outcome = take(request, *HELD, promise("q"), cycles={("p", "q"): ("q", "p")})
    answered = outcome.response.data
    assert isinstance(answered, FenceAnswer)
    assert isinstance(answered.result, Refusal)
    assert (answered.status, answered.result.cycle) == (422, ("q", "p", "q"))
    assert outcome.effects == ()


# --- suspend


def waits(*awaited_ids: str) -> SuspendTask:
    return SuspendTask("p", 1, tuple(RegisterCallback(id, "p") for id in awaited_ids))


def test_suspend_waits_for_what_is_pending() -> None:
    outcome = take(waits("a", "b"), targeted(), acquired(resumes=("x",)), promise("a"), promise("b"))
    assert outcome == Outcome(Response(200, EMPTY), (PutTask(SUSPENDED), AddCallback("a", "p"), AddCallback("b", "p")))


@pytest.mark.parametrize("settled", [resolved("b"), promise("b", timeout_at=NOW)])
def test_suspend_goes_on_when_something_has_settled(settled) -> None:
    outcome = take(waits("a", "b"), *HELD, promise("a"), settled)
    assert outcome == Outcome(Response(300, PreloadAnswer()), preload_branch="left")


def test_suspend_that_goes_on_clears_the_resumes() -> None:
    outcome = take(waits("a"), targeted(), acquired(resumes=("x",)), resolved("a"))
    assert outcome.effects == (PutTask(ACQUIRED),)


def test_suspend_on_nothing_that_exists_is_refused() -> None:
    assert refused(take(waits("a", "b"), *HELD, resolved("a"))) == (422, ())


def test_suspend_of_a_wide_fan_out_reads_what_it_announced() -> None:
    children = [promise(f"p.{n}") for n in range(1000)]
    outcome = take(waits(*(child.id for child in children)), *HELD, *children)
    assert len(outcome.effects) == 1001


# --- fulfill, release


def test_fulfill_settles_the_tasks_own_promise() -> None:
    outcome = take(FulfillTask("p", 1, SETTLE), targeted(), ACQUIRED)
    settled = targeted(state=PromiseState.RESOLVED, value=VALUE, settled_at=NOW)
    assert outcome == Outcome(
        Response(200, PromiseAnswer(settled.record())),
        (PutPromise(settled), PutTask(task(state=TaskState.FULFILLED))),
    )


def test_release_offers_the_task_again() -> None:
    outcome = take(ReleaseTask("p", 1), targeted(), acquired(resumes=("x",)))
    assert outcome == Outcome(Response(200, EMPTY), (PutTask(task(version=1, resumes=("x",))),))


# --- heartbeat


def test_a_heartbeat_renews_what_is_held() -> None:
    held = acquired("a", expires_at=NOW + 1), acquired("b", expires_at=NOW - 5)
    request = HeartbeatTasks(PID, (TaskRef("a", 1), TaskRef("b", 1), TaskRef("a", 1)))
    outcome = take(request, targeted("a"), targeted("b"), *held)
    assert outcome == Outcome(Response(200, EMPTY), (PutTask(acquired("a")), PutTask(acquired("b"))))


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (promise("p"),),
        (targeted(), PENDING),
        (targeted(), SUSPENDED),
        (targeted(), acquired(version=2)),
        (targeted(), acquired(pid="somebody else")),
        (OVERDUE, ACQUIRED),
        DONE,
    ],
)
def test_a_heartbeat_ignores_what_is_not_held(stored) -> None:
    assert take(HeartbeatTasks(PID, (TaskRef("p", 1),)), *stored) == Outcome(Response(200, EMPTY))


# --- halt, continue


@pytest.mark.parametrize("work", [task(resumes=("x",)), acquired(resumes=("x",)), SUSPENDED])
def test_halt_stops_a_task(work) -> None:
    outcome = take(HaltTask("p"), targeted(), work)
    halted = task(state=TaskState.HALTED, version=work.version, resumes=work.resumes)
    assert outcome == Outcome(Response(200, EMPTY), (PutTask(halted),))


def test_halt_is_idempotent() -> None:
    assert take(HaltTask("p"), targeted(), HALTED) == Outcome(Response(200, EMPTY))


@pytest.mark.parametrize("stored", [DONE, (OVERDUE, PENDING), (OVERDUE, HALTED)])
def test_what_is_done_cannot_be_halted(stored) -> None:
    assert refused(take(HaltTask("p"), *stored)) == (409, ())


def test_continue_offers_a_halted_task() -> None:
    outcome = take(ContinueTask("p"), targeted(), task(state=TaskState.HALTED, resumes=("x",)))
    assert outcome == Outcome(Response(200, EMPTY), (PutTask(task(version=1, resumes=("x",))),))


@pytest.mark.parametrize(
    "stored",
    [(targeted(), PENDING), (targeted(), ACQUIRED), (targeted(), SUSPENDED), (OVERDUE, HALTED), DONE],
)
def test_only_what_is_halted_can_continue(stored) -> None:
    assert refused(take(ContinueTask("p"), *stored)) == (409, ())


# --- search


def test_search_answers_what_is_stored() -> None:
    outcome = take(SearchTasks(limit=2), page=Page(tasks=(PENDING, ACQUIRED), cursor="p"))
    assert outcome == Outcome(Response(200, TaskPage((PENDING.record(), ACQUIRED.record()), "p")))
