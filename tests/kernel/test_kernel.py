"""What a caller sees: commits shared, answers only after them, failures, watchers, closing."""

import asyncio
import gc

import pytest

from troth.errors import ClosedError, StoreError, StoreFailedError, StoreFullError
from troth.kernel.kernel import BATCH_MAX, RETRY_AFTER_FAILURE_MS, Kernel
from troth.machine import step as machine
from troth.protocol.answers import PromiseAnswer, PromisePage, Refusal
from troth.protocol.records import NEVER, PromiseState, Tag, TaskState
from troth.protocol.requests import (
    CreatePromise,
    GetPromise,
    GetTask,
    SearchPromises,
    SettlePromise,
)
from troth.stores.memory import MemoryStore
from troth.testing.clock import ManualClock
from troth.testing.samples import TARGET


def creating(id):
    return CreatePromise(id, NEVER)


# --- group commit


def test_requests_that_come_together_share_one_commit(play):
    async def story(bench):
        await bench.settled_down()
        commits = bench.store.commits
        answers = await asyncio.gather(*(bench.kernel.submit([creating(f"p{n}")]) for n in range(100)))
        assert [answer[0].data.promise.id for answer in answers] == [f"p{n}" for n in range(100)]
        assert bench.store.commits == commits + 1

    play(story)


def test_what_comes_while_a_commit_is_in_flight_forms_the_next_batch(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.budget = 0
        first = bench.kernel.submit([creating("a")])
        await bench.store.held.wait()
        later = [bench.kernel.submit([creating(f"b{n}")]) for n in range(50)]
        commits = bench.store.commits
        bench.store.release()
        await asyncio.gather(first, *later)
        assert bench.store.commits == commits + 2

    play(story)


def test_nobody_is_answered_before_the_commit(play):
    async def story(bench):
        await bench.settled_down()
        told = []
        bench.kernel.watch("p", told.append)
        bench.store.budget = 0
        answers = [bench.kernel.submit([creating("p")]), bench.kernel.submit(settling("p"))]
        await bench.store.held.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert [answer.done() for answer in answers] == [False, False]
        assert told == []
        bench.store.release()
        await asyncio.gather(*answers)
        assert len(told) == 1

    play(story)


def settling(id):
    return [SettlePromise(id, PromiseState.RESOLVED)]


def test_requests_sent_together_are_answered_in_order_and_see_each_other(play):
    async def story(bench):
        created, missing, found, *_ = await bench.ask(
            creating("a"), GetPromise("b"), GetPromise("a"), *settling("a"), GetPromise("a")
        )
        assert created.promise.id == found.promise.id == "a"
        assert isinstance(missing, Refusal)
        assert (await bench.promise("a")).state is PromiseState.RESOLVED

    play(story)


def test_a_search_sees_what_the_same_batch_wrote(play):
    async def story(bench):
        *_, page = await bench.ask(creating("a"), creating("b"), SearchPromises())
        assert isinstance(page, PromisePage)
        assert [promise.id for promise in page.promises] == ["a", "b"]

    play(story)


def test_more_than_a_full_batch_is_answered_in_several(play):
    async def story(bench):
        await bench.settled_down()
        commits = bench.store.commits
        await asyncio.gather(*(bench.kernel.submit([creating(f"p{n}")]) for n in range(BATCH_MAX + 1)))
        assert bench.store.commits == commits + 2

    play(story)


def test_reading_costs_no_commit(play):
    async def story(bench):
        await bench.create("p")
        await bench.settled_down()
        commits = bench.store.commits
        await bench.promise("p")
        assert bench.store.commits == commits

    play(story)


def test_a_cancelled_caller_does_not_disturb_the_batch(play):
    async def story(bench):
        gone, stays = bench.kernel.submit([creating("a")]), bench.kernel.submit([creating("b")])
        gone.cancel()
        (response,) = await stays
        assert response.ok

    play(story)


def test_an_idle_kernel_does_nothing(play):
    async def story(bench):
        await bench.settled_down()
        begun = bench.store.begun
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.store.begun == begun
        assert bench.clock.next_at is None

    play(story)


# --- failures


def test_a_full_disk_fails_its_batch_only(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.failures.append(StoreFullError("full"))
        results = await asyncio.gather(
            bench.kernel.submit([creating("a")]), bench.kernel.submit([creating("b")]), return_exceptions=True
        )
        assert [type(result) for result in results] == [StoreFullError, StoreFullError]
        assert await bench.status(GetPromise("a")) == 404
        await bench.create("a")
        assert (await bench.promise("a")).id == "a"

    play(story)


def test_due_work_is_tried_again_after_the_store_refused_it(play, refused):
    async def story(bench):
        await bench.create("p", timeout_at=bench.now + 100)
        told = []
        bench.kernel.watch("p", told.append)
        bench.store.failures.append(refused)
        await bench.pass_time(100)
        assert told == []
        await bench.pass_time(RETRY_AFTER_FAILURE_MS)
        assert [record.state for record in told] == [PromiseState.TIMED_OUT]

    play(story)


def test_a_grant_that_could_not_be_written_is_granted_later(play, worker, refused):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.settled_down()
        await bench.create_targeted("a")
        one.done()
        bench.store.failures.append(refused)
        with pytest.raises(StoreError):
            await bench.create_targeted("b")
        assert one.ids == ["a"]
        await bench.create_targeted("b")
        assert one.ids == ["a", "b"]

    play(story)


def test_a_commit_that_failed_half_way_fails_everything_from_then_on(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.budget = 0
        bench.store.failures.append(StoreFailedError("the disk is gone"))
        in_flight = bench.kernel.submit([creating("a")])
        await bench.store.held.wait()
        queued = bench.kernel.submit([creating("b")])
        bench.store.release()
        results = await asyncio.gather(in_flight, queued, bench.kernel.submit([creating("c")]), return_exceptions=True)
        assert [type(result) for result in results] == [StoreFailedError] * 3
        with pytest.raises(StoreFailedError, match="the disk is gone"):
            await bench.kernel.submit([creating("d")])

    play(story)


def test_a_kernel_that_has_failed_leaves_the_store_alone(play):
    async def story(bench):
        await bench.create("p", timeout_at=bench.now + 100)
        bench.store.failures.append(StoreFailedError("the disk is gone"))
        with pytest.raises(StoreFailedError):
            await bench.create("q")
        begun = bench.store.begun
        bench.clock.advance(100 * RETRY_AFTER_FAILURE_MS)
        for _ in range(10):
            await asyncio.sleep(0)
        assert bench.store.begun == begun
        assert bench.clock.next_at is None

    play(story)


@pytest.mark.parametrize(
    "defect", [AssertionError("wrong"), KeyError("p"), ZeroDivisionError(), RecursionError()], ids=repr
)
def test_a_defect_in_one_step_fails_that_request_alone(play, monkeypatch, defect):
    def broken(view, request, now):
        raise defect

    async def story(bench):
        monkeypatch.setattr(machine, "STEPS", {**machine.STEPS, GetTask: broken})
        before, broke, after = await asyncio.gather(
            bench.kernel.submit([creating("a")]),
            bench.kernel.submit([GetTask("a")]),
            bench.kernel.submit([creating("b")]),
            return_exceptions=True,
        )
        assert broke is defect
        assert before[0].ok
        assert after[0].ok
        assert (await bench.promise("a")).id == "a"

    play(story)


def test_a_request_that_is_none_fails_alone(play):
    async def story(bench):
        before, broke, after = await asyncio.gather(
            bench.kernel.submit([creating("a")]),
            bench.kernel.submit(["not a request"]),
            bench.kernel.submit([creating("b")]),
            return_exceptions=True,
        )
        assert isinstance(broke, KeyError)
        assert before[0].ok
        assert after[0].ok

    play(story)


def test_a_defect_outside_of_the_steps_fails_its_batch_and_writes_nothing(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.failures.append(RuntimeError("a defect"))
        with pytest.raises(RuntimeError, match="a defect"):
            await bench.create("a")
        assert await bench.status(GetPromise("a")) == 404
        await bench.create("a")

    play(story)


# --- watchers


def test_a_watcher_is_told_once_after_the_answer(play):
    async def story(bench):
        await bench.create("p")
        told = []
        bench.kernel.watch("p", lambda record: told.append((record.id, answer.done())))
        answer = bench.kernel.submit(settling("p"))
        await answer
        await bench.ask(*settling("p"))
        await bench.promise("p")
        assert told == [("p", True)]

    play(story)


def test_a_watcher_registered_before_the_create_misses_nothing(play):
    async def story(bench):
        told = []
        bench.kernel.watch("p", told.append)
        await bench.ask(creating("p"), *settling("p"))
        assert [record.state for record in told] == [PromiseState.RESOLVED]

    play(story)


def test_a_watcher_is_told_of_a_promise_that_is_born_settled(play):
    async def story(bench):
        told = []
        bench.kernel.watch("p", told.append)
        await bench.create("p", timeout_at=bench.now)
        assert [record.state for record in told] == [PromiseState.TIMED_OUT]

    play(story)


def test_a_watcher_is_told_of_a_timeout_that_nobody_touched(play):
    async def story(bench):
        await bench.create("p", timeout_at=bench.now + 100)
        told = []
        bench.kernel.watch("p", told.append)
        await bench.pass_time(99)
        assert told == []
        await bench.pass_time(1)
        assert [(record.state, record.settled_at) for record in told] == [(PromiseState.TIMED_OUT, bench.now)]

    play(story)


def test_a_watcher_that_was_taken_back_is_not_told(play):
    async def story(bench):
        await bench.create("p")
        told, kept = [], []
        for watcher in (told.append, kept.append):
            bench.kernel.watch("p", watcher)
        bench.kernel.unwatch("p", told.append)
        bench.kernel.unwatch("p", told.append)
        bench.kernel.unwatch("other", told.append)
        await bench.settle("p")
        assert (len(told), len(kept)) == (0, 1)

    play(story)


def test_a_watcher_that_raises_is_reported_and_keeps_nobody_from_the_news(play):
    async def story(bench):
        await bench.create("p")
        told = []
        bench.kernel.watch("p", lambda record: {}[record.id])
        bench.kernel.watch("p", told.append)
        await bench.settle("p")
        assert len(told) == 1
        assert [type(report["exception"]) for report in bench.reports] == [KeyError]
        bench.reports.clear()
        await bench.create("q")

    play(story)


# --- time


def test_a_deadline_that_has_come_is_settled_when_it_is_touched(play):
    async def story(bench):
        await bench.create_targeted("p", timeout_at=bench.now + 100)
        bench.clock._now += 100  # the alarm has not rung yet
        task, promise = await bench.task("p"), await bench.promise("p")
        assert task.state is TaskState.FULFILLED
        assert (promise.state, promise.settled_at) == (PromiseState.TIMED_OUT, bench.now)
        stored = (await bench.store.snapshot()).promises[0]
        assert not stored.pending

    play(story)


def test_a_deadline_is_settled_by_the_clock_alone(play):
    async def story(bench):
        await bench.create_targeted("p", timeout_at=bench.now + 100)
        assert bench.clock.jump_to_next() == bench.now
        await bench.settled_down()
        snapshot = await bench.store.snapshot()
        assert [promise.state for promise in snapshot.promises] == [PromiseState.TIMED_OUT]
        assert [task.state for task in snapshot.tasks] == [TaskState.FULFILLED]

    play(story)


def test_a_timer_resolves_at_its_deadline(play):
    async def story(bench):
        told = []
        bench.kernel.watch("nap", told.append)
        await bench.create("nap", tags={Tag.TIMER: "true"}, timeout_at=bench.now + 100)
        await bench.pass_time(100)
        assert [(record.state, record.settled_at) for record in told] == [(PromiseState.RESOLVED, bench.now)]

    play(story)


def test_deadlines_come_one_after_another(play):
    async def story(bench):
        told = []
        for id, ms in (("c", 300), ("a", 100), ("b", 200)):
            bench.kernel.watch(id, lambda record: told.append((record.id, bench.now)))
            await bench.create(id, timeout_at=bench.now + ms)
        began = bench.now
        while bench.clock.jump_to_next() is not None:
            await bench.settled_down()
        assert told == [("a", began + 100), ("b", began + 200), ("c", began + 300)]

    play(story)


def test_more_deadlines_than_fit_one_batch_are_all_settled(play):
    async def story(bench):
        ids = [f"p{n}" for n in range(600)]
        await bench.create(*ids, timeout_at=bench.now + 100)
        await bench.pass_time(100)
        assert not any(promise.pending for promise in (await bench.store.snapshot()).promises)

    play(story)


def test_a_new_kernel_settles_what_became_due_while_there_was_none(play):
    async def story(bench):
        await bench.create("soon", timeout_at=bench.now + 100)
        await bench.create("later", timeout_at=bench.now + 300)
        await bench.kernel.close()
        bench.clock.advance(200)
        told = []
        await bench.restart()
        for id in ("soon", "later"):
            bench.kernel.watch(id, lambda record: told.append(record.id))
        await bench.settled_down()
        assert told == ["soon"]
        await bench.pass_time(100)
        assert told == ["soon", "later"]

    play(story)


def test_time_never_runs_backwards_for_what_is_stored(play):
    async def story(bench):
        await bench.create("a")
        bench.clock._now -= 60_000  # the wall clock was set back
        await bench.create("b")
        first, second = await bench.promise("a"), await bench.promise("b")
        assert first.created_at == second.created_at

    play(story)


# --- closing


def test_close_answers_what_is_queued(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.budget = 0
        first = bench.kernel.submit([creating("a")])
        await bench.store.held.wait()
        queued = [bench.kernel.submit([creating(f"b{n}")]) for n in range(BATCH_MAX + 1)]
        closing = asyncio.ensure_future(bench.kernel.close())
        bench.store.release()
        await closing
        for answer in (first, *queued):
            assert answer.result()[0].ok

    play(story)


def test_after_close_requests_are_refused(play):
    async def story(bench):
        await bench.kernel.close()
        with pytest.raises(ClosedError):
            await bench.create("a")
        await bench.kernel.close()
        with pytest.raises(ClosedError):
            await bench.create("a")

    play(story)


def test_what_is_sent_while_it_closes_is_refused_and_not_forgotten(play):
    async def story(bench):
        await bench.settled_down()
        bench.store.budget = 0
        first = bench.kernel.submit([creating("a")])
        await bench.store.held.wait()
        closing = asyncio.ensure_future(bench.kernel.close())
        await asyncio.sleep(0)
        late = bench.kernel.submit([creating("b")])
        with pytest.raises(ClosedError):
            await late
        bench.store.release()
        await closing
        assert first.result()[0].ok

    play(story)


def test_an_answered_caller_that_sends_more_while_it_closes_is_answered(play):
    async def story(bench):
        async def caller():
            count = 0
            while True:
                count += 1
                await bench.kernel.submit([creating(f"p{count}")])

        callers = [asyncio.ensure_future(caller()) for _ in range(5)]
        await bench.kernel.submit([])
        await bench.kernel.close()
        results = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(result) for result in results] == [ClosedError] * 5

    play(story)


def test_after_close_the_clock_wakes_nobody(play):
    async def story(bench):
        await bench.create("p", timeout_at=bench.now + 100)
        await bench.kernel.close()
        assert bench.clock.next_at is None
        begun = bench.store.begun
        bench.clock.advance(1_000)
        await asyncio.sleep(0)
        assert bench.store.begun == begun

    play(story)


def test_closing_after_a_failure_does_not_wait_for_anything(play):
    async def story(bench):
        bench.store.failures.append(StoreFailedError("the disk is gone"))
        with pytest.raises(StoreFailedError):
            await bench.create("a")
        await bench.kernel.close()
        with pytest.raises(StoreFailedError):
            await bench.create("a")

    play(story)


def test_a_kernel_that_was_never_started_can_be_closed():
    async def main():
        kernel = Kernel(MemoryStore(), ManualClock())
        queued = kernel.submit([creating("a")])
        await kernel.close()
        for answer in (queued, kernel.submit([creating("b")])):
            with pytest.raises(ClosedError):
                await answer

    asyncio.run(main())


def test_a_loop_that_ends_with_work_in_flight_hangs_nobody(tmp_path):
    """As in a program whose main function returns without closing anything."""
    outcomes = []

    async def caller(kernel):
        try:
            while True:
                await kernel.submit([creating("a"), *settling("a")])
        except (ClosedError, asyncio.CancelledError) as ended:
            outcomes.append(type(ended))
            raise

    async def main():
        kernel = Kernel(MemoryStore(), ManualClock())
        await kernel.start()
        callers = [asyncio.ensure_future(caller(kernel)) for _ in range(3)]
        await kernel.submit([])
        assert not any(each.done() for each in callers)
        main.kernel = kernel

    asyncio.run(main())
    assert len(outcomes) == 3

    async def afterwards():
        with pytest.raises(ClosedError):
            await main.kernel.submit([creating("b")])

    asyncio.run(afterwards())
    gc.collect()


# --- what a slow disk or much work does to the others


def test_the_loop_has_its_turn_between_two_batches(play):
    """However much is left to do, everybody else is heard in between."""

    async def story(bench):
        awaiters = [f"w{n}" for n in range(2_500)]
        await bench.create("p")
        await bench.suspend(*awaiters, on="p")
        await bench.ask(*settling("p"))
        await bench.promise("p")
        assert "suspended" in await bench.states(*awaiters)

    play(story)


def test_answers_are_told_in_one_turn_with_the_commit(play, worker):
    """A task that a commit makes runnable is with its worker before the caller goes on."""

    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.settled_down()
        (answer,) = await bench.create_targeted("a")
        assert isinstance(answer, PromiseAnswer)
        assert one.ids == ["a"]
        assert one.grants[0].promise.tags == {Tag.TARGET: TARGET}

    play(story)
