"""What one commit brings with it: touched deadlines, cycles, preloads, drained callbacks, tasks handed over."""

import asyncio

import pytest

from troth.errors import StoreError
from troth.kernel import kernel
from troth.kernel.fold import CATCH_UP_MAX, DRAIN_MAX
from troth.kernel.kernel import BATCH_MAX, RETRY_AFTER_FAILURE_MS, KernelSettings
from troth.machine import step as machine
from troth.machine.internal import FireSchedule
from troth.protocol.answers import FenceAnswer, GrantAnswer, PreloadAnswer, PromiseAnswer, Refusal
from troth.protocol.records import NEVER, PromiseState, Tag, TaskState, Value
from troth.protocol.requests import (
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateSchedule,
    CreateTask,
    DeleteSchedule,
    FenceTask,
    FulfillTask,
    GetSchedule,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    RegisterCallback,
    RegisterListener,
    ReleaseTask,
    SettlePromise,
    SuspendTask,
    TaskRef,
)
from troth.testing.samples import TARGET

RETRY_MS = KernelSettings().retry_ms
TTL_MS = 30_000
OTHER = "poll://any@others"


def settling(id, state=PromiseState.RESOLVED):
    return SettlePromise(id, state)


def calling(caller, callee, **more):
    return CreatePromise(callee, NEVER, caller=caller, **more)


# --- touched deadlines


def test_a_touched_deadline_has_its_consequences_in_the_same_commit(play):
    async def story(bench):
        await bench.create("p", timeout_at=bench.now + 100)
        await bench.suspend("w", on="p")
        bench.clock._now += 100  # the alarm has not rung yet
        told = []
        bench.kernel.watch("p", told.append)
        assert (await bench.promise("p")).state is PromiseState.TIMED_OUT
        assert await bench.states("w") == ["pending"]
        assert len(told) == 1

    play(story)


def test_a_settled_promises_own_task_is_fulfilled_whoever_settles_it(play):
    async def story(bench):
        await bench.hold("a", "b", "c")
        await bench.fulfill("a")
        await bench.settle("b")
        await bench.ask(settling("c", PromiseState.CANCELED))
        assert await bench.states("a", "b", "c") == ["fulfilled"] * 3

    play(story)


# --- cycles


def test_a_cycle_of_awaits_is_refused_across_batches(play):
    async def story(bench):
        await bench.create_targeted("a", "b", "c")
        await bench.ask(calling("a", "b"))
        await bench.ask(calling("b", "c"))
        (refusal,) = await bench.ask(calling("c", "a"))
        assert isinstance(refusal, Refusal)
        assert refusal.cycle == ("a", "b", "c", "a")

    play(story)


def test_a_cycle_of_awaits_is_refused_within_one_batch(play):
    async def story(bench):
        await bench.create_targeted("a", "b")
        first, second = await asyncio.gather(
            bench.kernel.submit([calling("a", "b")]), bench.kernel.submit([calling("b", "a")])
        )
        assert first[0].ok
        assert second[0].status == 422
        assert second[0].data.cycle == ("a", "b", "a")

    play(story)


def test_a_cycle_through_a_fence_or_a_held_create_is_refused(play):
    async def story(bench):
        await bench.hold("a", "b")
        await bench.ask(FenceTask("a", 1, calling("a", "b")))
        (fenced,) = await bench.ask(FenceTask("b", 1, calling("b", "a")))
        assert isinstance(fenced, FenceAnswer)
        assert (fenced.status, fenced.result.cycle) == (422, ("a", "b", "a"))
        tags = {Tag.TARGET: TARGET}
        assert await bench.status(CreateTask("pid", TTL_MS, calling("b", "a", tags=tags))) == 422

    play(story)


def test_no_cycle_goes_through_what_is_settled(play):
    async def story(bench):
        await bench.create_targeted("a", "b", "c")
        await bench.ask(calling("a", "b"), calling("b", "c"), settling("b"))
        assert await bench.status(calling("c", "a")) == 200

    play(story)


@pytest.mark.parametrize("id", ["", "\0", "\ud800", "x" * 1025], ids=["empty", "nul", "surrogate", "long"])
def test_a_create_that_names_no_id_is_refused_also_with_a_caller(play, id):
    async def story(bench):
        await bench.create("a")
        assert await bench.status(calling("a", id)) == 400
        assert await bench.status(calling(id, "a")) == 400
        await bench.hold("t")
        assert await bench.status(FenceTask("t", 1, calling("t", id))) == 400

    play(story)


# --- preloads


def test_a_grant_is_preloaded_with_the_rest_of_its_branch(play):
    async def story(bench):
        branch = {Tag.BRANCH: "left"}
        await bench.create("left.2", "left.1", tags=branch)
        await bench.create("right.1", tags={Tag.BRANCH: "right"})
        await bench.settle("left.1", data="MQ==")
        create = CreatePromise("left", NEVER, tags={Tag.TARGET: TARGET, **branch})
        (granted,) = await bench.ask(CreateTask("pid", TTL_MS, create))
        assert isinstance(granted, GrantAnswer)
        assert [(each.id, each.state) for each in granted.preload] == [
            ("left.1", PromiseState.RESOLVED),
            ("left.2", PromiseState.PENDING),
        ]

    play(story)


def test_a_preload_holds_what_the_same_request_and_batch_have_written(play):
    async def story(bench):
        branch = {Tag.BRANCH: "left"}
        create = CreatePromise("left", NEVER, tags={Tag.TARGET: TARGET, **branch})
        _, _, fenced = await bench.ask(
            CreateTask("pid", TTL_MS, create),
            CreatePromise("left.1", NEVER, tags=branch),
            FenceTask("left", 1, CreatePromise("left.2", NEVER, tags=branch)),
        )
        assert [each.id for each in fenced.preload] == ["left.1", "left.2"]

    play(story)


def test_a_task_that_may_go_on_is_preloaded_and_one_without_a_branch_is_not(play):
    async def story(bench):
        branch = {Tag.BRANCH: "left"}
        create = CreatePromise("left", NEVER, tags={Tag.TARGET: TARGET, **branch})
        await bench.ask(CreateTask("pid", TTL_MS, create), CreatePromise("left.1", NEVER, tags=branch))
        await bench.settle("left.1")
        (go_on,) = await bench.ask(SuspendTask("left", 1, (RegisterCallback("left.1", "left"),)))
        assert isinstance(go_on, PreloadAnswer)
        assert [each.id for each in go_on.preload] == ["left.1"]
        (granted,) = await bench.hold("plain")
        assert granted.preload == ()

    play(story)


def test_a_preload_shows_a_deadline_that_has_come(play):
    async def story(bench):
        branch = {Tag.BRANCH: "left"}
        await bench.create("left.1", tags=branch, timeout_at=bench.now + 100)
        bench.clock._now += 100  # the alarm has not rung yet
        create = CreatePromise("left", NEVER, tags={Tag.TARGET: TARGET, **branch})
        (granted,) = await bench.ask(CreateTask("pid", TTL_MS, create))
        assert [each.state for each in granted.preload] == [PromiseState.TIMED_OUT]

    play(story)


# --- callbacks


def test_awaiters_are_resumed_in_the_commit_that_settles(play):
    async def story(bench):
        await bench.create("p")
        await bench.suspend("w", on="p")
        bench.store.budget = 1  # nothing after it could be committed
        await bench.settle("p")
        assert await bench.states("w") == ["pending"]
        assert (await bench.store.snapshot()).callbacks == ()

    play(story)


def test_callbacks_of_a_promise_that_was_made_awaited_and_settled_in_one_batch_are_drained(play):
    async def story(bench):
        create = CreatePromise("w", NEVER, tags={Tag.TARGET: TARGET})
        await bench.ask(
            CreatePromise("p", NEVER),
            CreateTask("pid", TTL_MS, create),
            SuspendTask("w", 1, (RegisterCallback("p", "w"),)),
            settling("p"),
        )
        assert (await bench.task("w")).state is TaskState.PENDING
        assert (await bench.store.snapshot()).callbacks == ()

    play(story)


def test_an_awaiter_past_its_deadline_is_not_resumed(play):
    async def story(bench):
        await bench.create("p")
        await bench.suspend("w", on="p", timeout_at=bench.now + 100)
        bench.clock._now += 100  # the alarm has not rung yet
        await bench.settle("p")
        assert await bench.states("w") == ["suspended"]
        assert (await bench.task("w")).state is TaskState.FULFILLED
        assert (await bench.store.snapshot()).callbacks == ()

    play(story)


AWAITERS = tuple(f"w{n:04}" for n in range(2_500))


def test_many_callbacks_are_drained_in_bounded_portions_the_oldest_first(play):
    async def story(bench):
        await bench.create("p")
        await bench.suspend(*AWAITERS, on="p")
        bench.store.budget = 1
        await bench.settle("p")
        await bench.store.held.wait()  # the second portion is written and waits for its commit
        assert await bench.states(*AWAITERS) == ["pending"] * 2 * DRAIN_MAX + ["suspended"] * 500
        commits = bench.store.commits
        bench.store.release()
        await bench.settled_down()
        assert await bench.states(*AWAITERS) == ["pending"] * 2_500
        assert (await bench.store.snapshot()).callbacks == ()
        assert bench.store.commits == commits + 2

    play(story)


def test_a_crash_between_two_portions_loses_no_callback(play):
    async def story(bench):
        await bench.create("p")
        await bench.suspend(*AWAITERS, on="p")
        bench.store.budget = 1
        await bench.settle("p")
        await bench.store.held.wait()
        await bench.crash()
        assert await bench.states(*AWAITERS) == ["pending"] * DRAIN_MAX + ["suspended"] * 1_500
        await bench.restart()
        await bench.settled_down()
        assert await bench.states(*AWAITERS) == ["pending"] * 2_500
        assert await bench.store.next_due_at() is None

    play(story)


def test_many_listeners_do_not_keep_the_kernel_busy(play):
    """Delivering to addresses is not the kernel's; what it leaves there is nothing to drain."""

    async def story(bench):
        await bench.create("p")
        await bench.suspend("w", on="p")
        await bench.ask(*(RegisterListener("p", f"https://example.com/{n}") for n in range(DRAIN_MAX + 1)))
        await bench.settle("p")
        await bench.settled_down()
        assert await bench.states("w") == ["pending"]
        assert await bench.store.next_due_at() is None

    play(story)


# --- tasks handed over


def test_a_task_is_handed_over_in_the_commit_that_makes_it_runnable(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.settled_down()
        commits = bench.store.commits
        await bench.create_targeted("a")
        assert bench.store.commits == commits + 1
        (grant,) = one.grants
        assert (grant.task.state, grant.task.version, grant.task.pid) == (TaskState.ACQUIRED, 1, "worker")
        assert (grant.task.ttl, grant.promise.id) == (TTL_MS, "a")

    play(story)


def test_a_resumed_and_a_released_task_are_handed_over_as_well(play, worker):
    async def story(bench):
        one = worker(room=9)
        bench.kernel.connect(one)
        await bench.create("p")
        await bench.suspend("w", on="p")
        await bench.settle("p")
        assert [(grant.task.id, grant.task.version) for grant in one.grants] == [("w", 2)]
        await bench.ask(ReleaseTask("w", 2))
        assert [(grant.task.id, grant.task.version) for grant in one.grants] == [("w", 2), ("w", 3)]

    play(story)


def test_what_is_acquired_again_in_the_same_batch_is_not_handed_over(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.settled_down()
        tags = {Tag.TARGET: TARGET}
        await bench.ask(CreatePromise("a", NEVER, tags=tags), AcquireTask("a", 0, "client", TTL_MS))
        assert one.ids == []
        assert (await bench.task("a")).pid == "client"

    play(story)


def test_no_more_is_handed_over_than_there_is_room_for(play, worker):
    async def story(bench):
        one = worker(room=3)
        bench.kernel.connect(one)
        await bench.create_targeted(*(f"t{n}" for n in range(10)))
        await bench.settled_down()
        assert one.ids == ["t0", "t1", "t2"]

    play(story)


def test_what_waits_is_handed_over_in_order_as_room_comes_back(play, worker):
    async def story(bench):
        ids = [f"t{n}" for n in range(9, -1, -1)]
        one = worker(room=3)
        bench.kernel.connect(one)
        for id in ids:
            await bench.create_targeted(id)
        one.done(2)
        bench.kernel.poke()
        await bench.settled_down()
        assert one.ids == ids[:5]
        one.done(5)
        bench.kernel.poke()
        await bench.settled_down()
        assert one.ids == ids

    play(story)


def test_what_is_new_queues_up_behind_what_waits(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        for id in "abc":
            await bench.create_targeted(id)
        one.done()
        await bench.create_targeted("d")
        assert one.ids == ["a", "b"]

    play(story)


def test_a_worker_that_connects_later_gets_what_waits_at_once(play, worker):
    async def story(bench):
        await bench.create_targeted("a", "b")
        one = worker(room=5)
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == ["a", "b"]

    play(story)


def test_a_worker_that_connects_later_gets_at_once_what_another_could_not_do(play, worker):
    async def story(bench):
        bench.kernel.connect(worker("ignorant", knows=lambda param: False))
        await bench.create_targeted("a")
        await bench.settled_down()
        one = worker("knowing")
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == ["a"]

    play(story)


def test_room_that_two_targets_share_is_not_given_twice(play, worker):
    """What finds no room keeps its place: it is not put off as if nobody could do it."""

    async def story(bench):
        await bench.create_targeted("a1", "a2")
        await bench.create("b1", "b2", tags={Tag.TARGET: OTHER})
        one = worker(room=2, targets=(TARGET, OTHER))
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == ["a1", "a2"]
        one.done(2)
        bench.kernel.poke()
        await bench.settled_down()
        assert one.ids == ["a1", "a2", "b1", "b2"]

    play(story)


def test_a_busy_target_does_not_starve_another(play, worker):
    async def story(bench):
        await bench.create_targeted(*(f"a{n}" for n in range(5)))
        await bench.create(*(f"b{n}" for n in range(5)), tags={Tag.TARGET: OTHER})
        one = worker(room=1, targets=(TARGET, OTHER))
        bench.kernel.connect(one)
        for _ in range(4):
            await bench.settled_down()
            one.done()
            bench.kernel.poke()
        assert {id[0] for id in one.ids} == {"a", "b"}

    play(story)


def test_an_unknown_function_is_neither_granted_nor_spun_on_and_is_offered_again(play, worker):
    async def story(bench):
        one = worker(room=2, knows=lambda param: param.data == "known")
        bench.kernel.connect(one)
        await bench.settled_down()
        await bench.create_targeted("strange", data="strange")
        await bench.settled_down()
        begun = bench.store.begun
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.store.begun == begun
        assert one.ids == []
        await bench.create_targeted("plain", data="known")
        assert one.ids == ["plain"]
        one.knows = lambda param: True
        await bench.pass_time(RETRY_MS - 1)
        assert one.ids == ["plain"]
        await bench.pass_time(1)
        assert one.ids == ["plain", "strange"]

    play(story)


def test_many_unknown_functions_do_not_hide_a_known_one(play, worker):
    async def story(bench):
        one = worker(room=1, knows=lambda param: param.data == "known")
        await bench.create_targeted(*(f"strange{n}" for n in range(20)), data="strange")
        await bench.create_targeted("plain", data="known")
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == ["plain"]

    play(story)


def test_a_worker_that_cannot_judge_a_param_is_reported_and_the_commit_stands(play, worker):
    async def story(bench):
        bench.kernel.connect(worker(knows=lambda param: {}[param.data]))
        await bench.create_targeted("a", data="odd")
        assert (await bench.task("a")).state is TaskState.PENDING
        assert {type(report["exception"]) for report in bench.reports} == {KeyError}
        bench.reports.clear()

    play(story)


def test_a_worker_that_raises_is_reported_and_the_others_get_their_tasks(play, worker):
    async def story(bench):
        broken, sound = worker("broken", room=2), worker("sound", room=1)
        broken.deliver = lambda grant: {}[grant.task.id]
        bench.kernel.connect(broken)
        bench.kernel.connect(sound)
        await bench.create_targeted("a", "b", "c")
        assert sound.ids != []
        assert {type(report["exception"]) for report in bench.reports} == {KeyError}
        bench.reports.clear()
        await bench.create("q")

    play(story)


def test_a_worker_that_leaves_during_the_commit_gives_its_task_back(play, worker):
    async def story(bench):
        goes, stays = worker("goes"), worker("stays", room=0)
        bench.kernel.connect(goes)
        bench.kernel.connect(stays)
        await bench.settled_down()
        bench.store.budget = 0
        created = asyncio.ensure_future(bench.create_targeted("a"))
        await bench.store.held.wait()
        bench.kernel.disconnect(goes)
        stays.done()
        bench.store.release()
        await created
        await bench.settled_down()
        assert goes.ids == []
        assert [(grant.task.id, grant.task.version) for grant in stays.grants] == [("a", 2)]

    play(story)


def test_a_disconnected_worker_gets_nothing(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        bench.kernel.disconnect(one)
        await bench.create_targeted("a")
        await bench.settled_down()
        assert one.ids == []

    play(story)


# --- grants that start before they are committed


@pytest.fixture
def patient(monkeypatch):
    """A batch stays open however slow the machine is."""
    monkeypatch.setattr(kernel, "HOLD_MAX_S", 60)


class Caller:
    """A worker whose every task calls the next one as soon as it is handed over, and ends once the depth is reached."""

    def __init__(self, bench, depth):
        self.pid = "caller"
        self.ttl_ms = TTL_MS
        self.targets = (TARGET,)
        self.ids = []
        self.sent = []
        self._bench = bench
        self._depth = depth

    def room(self):
        return self._depth - len(self.ids) + 1

    def accepts(self, param):
        return True

    def deliver(self, grant):
        id = grant.task.id
        self.ids.append(id)
        if len(self.ids) < self._depth:
            request = calls(id, f"call-{len(self.ids)}", version=grant.task.version)
        else:
            request = FulfillTask(id, grant.task.version, settling(id))
        self.sent.append(self._bench.kernel.submit([request]))


def calls(id, callee, version=1):
    create = CreatePromise(callee, NEVER, tags={Tag.TARGET: TARGET}, caller=id)
    return FenceTask(id, version, create)


def test_calls_of_a_worker_that_shares_our_fate_go_down_in_one_commit(play, patient):
    async def story(bench):
        caller = Caller(bench, depth=10)
        bench.kernel.connect(caller, early=True)
        await bench.settled_down()
        commits = bench.store.commits
        await bench.create_targeted("p")
        answers = await asyncio.gather(*caller.sent)
        await bench.settled_down()
        assert len(caller.ids) == 10
        assert {response.status for answer in answers for response in answer} == {200}
        assert bench.store.commits == commits + 2
        assert (await bench.promise(caller.ids[-1])).state is PromiseState.RESOLVED

    play(story)


def test_any_other_worker_is_handed_nothing_before_the_commit(play, worker):
    async def story(bench):
        one = worker(room=2)
        bench.kernel.connect(one)
        await bench.create_targeted("p")
        bench.store.budget = 0
        fenced = bench.kernel.submit([calls("p", "child")])
        await bench.store.held.wait()
        assert one.ids == ["p"]
        bench.store.release()
        await fenced
        assert one.ids == ["p", "child"]

    play(story)


def test_only_a_call_of_its_own_task_starts_early(play, worker):
    """What a stranger creates, and what was there before, is committed first."""

    async def story(bench):
        one = worker("early", room=9)
        bench.kernel.connect(one, early=True)
        await bench.hold("stranger", pid="client")
        await bench.settled_down()
        bench.store.budget = 0
        sent = bench.kernel.submit([calls("stranger", "child"), *pending("root")])
        await bench.store.held.wait()
        assert one.ids == []
        bench.store.release()
        await sent
        assert sorted(one.ids) == ["child", "root"]

    play(story)


def pending(id):
    return [CreatePromise(id, NEVER, tags={Tag.TARGET: TARGET})]


def test_nobody_is_answered_early(play, patient):
    async def story(bench):
        caller = Caller(bench, depth=4)
        bench.kernel.connect(caller, early=True)
        await bench.settled_down()
        bench.store.budget = 1
        await bench.create_targeted("p")
        await bench.store.held.wait()
        assert len(caller.ids) > 1
        assert not any(sent.done() for sent in caller.sent)
        bench.store.release()
        await asyncio.gather(*caller.sent)

    play(story)


def test_a_batch_that_fails_fails_what_its_early_grants_have_asked_for(play, refused, patient):
    async def story(bench):
        caller = Caller(bench, depth=4)
        bench.kernel.connect(caller, early=True)
        await bench.settled_down()
        bench.store.budget = 1
        await bench.create_targeted("p")
        await bench.store.held.wait()
        started = caller.ids[1:]
        assert started != []
        bench.store.failures.append(refused)
        bench.store.release()
        results = await asyncio.gather(*caller.sent[: len(started)], return_exceptions=True)
        assert set(map(type, results)) == {StoreError}
        assert await bench.status(GetTask(started[0])) == 404
        assert await bench.states("p") == ["acquired"]
        await asyncio.gather(*caller.sent, return_exceptions=True)

    play(story)


def test_a_call_that_goes_down_without_end_is_cut_into_batches(play, patient):
    async def story(bench):
        caller = Caller(bench, depth=BATCH_MAX + 100)
        bench.kernel.connect(caller, early=True)
        await bench.settled_down()
        commits = bench.store.commits
        await bench.create_targeted("p")
        await bench.settled_down()
        assert len(caller.ids) == BATCH_MAX + 100
        assert bench.store.commits > commits + 1

    play(story)


# --- delays


def delayed(id, until):
    return CreatePromise(id, NEVER, tags={Tag.TARGET: TARGET, Tag.DELAY: str(until)})


def test_a_delayed_task_is_handed_over_when_its_time_has_come(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.ask(delayed("a", bench.now + 1_000))
        await bench.pass_time(999)
        assert one.ids == []
        await bench.pass_time(1)
        assert one.ids == ["a"]

    play(story)


def test_a_worker_that_connects_later_does_not_get_what_is_delayed(play, worker):
    async def story(bench):
        await bench.ask(delayed("a", bench.now + 1_000))
        one = worker()
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == []
        await bench.pass_time(1_000)
        assert one.ids == ["a"]

    play(story)


@pytest.mark.parametrize("connected", [True, False], ids=["connected before", "connected after"])
def test_a_delayed_task_that_was_given_back_still_waits_and_is_not_spun_on(play, worker, connected):
    async def story(bench):
        one = worker()
        if connected:
            bench.kernel.connect(one)
        await bench.ask(delayed("a", bench.now + 60_000), AcquireTask("a", 0, "client", TTL_MS))
        await bench.ask(ReleaseTask("a", 1))
        if not connected:
            bench.kernel.connect(one)
        await bench.settled_down()
        begun = bench.store.begun
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.store.begun == begun
        assert one.ids == []
        await bench.pass_time(59_999)
        assert one.ids == []
        await bench.pass_time(1)
        assert one.ids == ["a"]

    play(story)


# --- leases


def test_the_lease_of_a_holder_that_is_connected_is_renewed(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.create_targeted("a")
        for _ in range(5):
            await bench.pass_time(TTL_MS)
        assert (await bench.task("a")).version == 1
        assert one.ids == ["a"]

    play(story)


def test_the_task_of_a_dead_holder_is_granted_to_another(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.hold("a", pid="dead")
        await bench.pass_time(TTL_MS - 1)
        assert one.ids == []
        await bench.pass_time(1)
        assert [(grant.task.id, grant.task.version) for grant in one.grants] == [("a", 2)]
        assert await bench.status(HeartbeatTasks("dead", (TaskRef("a", 1),))) == 200
        assert (await bench.task("a")).pid == "worker"

    play(story)


def test_the_task_of_a_worker_that_left_is_pending_after_its_lease(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.create_targeted("a")
        bench.kernel.disconnect(one)
        await bench.pass_time(TTL_MS)
        task = await bench.task("a")
        assert (task.state, task.version, task.pid) == (TaskState.PENDING, 1, None)

    play(story)


def test_a_lease_that_is_renewed_in_the_batch_that_finds_it_expired_holds(play):
    async def story(bench):
        await bench.hold("a", pid="client")
        bench.clock.advance(TTL_MS)
        await bench.ask(HeartbeatTasks("client", (TaskRef("a", 1),)))
        assert (await bench.task("a")).state is TaskState.ACQUIRED

    play(story)


def test_a_task_fulfilled_in_the_batch_that_finds_its_lease_expired_stays_fulfilled(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.hold("a", pid="client")
        bench.clock.advance(TTL_MS)
        await bench.fulfill("a")
        await bench.settled_down()
        assert (await bench.promise("a")).state is PromiseState.RESOLVED
        assert await bench.states("a") == ["fulfilled"]
        assert one.ids == []

    play(story)


def test_a_promise_that_ran_out_in_the_queue_resumes_its_awaiters_and_is_not_granted(play, worker):
    async def story(bench):
        one = worker()
        await bench.create_targeted("p", timeout_at=bench.now + 100)
        await bench.suspend("w", on="p")
        bench.clock._now += 100  # the alarm has not rung yet
        bench.kernel.connect(one)
        await bench.settled_down()
        assert one.ids == ["w"]
        assert await bench.states("p") == ["fulfilled"]

    play(story)


def test_a_halted_task_is_not_handed_over_until_it_is_continued(play, worker):
    async def story(bench):
        await bench.create_targeted("a")
        await bench.ask(HaltTask("a"))
        one = worker()
        bench.kernel.connect(one)
        await bench.pass_time(10 * RETRY_MS)
        assert one.ids == []
        await bench.ask(ContinueTask("a"))
        assert one.ids == ["a"]

    play(story)


# --- schedules

SECOND_MS = 1_000


def every_second(id="s", **more):
    return CreateSchedule(id, "* * * * * *", "{{.id}}-{{.timestamp}}", promise_timeout=NEVER, **more)


async def occurrences(bench, id="s"):
    promises = (await bench.store.snapshot()).promises
    return sorted(int(promise.id.removeprefix(f"{id}-")) for promise in promises if promise.id.startswith(f"{id}-"))


def test_a_schedule_fires_at_its_instants(play):
    async def story(bench):
        began = bench.now
        await bench.ask(every_second())
        assert await occurrences(bench) == []
        for _ in range(3):
            assert bench.clock.jump_to_next() is not None
            await bench.settled_down()
        assert await occurrences(bench) == [began + n * SECOND_MS for n in (1, 2, 3)]

    play(story)


def test_an_occurrence_is_handed_over_at_once(play, worker):
    async def story(bench):
        one = worker()
        bench.kernel.connect(one)
        await bench.ask(every_second(promise_tags={Tag.TARGET: TARGET}, promise_param=Value(data="MQ==")))
        await bench.pass_time(SECOND_MS)
        assert one.ids == [f"s-{bench.now}"]
        assert one.grants[0].promise.param == Value(data="MQ==")
        assert one.grants[0].promise.tags[Tag.SCHEDULE] == "s"

    play(story)


def test_missed_occurrences_are_caught_up(play):
    async def story(bench):
        began = bench.now
        await bench.ask(every_second())
        await bench.pass_time(10 * SECOND_MS)
        assert await occurrences(bench) == [began + n * SECOND_MS for n in range(1, 11)]

    play(story)


def test_after_a_long_pause_only_so_many_are_caught_up_and_the_rest_is_skipped(play):
    async def story(bench):
        began = bench.now
        await bench.ask(every_second())
        begun = bench.store.begun
        await bench.pass_time(24 * 60 * 60 * SECOND_MS)
        assert await occurrences(bench) == [began + n * SECOND_MS for n in range(1, CATCH_UP_MAX + 1)]
        assert bench.store.begun < begun + 20
        (answer,) = await bench.ask(GetSchedule("s"))
        assert answer.schedule.next_run_at == bench.now + SECOND_MS

    play(story)


def test_a_schedule_deleted_in_the_batch_that_finds_it_due_is_gone(play):
    async def story(bench):
        await bench.ask(every_second())
        bench.clock.advance(SECOND_MS)
        await bench.ask(DeleteSchedule("s"))
        await bench.pass_time(10 * SECOND_MS)
        assert await bench.status(GetSchedule("s")) == 404
        assert await occurrences(bench) == []

    play(story)


def test_an_occurrence_created_by_hand_in_the_batch_that_fires_it_is_kept(play):
    async def story(bench):
        await bench.ask(every_second())
        bench.clock.advance(SECOND_MS)
        (mine,) = await bench.create(f"s-{bench.now}", param=Value(data="MQ=="))
        assert isinstance(mine, PromiseAnswer)
        await bench.settled_down()
        assert (await bench.promise(f"s-{bench.now}")).param == Value(data="MQ==")

    play(story)


def test_a_schedule_that_cannot_be_fired_is_reported_and_holds_up_nothing(play, monkeypatch):
    def broken(view, event, now):
        if event.id == "bad":
            raise ValueError("no such cron line")
        return sound(view, event, now)

    sound = machine.STEPS[FireSchedule]

    async def story(bench):
        monkeypatch.setattr(machine, "STEPS", {**machine.STEPS, FireSchedule: broken})
        await bench.ask(every_second("bad"), every_second("good"))
        await bench.create("p", timeout_at=bench.now + SECOND_MS)
        await bench.pass_time(SECOND_MS)
        assert len(await occurrences(bench, "good")) == 1
        assert (await bench.promise("p")).state is not PromiseState.PENDING
        begun = bench.store.begun
        for _ in range(50):
            await asyncio.sleep(0)
        assert bench.store.begun == begun
        assert bench.clock.next_at == bench.now + min(SECOND_MS, RETRY_AFTER_FAILURE_MS)
        assert {str(report["exception"]) for report in bench.reports} == {"no such cron line"}
        bench.reports.clear()

    play(story)
