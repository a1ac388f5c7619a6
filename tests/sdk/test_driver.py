"""What the execution of one task asks for, as requests, and what their answers mean; told in every order."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from troth.errors import (
    AwaitCycleError,
    CallTimedOutError,
    ClosedError,
    KeyCollisionError,
    RequestRefusedError,
    StoreFullError,
)
from troth.protocol.answers import FenceAnswer, PromiseAnswer, Refusal, Response
from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Value
from troth.protocol.requests import CreatePromise, FenceTask, GetPromise, Request, SettlePromise
from troth.sdk.context import Context
from troth.sdk.driver import TaskDriver, refusal_error, rejection
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import NO_OPTIONS, CallOptions, Execution
from troth.sdk.engine.journal import Journal
from troth.sdk.function import DurableFunction, Function, Traits
from troth.sdk.identity import Caller
from troth.sdk.invoke import Invoker
from troth.sdk.run import Run


def double(n: int) -> int:
    return 2 * n


def durable(**traits: Any) -> Function[..., Any]:
    return DurableFunction(double, Traits(**traits), Context)


class Line:
    """A transport whose every answer the test gives."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[Request], asyncio.Future[list[Response]]]] = []
        self.watchers: dict[str, list[Callable[[Promise], None]]] = {}

    def now(self) -> int:
        return 1_000

    def submit(self, requests: Sequence[Request]) -> "asyncio.Future[list[Response]]":
        future: asyncio.Future[list[Response]] = asyncio.get_running_loop().create_future()
        self.asked.append((requests, future))
        return future

    def watch(self, promise_id: str, watcher: Callable[[Promise], None]) -> None:
        self.watchers.setdefault(promise_id, []).append(watcher)

    def unwatch(self, promise_id: str, watcher: Callable[[Promise], None]) -> None:
        if watcher in self.watchers.get(promise_id, ()):
            self.watchers[promise_id].remove(watcher)

    def poke(self) -> None: ...

    @property
    def requests(self) -> list[Request]:
        return [request for requests, _ in self.asked for request in requests]

    async def answer(self, *responses: Response | Exception) -> None:
        """Answer what was asked first and not answered yet."""
        requests, future = next((r, f) for r, f in self.asked if not f.done())
        if isinstance(responses[0], Exception):
            future.set_exception(responses[0])
        else:
            assert len(requests) == len(responses)
            future.set_result([each for each in responses if isinstance(each, Response)])
        for _ in range(5):
            await asyncio.sleep(0)

    def tell(self, record: Promise) -> None:
        """The commit that settled it is done."""
        for watcher in self.watchers.pop(record.id, []):
            watcher(record)


class Shop:
    """What the runs of a worker share, as notes."""

    def __init__(self, line: Line) -> None:
        self.transport: Any = line
        self.registry: Any = None
        self.invoker = Invoker()
        self.log: list[str] = []
        self.residency: Any = SimpleNamespace(
            enter=lambda _: self.log.append("waits"), leave=lambda _: self.log.append("goes on")
        )
        self.known_errors: dict[str, type[Exception]] = {}

    def lose(self, run: Run) -> None:
        self.log.append("lost")
        run.dropped = True

    def trouble(self, run: Run, error: Exception) -> None:
        self.log.append(f"trouble: {error}")
        run.dropped = True

    def stepping(self) -> None: ...


class Desk:
    """One run's driver, its line and its shop."""

    def __init__(self, *records: Promise, id: str = "root") -> None:
        self.line = Line()
        self.shop = Shop(self.line)
        self.run = Run(Promise(id, PromiseState.PENDING, NO_VALUE, NO_VALUE, {}, NEVER, 1), version=3)
        self.driver = TaskDriver(self.shop, self.run)
        self.execution = Execution(self.driver, Caller(id, id), Journal(records))

    def rpc(self, **traits: Any) -> Call[int]:
        return self.execution.remote(durable(**traits).call((4,), {}), NO_OPTIONS)


def record(create: CreatePromise | Call[Any], state: PromiseState = PromiseState.PENDING, data: str = "") -> Promise:
    create = create.create if isinstance(create, Call) else create
    value = Value(data=b64encode(data.encode()).decode()) if data else NO_VALUE
    settled_at = None if state is PromiseState.PENDING else 5
    return Promise(create.id, state, create.param, value, create.tags, create.timeout_at, 1, settled_at)


def fenced(promise: Promise) -> Response:
    return Response(200, FenceAnswer("promise.create", 200, PromiseAnswer(promise)))


def refused(status: int, cycle: tuple[str, ...] = ()) -> Response:
    return Response(200, FenceAnswer("promise.create", status, Refusal("not so", cycle)))


RESOLVED, REJECTED = PromiseState.RESOLVED, PromiseState.REJECTED
KEYED = {"key": "double-{n}"}


def play(story: Callable[[], Any]) -> None:
    asyncio.run(story())


# --- remote calls


def test_a_call_is_created_under_the_lease_and_waited_for() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        assert desk.line.requests == [FenceTask("root", 3, call.create)]
        assert desk.shop.log == ["waits"]
        await desk.line.answer(fenced(record(call)))
        assert (call.acknowledged, call.done()) == (True, False)
        desk.line.tell(record(call, RESOLVED, "8"))
        assert call.result() == 8
        assert desk.shop.log == ["waits", "goes on"]

    play(story)


def test_a_call_that_was_settled_already_is_answered_at_once() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc(**KEYED)
        await desk.line.answer(fenced(record(call, RESOLVED, "8")))
        assert call.result() == 8
        assert desk.line.watchers[call.id] == []

    play(story)


def test_news_that_overtake_the_answer_are_the_outcome_if_the_promise_was_pending() -> None:
    """The watcher is told with the commit, the answer is seen a turn of the loop later."""

    async def story() -> None:
        desk = Desk()
        call = desk.rpc(**KEYED)
        desk.line.tell(record(call, REJECTED))
        assert not call.done()
        await desk.line.answer(fenced(record(call)))
        assert call.exception() is not None
        assert len(desk.line.asked) == 1

    play(story)


def test_news_that_overtake_the_answer_are_not_if_it_had_failed_before_the_call() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc(**KEYED)
        desk.line.tell(record(call, REJECTED))
        await desk.line.answer(fenced(record(call, REJECTED)))
        assert not call.done()
        assert desk.line.requests[-1] == FenceTask("root", 3, replace(call.create, id="double-4~2"))
        await desk.line.answer(fenced(record(call)))
        desk.line.tell(record(call, RESOLVED, "8"))
        assert call.result() == 8
        assert call.id == "double-4~2"

    play(story)


def test_every_earlier_failure_is_passed_over() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc(**KEYED)
        for _ in range(3):
            await desk.line.answer(fenced(record(call, REJECTED)))
        await desk.line.answer(fenced(record(call, RESOLVED, "8")))
        assert [request.action.id for request in desk.line.requests if isinstance(request, FenceTask)] == [
            "double-4",
            "double-4~2",
            "double-4~3",
            "double-4~4",
        ]
        assert call.result() == 8
        assert desk.run.waits == {}

    play(story)


def test_a_failure_that_is_kept_is_the_callers() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc(**KEYED, on_failure="keep")
        await desk.line.answer(fenced(record(call, PromiseState.TIMED_OUT)))
        assert isinstance(call.exception(), CallTimedOutError)
        assert len(desk.line.asked) == 1

    play(story)


def test_a_failure_between_journal_and_follow_is_the_callers() -> None:
    """It was called before, so it failed while the caller waited: in a replay as in the first run."""

    async def story() -> None:
        desk = Desk(record(CreatePromise("double-4", NEVER, durable().call((4,), {}).param)))
        call = desk.rpc(**KEYED)
        assert desk.line.requests == [GetPromise("double-4")]
        await desk.line.answer(Response(200, PromiseAnswer(record(call, PromiseState.TIMED_OUT))))
        assert isinstance(call.exception(), CallTimedOutError)

    play(story)


def test_a_failure_that_an_equal_call_of_this_caller_saw_is_seen_again() -> None:
    async def story() -> None:
        desk = Desk()
        first = desk.rpc(**KEYED)
        await desk.line.answer(fenced(record(first)))
        second = desk.rpc(**KEYED)
        desk.line.tell(record(first, PromiseState.TIMED_OUT))
        await desk.line.answer(fenced(record(first, PromiseState.TIMED_OUT)))
        assert isinstance(first.exception(), CallTimedOutError)
        assert isinstance(second.exception(), CallTimedOutError)

    play(story)


def test_the_next_generation_may_be_the_caller_itself() -> None:
    async def story() -> None:
        desk = Desk(id="double-4~2")
        call = desk.rpc(**KEYED)
        await desk.line.answer(fenced(record(call, REJECTED)))
        error = call.exception()
        assert isinstance(error, AwaitCycleError)
        assert error.path == ("double-4~2", "double-4~2")
        assert len(desk.line.asked) == 1

    play(story)


def test_another_call_under_the_id_is_a_collision_pending_or_settled() -> None:
    async def story() -> None:
        for state in (PromiseState.PENDING, RESOLVED):
            desk = Desk()
            call = desk.rpc(key="double")
            other = replace(call.create, param=durable().call((5,), {}).param)
            await desk.line.answer(fenced(record(other, state, "10")))
            assert isinstance(call.exception(), KeyCollisionError)
            assert desk.run.waits == {}
            assert desk.line.watchers["double"] == []

    play(story)


@pytest.mark.parametrize(
    ("response", "kind"), [(refused(422, ("a", "b", "a")), AwaitCycleError), (refused(400), RequestRefusedError)]
)
def test_a_refused_call_fails_and_the_caller_goes_on(response: Response, kind: type[Exception]) -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(response)
        assert type(call.exception()) is kind
        assert desk.shop.log == ["waits", "goes on"]

    play(story)


@pytest.mark.parametrize("status", [404, 409])
def test_a_lost_lease_is_the_end_of_the_run(status: int) -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(Response(status, Refusal("not live")))
        assert desk.shop.log == ["waits", "lost"]
        assert not call.done()

    play(story)


def test_a_request_of_an_older_version_is_made_again() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        desk.run.version = 4
        await desk.line.answer(Response(409, Refusal("not live")))
        assert desk.line.requests[-1] == FenceTask("root", 4, call.create)
        await desk.line.answer(fenced(record(call, RESOLVED, "8")))
        assert call.result() == 8
        assert "lost" not in desk.shop.log

    play(story)


def test_any_other_refusal_of_the_fence_fails_the_call() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(Response(400, Refusal("too long")))
        error = call.exception()
        assert isinstance(error, RequestRefusedError)
        assert error.status == 400

    play(story)


@pytest.mark.parametrize("error", [StoreFullError("full"), ClosedError("closed")])
def test_trouble_with_the_store_is_the_runs(error: Exception) -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(error)
        assert desk.shop.log == ["waits", f"trouble: {error}"]
        assert not call.done()

    play(story)


def test_a_defect_is_the_calls() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(AssertionError("a defect"))
        assert isinstance(call.exception(), AssertionError)

    play(story)


def test_a_call_that_nobody_waits_for_any_more_is_not_waited_for() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        await desk.line.answer(fenced(record(call)))
        call.cancel()
        await asyncio.sleep(0)
        assert desk.run.waits == {}
        assert desk.line.watchers[call.id] == []
        assert desk.shop.log == ["waits", "goes on"]

    play(story)


def test_a_dropped_run_hears_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        call = desk.rpc()
        desk.run.dropped = True
        await desk.line.answer(fenced(record(call, RESOLVED, "8")))
        assert not call.done()
        desk.driver.forget()
        assert call.cancelled()
        assert desk.line.watchers[call.id] == []

    play(story)


# --- local calls


def local(desk: Desk, id: str | None = None, **traits: Any) -> Call[int]:
    function: Function[..., Any] = Function(noted, Traits(**traits), Context)
    return desk.execution.local(function.call((4,), {}), CallOptions(id) if id else NO_OPTIONS)


entered: list[int] = []


async def noted(n: int) -> int:
    entered.append(n)
    return 2 * n


@pytest.fixture(autouse=True)
def _nothing_entered() -> None:
    entered.clear()


async def asked(desk: Desk, count: int) -> None:
    for _ in range(100):
        if len(desk.line.asked) >= count:
            return
        await asyncio.sleep(0)
    raise AssertionError("nothing was asked")


def settle(call: Call[Any]) -> SettlePromise:
    return SettlePromise(call.id, RESOLVED, Value(data="OA=="))


def test_a_local_call_is_created_by_the_write_that_settles_it() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        assert desk.line.requests == [FenceTask("root", 3, call.create), FenceTask("root", 3, settle(call))]
        await desk.line.answer(fenced(record(call)), fenced(record(call, RESOLVED, "8")))
        assert call.result() == 8
        assert desk.run.steps == {}

    play(story)


def test_the_stored_outcome_counts_not_ours() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        stored = record(call, RESOLVED, "80")
        await desk.line.answer(fenced(stored), fenced(stored))
        assert call.result() == 80

    play(story)


def test_an_explicit_id_is_looked_up_before_the_function_is_entered() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk, "mine")
        await asked(desk, 1)
        assert (desk.line.requests, entered) == ([GetPromise("mine")], [])
        await desk.line.answer(Response(200, PromiseAnswer(record(call, RESOLVED, "8"))))
        assert (call.result(), entered) == (8, [])

    play(story)


@pytest.mark.parametrize("there", [True, False])
def test_an_explicit_id_that_nobody_has_settled_is_computed(there: bool) -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk, "mine")
        await asked(desk, 1)
        found = PromiseAnswer(record(call)) if there else Refusal("no promise")
        await desk.line.answer(Response(200 if there else 404, found))
        await asked(desk, 2)
        assert entered == [4]
        settling = FenceTask("root", 3, settle(call))
        assert desk.line.requests[1:] == ([settling] if there else [FenceTask("root", 3, call.create), settling])

    play(story)


def test_an_explicit_id_of_another_call_is_neither_entered_nor_settled() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk, "mine")
        await asked(desk, 1)
        other = replace(call.create, param=durable().call((5,), {}).param)
        await desk.line.answer(Response(200, PromiseAnswer(record(other))))
        assert isinstance(call.exception(), KeyCollisionError)
        assert (len(desk.line.asked), entered) == (1, [])

    play(story)


def test_a_local_call_whose_promise_is_refused_fails() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        await desk.line.answer(refused(422, ("a", "a")), refused(404))
        assert isinstance(call.exception(), AwaitCycleError)
        assert desk.shop.log == []

    play(story)


def test_a_local_call_that_finds_the_lease_lost_ends_the_run() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        lost = Response(409, Refusal("not live"))
        await desk.line.answer(lost, lost)
        assert (desk.shop.log, call.done()) == (["lost"], False)

    play(story)


def test_a_local_call_of_an_older_version_is_stored_again_and_not_made_again() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        desk.run.version = 4
        lost = Response(409, Refusal("not live"))
        await desk.line.answer(lost, lost)
        await asked(desk, 2)
        assert desk.line.requests[2:] == [FenceTask("root", 4, call.create), FenceTask("root", 4, settle(call))]
        assert entered == [4]

    play(story)


def test_trouble_while_a_local_call_is_recorded() -> None:
    async def story() -> None:
        desk = Desk()
        call = local(desk)
        await asked(desk, 1)
        await desk.line.answer(StoreFullError("full"))
        assert isinstance(call.exception(), StoreFullError)
        assert desk.shop.log == ["trouble: full"]

    play(story)


def test_a_cancelled_local_call_is_stopped_and_not_recorded() -> None:
    async def story() -> None:
        async def forever() -> None:
            await asyncio.Event().wait()

        desk = Desk()
        function: Function[..., Any] = Function(forever, Traits(), Context)
        call = desk.execution.local(function.call((), {}), NO_OPTIONS)
        await asyncio.sleep(0)
        call.cancel()
        assert call.body is not None
        with pytest.raises(asyncio.CancelledError):
            await call.body
        assert (desk.line.asked, desk.run.steps) == ([], {})

    play(story)


def test_a_local_calls_deadline(world: Any, wait: Any) -> None:
    """Its own deadline times the call out, as soon as the store's clock agrees; a timeout of the body is an error."""

    async def slow() -> None:
        await asyncio.Event().wait()

    async def raises() -> None:
        raise TimeoutError("its own")

    @world.function
    async def top(ctx: Context) -> list[str]:
        found: list[str] = []
        for function, timeout in ((slow, 0.01), (raises, 60)):
            try:
                await ctx.options(timeout=timeout).run(function)
            except TimeoutError as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

    async def story() -> None:
        async with world.open() as app:
            result = app.start(top, id="t")
            await wait.until(lambda: "t" in app.runs and bool(app.runs["t"].waits))
            await wait.turns()
            assert not result.done(), "by the store's clock there is time left"
            world.clock.advance(10)
            timed_out, own = await result
            assert timed_out.startswith("CallTimedOutError: t.slow-")
            assert own == "TimeoutError: its own"

    world.play(story)


# --- refusals


def test_errors_of_refusals_and_rejections() -> None:
    assert isinstance(refusal_error(422, Refusal("cycle", ("a", "a"))), AwaitCycleError)
    error = refusal_error(400, Refusal("bad"))
    assert isinstance(error, RequestRefusedError)
    assert (error.status, error.reason) == (400, "bad")
    request = rejection("p", ValueError("x"))
    assert (request.id, request.state) == ("p", REJECTED)
    assert request.value.data
