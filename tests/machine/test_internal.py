"""The server's own steps: what they do, and that they do nothing when it is not their time (protocol §5, §6)."""

import pytest

from troth.machine.effects import PutPromise, PutSchedule, PutTask, RemoveCallback, RemoveListener, Sent
from troth.machine.internal import (
    NOTHING_TO_DO,
    DispatchTask,
    DrainCallback,
    DrainListener,
    ExpireLease,
    FireSchedule,
    TimeOutPromise,
)
from troth.machine.limits import INSTANT_MAX
from troth.protocol.messages import Execute, Unblock
from troth.protocol.records import PromiseState, Tag, TaskState, Value
from troth.testing.samples import (
    NOW,
    TARGET,
    acquired,
    promise,
    resolved,
    schedule,
    suspended,
    take,
    targeted,
    task,
)

OVERDUE = targeted(timeout_at=NOW)
DONE = (targeted(state=PromiseState.RESOLVED, settled_at=NOW - 1), task(state=TaskState.FULFILLED))
HALTED = task(state=TaskState.HALTED)


# --- time out


@pytest.mark.parametrize("work", [task(), acquired(), suspended(), HALTED])
def test_a_deadline_settles_the_promise_and_its_task(work) -> None:
    outcome = take(TimeOutPromise("p"), OVERDUE, work, now=NOW + 7)
    settled = targeted(timeout_at=NOW, state=PromiseState.TIMED_OUT, settled_at=NOW)
    ended = task(state=TaskState.FULFILLED, version=work.version)
    assert outcome.effects == (PutPromise(settled), PutTask(ended))


def test_a_deadline_resolves_a_timer() -> None:
    timer = promise(timeout_at=NOW, tags={Tag.TIMER: "true"})
    settled = promise(timeout_at=NOW, tags={Tag.TIMER: "true"}, state=PromiseState.RESOLVED, settled_at=NOW)
    assert take(TimeOutPromise("p"), timer).effects == (PutPromise(settled),)


@pytest.mark.parametrize("stored", [(), (promise(timeout_at=NOW + 1),), (resolved(timeout_at=NOW),)])
def test_nothing_times_out_early_or_twice(stored) -> None:
    assert take(TimeOutPromise("p"), *stored) == NOTHING_TO_DO


# --- drain a callback

DRAIN = DrainCallback("p", "w")
DRAINED = RemoveCallback("p", "w")


def test_a_callback_resumes_who_is_suspended() -> None:
    outcome = take(DRAIN, resolved("p"), targeted("w"), suspended("w"))
    assert outcome.effects == (DRAINED, PutTask(task("w", version=1, resumes=("p",), retry_at=NOW)))


@pytest.mark.parametrize("work", [task("w", retry_at=NOW + 3), acquired("w"), task("w", TaskState.HALTED)])
def test_a_callback_tells_who_is_awake(work) -> None:
    outcome = take(DRAIN, resolved("p"), targeted("w"), work.resumed("x", NOW))
    assert outcome.effects == (DRAINED, PutTask(work.resumed("x", NOW).resumed("p", NOW)))
    assert work.resumed("p", NOW).state is work.state
    assert work.resumed("p", NOW).retry_at == work.retry_at


@pytest.mark.parametrize(
    "awaiter",
    [
        (targeted("w", timeout_at=NOW), suspended("w")),
        (resolved("w"), task("w", TaskState.FULFILLED)),
        (),
        (promise("w"),),
    ],
)
def test_a_callback_of_who_is_past_its_deadline_or_gone_is_dropped(awaiter) -> None:
    assert take(DRAIN, resolved("p"), *awaiter).effects == (DRAINED,)


@pytest.mark.parametrize("awaited", [(), (promise("p"),), (promise("p", timeout_at=NOW),)])
def test_a_callback_of_what_is_not_settled_in_the_store_is_kept(awaited) -> None:
    assert take(DRAIN, *awaited, targeted("w"), suspended("w")) == NOTHING_TO_DO


# --- drain a listener


def test_a_listener_is_told_the_stored_record() -> None:
    outcome = take(DrainListener("p", TARGET), resolved("p"))
    assert outcome.effects == (RemoveListener("p", TARGET),)
    assert outcome.sent == Sent(TARGET, Unblock(resolved("p").record()))


@pytest.mark.parametrize("awaited", [(), (promise("p"),), (promise("p", timeout_at=NOW),)])
def test_a_listener_of_what_is_not_settled_in_the_store_is_kept(awaited) -> None:
    assert take(DrainListener("p", TARGET), *awaited) == NOTHING_TO_DO


# --- expire a lease


def test_an_ended_lease_gives_the_task_back_at_its_version() -> None:
    held = acquired(version=3, resumes=("x",), expires_at=NOW)
    outcome = take(ExpireLease("p"), targeted(), held)
    assert outcome.effects == (PutTask(task(version=3, resumes=("x",), retry_at=NOW)),)


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (promise(),),
        (targeted(), acquired(expires_at=NOW + 1)),
        (targeted(), task()),
        (targeted(), suspended()),
        (OVERDUE, acquired(expires_at=NOW)),
        DONE,
    ],
)
def test_no_other_lease_ends(stored) -> None:
    assert take(ExpireLease("p"), *stored) == NOTHING_TO_DO


# --- dispatch


def test_a_runnable_task_is_offered_and_offered_again_later() -> None:
    outcome = take(DispatchTask("p", retry_ms=500), targeted(), task(version=2, resumes=("x",)))
    assert outcome.effects == (PutTask(task(version=2, resumes=("x",), retry_at=NOW + 500)),)
    assert outcome.sent == Sent(TARGET, Execute("p", 2))


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (promise(),),
        (targeted(), task(retry_at=NOW + 1)),
        (targeted(), acquired()),
        (targeted(), suspended()),
        (targeted(), HALTED),
        (OVERDUE, task()),
        DONE,
    ],
)
def test_nothing_else_is_offered(stored) -> None:
    assert take(DispatchTask("p", retry_ms=500), *stored) == NOTHING_TO_DO


# --- fire a schedule

FIRE = FireSchedule("s", NOW, f"s-{NOW}")


def test_a_schedule_creates_the_root_of_a_call_tree() -> None:
    due = schedule(promise_param=Value(data="MQ=="), promise_tags={"a": "b", Tag.TARGET: TARGET})
    outcome = take(FIRE, due, now=NOW + 10)
    id = f"s-{NOW}"
    tags = {"a": "b", Tag.SCHEDULE: "s"} | dict.fromkeys((Tag.ORIGIN, Tag.BRANCH, Tag.PARENT, Tag.PREFIX), id)
    born = targeted(id, param=Value(data="MQ=="), tags=tags, timeout_at=NOW + 5_000, created_at=NOW + 10)
    moved = schedule(
        promise_param=due.promise_param,
        promise_tags=due.promise_tags,
        last_run_at=NOW,
        next_run_at=NOW + 1_000,
    )
    assert outcome.effects == (PutPromise(born), PutTask(task(id, retry_at=NOW + 10)), PutSchedule(moved))


def test_an_occurrence_that_is_long_past_is_born_settled() -> None:
    created, moved = take(FIRE, schedule(promise_timeout=0), now=NOW + 10).effects
    assert isinstance(created, PutPromise)
    assert created.promise.settled_at == created.promise.created_at == created.promise.timeout_at == NOW
    assert isinstance(moved, PutSchedule)


def test_an_id_that_exists_is_skipped() -> None:
    outcome = take(FIRE, schedule(), resolved(f"s-{NOW}"))
    assert outcome.effects == (PutSchedule(schedule(last_run_at=NOW, next_run_at=NOW + 1_000)),)


@pytest.mark.parametrize(("catch_up", "next_run_at"), [(True, NOW + 1_000), (False, NOW + 8_000)])
def test_missed_occurrences_are_caught_up_or_skipped(catch_up: bool, next_run_at: int) -> None:
    event = FireSchedule("s", NOW, f"s-{NOW}", catch_up=catch_up)
    moved = take(event, schedule(), now=NOW + 7_500).effects[-1]
    assert moved == PutSchedule(schedule(last_run_at=NOW, next_run_at=next_run_at))


def test_a_deadline_never_passes_the_last_instant() -> None:
    created = take(FIRE, schedule(promise_timeout=INSTANT_MAX)).effects[0]
    assert isinstance(created, PutPromise)
    assert created.promise.timeout_at == INSTANT_MAX


def test_a_schedule_without_another_occurrence_never_fires_again() -> None:
    moved = take(FIRE, schedule(cron="0 0 0 1 1 * 1970")).effects[-1]
    assert isinstance(moved, PutSchedule)
    assert moved.schedule.next_run_at == INSTANT_MAX


@pytest.mark.parametrize(
    ("event", "stored"),
    [
        (FIRE, ()),
        (FIRE, (schedule(next_run_at=NOW + 1_000, last_run_at=NOW),)),
        (FIRE, (schedule(promise_id="other"),)),
        (FireSchedule("s", NOW + 1, f"s-{NOW + 1}"), (schedule(next_run_at=NOW + 1),)),
    ],
)
def test_a_schedule_fires_once_an_occurrence_and_not_early(event, stored) -> None:
    assert take(event, *stored) == NOTHING_TO_DO
