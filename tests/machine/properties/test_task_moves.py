"""Each property of tasks over one step holds for good steps and is broken by a hand-built one."""

from itertools import product

import pytest
from msgspec.structs import replace

from troth.machine.effects import AddCallback, Outcome, Sent, answer
from troth.machine.internal import DrainCallback, ExpireLease
from troth.machine.objects import PromiseObject, TaskObject
from troth.machine.properties import State, TaskMove, Transition
from troth.machine.properties import task_moves as properties
from troth.machine.properties.task_moves import EDGES, TASK_MOVES, TASK_STEPS
from troth.machine.step import Event
from troth.protocol.answers import EMPTY
from troth.protocol.messages import Execute
from troth.protocol.records import PromiseState, TaskState
from troth.protocol.requests import (
    AcquireTask,
    CreatePromise,
    CreateTask,
    RegisterCallback,
    SuspendTask,
)
from troth.testing.samples import (
    DEADLINE,
    NOW,
    PID,
    TARGET,
    TTL_MS,
    acquired,
    resolved,
    suspended,
    targeted,
    task,
)

P, W = targeted("p"), targeted("w")
DONE_P = targeted("p", state=PromiseState.RESOLVED, settled_at=NOW)
ACQUIRE: Event = AcquireTask("w", 0, PID, TTL_MS)
SUSPEND: Event = SuspendTask("w", 1, (RegisterCallback("p", "w"),))
EXPIRE: Event = ExpireLease("w")
DRAIN: Event = DrainCallback("p", "w")

PENDING, HELD, WAITING = task("w"), acquired("w"), suspended("w")
HALTED, DONE = task("w", TaskState.HALTED), task("w", TaskState.FULFILLED)
AWAKE = task("w", version=1, resumes=("p",))
CALLBACK = (("p", "w"),)


def move(
    before: TaskObject,
    after: TaskObject,
    cause: Event = EXPIRE,
    *,
    promises: tuple[PromiseObject, PromiseObject] = (W, W),
    awaited: tuple[PromiseObject, PromiseObject] = (P, P),
    callbacks: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = ((), ()),
    outcome: Outcome | None = None,
) -> TaskMove:
    """The task w, whose promise may settle, over a step in which p may settle too."""
    states = [
        State((promise, other), (moved,), waiting)
        for promise, other, moved, waiting in zip(promises, awaited, (before, after), callbacks, strict=True)
    ]
    return TaskMove(before, after, Transition(*states, cause, NOW, outcome or answer(EMPTY)))


SETTLED_W = (W, W.settled(PromiseState.RESOLVED, W.value, at=NOW))
REGISTERED = answer(EMPTY, (AddCallback("p", "w"),))
SUSPENDS = move(HELD, WAITING, SUSPEND, callbacks=((), CALLBACK), outcome=REGISTERED)
WAKES = move(WAITING, AWAKE, DRAIN, awaited=(DONE_P, DONE_P), callbacks=(CALLBACK, ()))

GOOD_MOVES = (
    move(PENDING, PENDING),
    move(PENDING, HELD, ACQUIRE),
    move(task("w", resumes=("p",), retry_at=NOW + 5), HELD, ACQUIRE),
    move(PENDING, task("w", retry_at=NOW + 500)),
    move(HELD, acquired("w", expires_at=NOW + TTL_MS)),
    move(acquired("w", expires_at=NOW + 1), HELD),
    move(acquired("w", resumes=("x",)), HELD, SUSPEND),
    move(HELD, acquired("w", resumes=("p",)), DRAIN),
    SUSPENDS,
    move(HELD, WAITING, SUSPEND, callbacks=(CALLBACK, CALLBACK), outcome=REGISTERED),
    WAKES,
    move(WAITING, AWAKE, RegisterCallback("p", "w"), awaited=(DONE_P, DONE_P)),
    move(HELD, task("w", version=1)),
    move(HALTED, task("w", version=1)),
    *(move(before, HALTED) for before in (task("w", version=1), HELD, WAITING)),
    *(
        move(before, DONE, promises=SETTLED_W)
        for before in (task("w", version=1, resumes=("p",)), HELD, WAITING, HALTED)
    ),
    move(DONE, DONE, promises=(SETTLED_W[1], SETTLED_W[1])),
)

OF_STATE = {moved.state: moved for moved in (PENDING, HELD, WAITING, HALTED, DONE)}

MOVES_THAT_VIOLATE = {
    properties.a_task_moves_along_its_edges: [
        move(OF_STATE[before], OF_STATE[after])
        for before, after in product(TaskState, TaskState)
        if before is not after and after not in EDGES[before]
    ],
    properties.fulfilled_is_for_ever: [
        move(DONE, PENDING),
        move(DONE, replace(DONE, version=2)),
        move(DONE, replace(DONE, resumes=("p",))),
    ],
    properties.at_most_one_valid_claim: [
        move(PENDING, acquired("w", version=0)),
        move(PENDING, acquired("w", version=2)),
        move(HELD, acquired("w", version=2)),
        move(HELD, task("w", version=2)),
        move(HELD, task("w", version=0)),
    ],
    properties.acquired_only_from_pending: [move(WAITING, HELD), move(HALTED, HELD), move(DONE, HELD)],
    properties.acquisition_sets_the_lease: [
        move(PENDING, acquired("w", pid=None)),
        move(PENDING, acquired("w", ttl=None)),
        move(PENDING, acquired("w", expires_at=NOW)),
    ],
    properties.acquisition_clears_retry_and_resumes: [
        move(PENDING, acquired("w", retry_at=NOW)),
        move(PENDING, acquired("w", resumes=("p",))),
    ],
    properties.lease_fields_move_together: [
        move(HELD, acquired("w", pid=None)),
        move(HELD, task("w", ttl=TTL_MS)),
        move(PENDING, task("w", expires_at=NOW)),
    ],
    properties.the_holder_stays_within_a_version: [
        move(HELD, acquired("w", pid="somebody else")),
        move(HELD, acquired("w", ttl=1)),
        move(HELD, acquired("w", expires_at=NOW + 1)),
    ],
    properties.leaving_acquired_clears_the_lease: [
        move(HELD, task("w", version=1, pid=PID)),
        move(HELD, suspended("w", ttl=TTL_MS)),
        move(HELD, replace(DONE, expires_at=NOW)),
    ],
    properties.entering_pending_arms_the_retry: [
        move(HELD, task("w", version=1, retry_at=None)),
        move(WAITING, task("w", version=1, retry_at=NOW + 1)),
        move(HALTED, task("w", version=1, retry_at=NOW - 1)),
    ],
    properties.the_retry_moves_only_when_due_and_forward: [
        move(task("w", retry_at=NOW + 1), task("w", retry_at=NOW + 2)),
        move(task("w", retry_at=NOW - 1), task("w", retry_at=NOW - 2)),
        move(PENDING, task("w", retry_at=None)),
    ],
    properties.fulfilled_only_by_settlement: [
        move(HELD, DONE),
        move(HELD, DONE, promises=(SETTLED_W[1], SETTLED_W[1])),
    ],
    properties.resumes_grow_or_are_cleared: [
        move(acquired("w", resumes=("p", "q")), acquired("w", resumes=("p",))),
        move(acquired("w", resumes=("p",)), acquired("w", resumes=("q", "p"))),
        move(acquired("w", resumes=("p",)), HELD),
        move(acquired("w", resumes=("p",)), task("w", version=1)),
    ],
    properties.nobody_wakes_uncalled: [
        move(WAITING, AWAKE, EXPIRE, awaited=(DONE_P, DONE_P), callbacks=(CALLBACK, ())),
        move(WAITING, AWAKE, DRAIN, awaited=(DONE_P, DONE_P), callbacks=(CALLBACK, CALLBACK)),
        move(WAITING, AWAKE, DrainCallback("p", "x"), awaited=(DONE_P, DONE_P), callbacks=(CALLBACK, ())),
        move(WAITING, AWAKE, DRAIN, callbacks=(CALLBACK, ())),
        move(WAITING, AWAKE, RegisterCallback("p", "w")),
        move(WAITING, replace(AWAKE, resumes=()), DRAIN, awaited=(DONE_P, DONE_P), callbacks=(CALLBACK, ())),
    ],
    properties.suspended_only_from_acquired: [move(PENDING, WAITING), move(HALTED, WAITING)],
    properties.suspension_registers_a_callback: [
        move(HELD, WAITING, SUSPEND),
        move(HELD, WAITING, SUSPEND, callbacks=(CALLBACK, CALLBACK)),
        move(HELD, WAITING, SUSPEND, outcome=REGISTERED),
        move(
            HELD,
            WAITING,
            SUSPEND,
            callbacks=((), (("p", "x"),)),
            outcome=answer(EMPTY, (AddCallback("p", "x"),)),
        ),
    ],
    properties.halted_reenters_only_through_pending: [move(HALTED, HELD), move(HALTED, WAITING)],
}


def step(before: State, after: State, cause: Event = EXPIRE, sent: Sent | None = None) -> Transition:
    return Transition(before, after, cause, NOW, replace(answer(EMPTY), sent=sent))


CREATE: Event = CreateTask(PID, TTL_MS, CreatePromise("w", DEADLINE, tags={}))
EMPTY_STATE = State()
PAST = targeted("w", timeout_at=NOW, created_at=NOW).timed_out()
OVERDUE_W = targeted("w", timeout_at=NOW)


def drained(awaiter: PromiseObject, before: TaskObject, after: TaskObject) -> Transition:
    done = resolved("p")
    return step(State((done, awaiter), (before,), CALLBACK), State((done, awaiter), (after,)), DRAIN)


def offered(stored: TaskObject, promise: PromiseObject = W, version: int = 0, to: str = TARGET) -> Transition:
    state = State((promise,), (stored,))
    return step(state, state, sent=Sent(to, Execute("w", version)))


GOOD_STEPS = (
    step(EMPTY_STATE, EMPTY_STATE),
    step(EMPTY_STATE, State((W,), (PENDING,))),
    step(EMPTY_STATE, State((W,), (HELD,)), CREATE),
    step(EMPTY_STATE, State((PAST,), (task("w", TaskState.FULFILLED, version=0),))),
    drained(W, WAITING, AWAKE),
    drained(W, HELD, acquired("w", resumes=("p",))),
    drained(W, acquired("w", resumes=("p",)), acquired("w", resumes=("p",))),
    drained(OVERDUE_W, WAITING, WAITING),
    drained(PAST, DONE, DONE),
    offered(PENDING),
    offered(task("w", version=4), version=4),
)

STEPS_THAT_VIOLATE = {
    properties.tasks_never_disappear: [step(State((W,), (HELD,)), State((W,)))],
    properties.a_task_is_born_with_its_promise: [
        step(State((W,)), State((W,), (PENDING,))),
        step(EMPTY_STATE, State((), (PENDING,))),
        step(EMPTY_STATE, State((W,), (task("w", version=1),))),
        step(EMPTY_STATE, State((W,), (task("w", resumes=("p",)),))),
        step(EMPTY_STATE, State((PAST,), (PENDING,))),
        step(EMPTY_STATE, State((W,), (HELD,)), ACQUIRE),
        step(EMPTY_STATE, State((W,), (acquired("w", version=0),)), CREATE),
        step(EMPTY_STATE, State((PAST,), (HELD,)), CREATE),
        step(EMPTY_STATE, State((W,), (task("w", TaskState.FULFILLED, version=0),))),
        step(EMPTY_STATE, State((PAST,), (DONE,))),
        step(EMPTY_STATE, State((W,), (WAITING,))),
        step(EMPTY_STATE, State((W,), (HALTED,))),
    ],
    properties.a_consumed_callback_resumes_its_awaiter: [
        drained(W, WAITING, WAITING),
        drained(W, WAITING, replace(AWAKE, resumes=("x",))),
        drained(W, HELD, HELD),
        drained(OVERDUE_W, WAITING, AWAKE),
        drained(PAST, DONE, AWAKE),
    ],
    properties.an_execute_is_born_of_a_live_task: [
        offered(HELD, version=1),
        offered(WAITING, version=1),
        offered(HALTED, version=1),
        offered(DONE, PAST, version=1),
        offered(task("w", retry_at=NOW + 1)),
        offered(PENDING, OVERDUE_W),
        offered(PENDING, version=1),
        offered(PENDING, to="poll://any@others"),
        step(EMPTY_STATE, EMPTY_STATE, sent=Sent(TARGET, Execute("w", 0))),
    ],
}


def test_every_property_has_a_violator() -> None:
    assert set(MOVES_THAT_VIOLATE) == set(TASK_MOVES)
    assert set(STEPS_THAT_VIOLATE) == set(TASK_STEPS)


@pytest.mark.parametrize("holds", TASK_MOVES)
def test_a_property_of_a_move_can_fail(holds) -> None:
    assert [good for good in GOOD_MOVES if not holds(good)] == []
    assert [violator for violator in MOVES_THAT_VIOLATE[holds] if holds(violator)] == []


@pytest.mark.parametrize("holds", TASK_STEPS)
def test_a_property_of_a_step_can_fail(holds) -> None:
    assert [good for good in GOOD_STEPS if not holds(good)] == []
    assert [violator for violator in STEPS_THAT_VIOLATE[holds] if holds(violator)] == []
