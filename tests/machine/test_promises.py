"""Promise operations, guard by guard (protocol §4)."""

import pytest

from troth.machine.effects import (
    AddCall,
    AddCallback,
    AddListener,
    Effect,
    Outcome,
    PutPromise,
    PutTask,
)
from troth.machine.view import Page
from troth.protocol.answers import PromiseAnswer, PromisePage, Refusal, Response
from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Tag, TaskState, Value
from troth.protocol.requests import (
    CreatePromise,
    GetCallees,
    GetCallers,
    GetPromise,
    RegisterCallback,
    RegisterListener,
    SearchPromises,
    SettlePromise,
)
from troth.testing.samples import (
    DEADLINE,
    NOW,
    TARGET,
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
OVERDUE = NOW


def record(outcome: Outcome) -> Promise:
    assert isinstance(outcome.response.data, PromiseAnswer), outcome.response
    return outcome.response.data.promise


def refused(outcome: Outcome) -> tuple[int, tuple[str, ...], tuple[Effect, ...]]:
    assert isinstance(outcome.response.data, Refusal), outcome.response
    assert outcome.response.data.reason
    return outcome.response.status, outcome.response.data.cycle, outcome.effects


# --- get


def test_get_answers_the_record() -> None:
    outcome = take(GetPromise("p"), promise("p"))
    assert outcome == Outcome(Response(200, PromiseAnswer(promise("p").record())))


def test_get_projects() -> None:
    assert record(take(GetPromise("p"), promise("p", timeout_at=NOW))).state is PromiseState.TIMED_OUT
    assert record(take(GetPromise("p"), promise("p", timeout_at=NOW + 1))).state is PromiseState.PENDING


def test_get_refuses() -> None:
    assert refused(take(GetPromise("p"))) == (404, (), ())
    assert refused(take(GetPromise(""))) == (400, (), ())


# --- create


def test_create_stores_a_pending_promise() -> None:
    outcome = take(CreatePromise("p", DEADLINE, VALUE, {"a": "b"}))
    born = promise("p", param=VALUE, tags={"a": "b"}, created_at=NOW)
    assert outcome == Outcome(Response(200, PromiseAnswer(born.record())), (PutPromise(born),))


def test_create_with_a_target_stores_a_task_that_is_offered_at_once() -> None:
    outcome = take(CreatePromise("p", DEADLINE, tags=TARGETED))
    assert outcome.effects[1:] == (PutTask(task("p", retry_at=NOW)),)


@pytest.mark.parametrize(("delay", "retry_at"), [(NOW + 5, NOW + 5), (NOW - 5, NOW)])
def test_create_with_a_delay_stores_a_task_that_is_offered_then(delay: int, retry_at: int) -> None:
    outcome = take(CreatePromise("p", DEADLINE, tags=TARGETED | {Tag.DELAY: str(delay)}))
    assert outcome.effects[1:] == (PutTask(task("p", retry_at=retry_at)),)


@pytest.mark.parametrize("timeout_at", [0, NOW - 1, NOW])
def test_create_past_the_deadline_stores_a_settled_promise(timeout_at: int) -> None:
    outcome = take(CreatePromise("p", timeout_at, VALUE, TARGETED))
    born = record(outcome)
    assert (born.created_at, born.settled_at, born.state) == (timeout_at, timeout_at, PromiseState.TIMED_OUT)
    assert born.value == NO_VALUE
    assert outcome.effects[1:] == (PutTask(task("p", TaskState.FULFILLED, version=0)),)


def test_create_of_a_timer_past_its_deadline_resolves() -> None:
    assert record(take(CreatePromise("p", NOW, tags={Tag.TIMER: "true"}))).state is PromiseState.RESOLVED


@pytest.mark.parametrize("stored", [promise("p"), resolved("p"), promise("p", timeout_at=NEVER)])
def test_create_answers_what_exists_unchanged(stored) -> None:
    outcome = take(CreatePromise("p", DEADLINE + 1, VALUE, TARGETED), stored)
    assert outcome == Outcome(Response(200, PromiseAnswer(stored.record())))


def test_create_answers_what_exists_as_projected() -> None:
    outcome = take(CreatePromise("p", DEADLINE), promise("p", timeout_at=OVERDUE))
    assert record(outcome).state is PromiseState.TIMED_OUT
    assert outcome.effects == ()


@pytest.mark.parametrize(
    "request_",
    [
        CreatePromise("", DEADLINE),
        CreatePromise("p", -1),
        CreatePromise("p", DEADLINE, tags=TARGETED | {Tag.TIMER: "true"}),
        CreatePromise("p", DEADLINE, tags={Tag.TARGET: "bash://x"}),
        CreatePromise("p", DEADLINE, tags=TARGETED | {Tag.DELAY: str(DEADLINE)}),
        CreatePromise("p", DEADLINE, Value(data="\0")),
        CreatePromise("p", -1, caller="p"),
    ],
)
def test_create_refuses_bad_input_before_it_looks(request_: CreatePromise) -> None:
    assert refused(take(request_, promise("p"))) == (400, (), ())


# --- create, called by somebody


def test_a_call_stores_its_edge() -> None:
    assert take(CreatePromise("p", DEADLINE, caller="c")).effects[1:] == (AddCall("c", "p"),)
    assert take(CreatePromise("p", DEADLINE, caller="c"), promise("p")).effects == (AddCall("c", "p"),)
    assert take(CreatePromise("p", DEADLINE, caller="c"), resolved("p")).effects == (AddCall("c", "p"),)


@pytest.mark.parametrize("state", [PromiseState.REJECTED, PromiseState.CANCELED, PromiseState.TIMED_OUT])
@pytest.mark.parametrize("reuse_failed", [True, False])
def test_a_call_that_cannot_use_a_failure_stores_no_edge(state: PromiseState, reuse_failed: bool) -> None:
    failed = resolved("p", state=state)
    outcome = take(CreatePromise("p", DEADLINE, caller="c", reuse_failed=reuse_failed), failed)
    assert record(outcome) == failed.record()
    assert outcome.effects == ((AddCall("c", "p"),) if reuse_failed else ())


def test_a_call_that_cannot_use_a_failure_uses_anything_else() -> None:
    request = CreatePromise("p", DEADLINE, caller="c", reuse_failed=False)
    assert take(request, resolved("p")).effects == (AddCall("c", "p"),)
    assert take(request, promise("p")).effects == (AddCall("c", "p"),)
    assert take(request).effects[1:] == (AddCall("c", "p"),)
    assert take(request, promise("p", timeout_at=OVERDUE)).effects == ()


def test_nobody_calls_itself() -> None:
    assert refused(take(CreatePromise("p", DEADLINE, caller="p"))) == (422, ("p", "p"), ())


def test_a_call_that_closes_a_cycle_is_refused_with_the_cycle() -> None:
    request = CreatePromise("p", DEADLINE, caller="c")
    cycles = {("c", "p"): ("p", "q", "c")}
    assert refused(take(request, promise("p"), cycles=cycles)) == (422, ("p", "q", "c", "p"), ())


@pytest.mark.parametrize("stored", [(), (resolved("p"),), (promise("p", timeout_at=OVERDUE),)])
def test_what_is_not_pending_waits_for_nobody(stored) -> None:
    request = CreatePromise("p", DEADLINE, caller="c")
    assert take(request, *stored, cycles={("c", "p"): ("p", "c")}).response.status == 200


# --- settle


@pytest.mark.parametrize("state", [PromiseState.RESOLVED, PromiseState.REJECTED, PromiseState.CANCELED])
def test_settle_writes_once(state: PromiseState) -> None:
    outcome = take(SettlePromise("p", state, VALUE), promise("p"))
    settled = promise("p", state=state, value=VALUE, settled_at=NOW)
    assert outcome == Outcome(Response(200, PromiseAnswer(settled.record())), (PutPromise(settled),))


@pytest.mark.parametrize("work", [task("p"), acquired("p"), suspended("p"), task("p", TaskState.HALTED)])
def test_settle_fulfills_the_task(work) -> None:
    outcome = take(SettlePromise("p", PromiseState.RESOLVED), targeted("p"), work)
    assert outcome.effects[1:] == (PutTask(task("p", TaskState.FULFILLED, version=work.version)),)


def test_the_first_writer_wins() -> None:
    outcome = take(SettlePromise("p", PromiseState.REJECTED, VALUE), resolved("p"))
    assert outcome == Outcome(Response(200, PromiseAnswer(resolved("p").record())))


def test_the_deadline_wins_the_tie() -> None:
    outcome = take(SettlePromise("p", PromiseState.RESOLVED, VALUE), promise("p", timeout_at=NOW))
    assert record(outcome).state is PromiseState.TIMED_OUT
    assert record(outcome).value == NO_VALUE
    assert outcome.effects == ()


def test_settle_refuses() -> None:
    assert refused(take(SettlePromise("p", PromiseState.TIMED_OUT))) == (400, (), ())
    assert refused(take(SettlePromise("p", PromiseState.PENDING), promise("p"))) == (400, (), ())
    assert refused(take(SettlePromise("p", PromiseState.RESOLVED))) == (404, (), ())


# --- register_callback

WAIT = RegisterCallback("p", "w")


@pytest.mark.parametrize("work", [task("w"), acquired("w"), suspended("w"), task("w", TaskState.HALTED)])
def test_a_callback_waits_for_a_pending_promise(work) -> None:
    outcome = take(WAIT, promise("p"), targeted("w"), work)
    assert outcome == Outcome(Response(200, PromiseAnswer(promise("p").record())), (AddCallback("p", "w"),))


def test_a_callback_on_a_settled_promise_resumes_who_is_suspended() -> None:
    outcome = take(WAIT, resolved("p"), targeted("w"), suspended("w"))
    assert record(outcome) == resolved("p").record()
    assert outcome.effects == (PutTask(task("w", version=1, resumes=("p",), retry_at=NOW)),)


@pytest.mark.parametrize("work", [task("w"), acquired("w"), task("w", TaskState.HALTED)])
def test_a_callback_on_a_settled_promise_tells_nobody_who_is_awake(work) -> None:
    assert take(WAIT, resolved("p"), targeted("w"), work).effects == ()


def test_a_callback_is_projected_on_both_sides() -> None:
    overdue = promise("p", timeout_at=OVERDUE)
    outcome = take(WAIT, overdue, targeted("w"), suspended("w"))
    assert record(outcome).state is PromiseState.TIMED_OUT
    assert outcome.effects == (PutTask(task("w", version=1, resumes=("p",), retry_at=NOW)),)
    ended = targeted("w", timeout_at=OVERDUE)
    assert take(WAIT, promise("p"), ended, suspended("w")).effects == ()
    assert take(WAIT, resolved("p"), ended, suspended("w")).effects == ()


def test_a_callback_is_refused() -> None:
    assert refused(take(RegisterCallback("p", "p"), targeted("p"), task("p"))) == (400, (), ())
    assert refused(take(RegisterCallback("", "w"))) == (400, (), ())
    assert refused(take(RegisterCallback("p", "\0"))) == (400, (), ())
    assert refused(take(WAIT)) == (404, (), ())
    assert refused(take(WAIT, targeted("w"), task("w"))) == (404, (), ())
    assert refused(take(WAIT, promise("p"))) == (422, (), ())
    assert refused(take(WAIT, promise("p"), promise("w"))) == (422, (), ())


# --- register_listener


def test_a_listener_waits_for_a_pending_promise() -> None:
    outcome = take(RegisterListener("p", "poll://uni@g/1"), promise("p"))
    assert record(outcome) == promise("p").record()
    assert outcome.effects == (AddListener("p", "poll://uni@g/1"),)


@pytest.mark.parametrize("stored", [resolved("p"), promise("p", timeout_at=OVERDUE)])
def test_a_listener_of_a_settled_promise_has_its_answer(stored) -> None:
    outcome = take(RegisterListener("p", "poll://uni@g/1"), stored)
    assert record(outcome) == stored.project(NOW).record()
    assert outcome.effects == ()


def test_a_listener_is_refused() -> None:
    assert refused(take(RegisterListener("p", "gopher://x"))) == (400, (), ())
    assert refused(take(RegisterListener("p", "\ud800"))) == (400, (), ())
    assert refused(take(RegisterListener("", TARGET))) == (400, (), ())
    assert refused(take(RegisterListener("p", TARGET))) == (404, (), ())


# --- reading many


@pytest.mark.parametrize("request_", [SearchPromises(), GetCallees("c"), GetCallers("c")])
def test_what_a_query_found_is_projected_and_keeps_its_order(request_) -> None:
    found = (promise("b"), promise("a", timeout_at=OVERDUE), resolved("c"))
    outcome = take(request_, page=Page(promises=found, cursor="c"))
    records = tuple(stored.project(NOW).record() for stored in found)
    assert outcome == Outcome(Response(200, PromisePage(records, "c")))
    assert records[1].state is PromiseState.TIMED_OUT


@pytest.mark.parametrize(
    "request_", [SearchPromises(limit=0), SearchPromises(prefix="\0"), GetCallees(""), GetCallers("\0")]
)
def test_a_query_is_refused_before_it_is_run(request_) -> None:
    assert refused(take(request_)) == (400, (), ())
