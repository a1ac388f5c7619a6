"""A function's run in memory: whose the task is, what has arrived, what is stored."""

import asyncio
from typing import Any

import pytest

from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Tag, Value
from troth.protocol.requests import FenceTask, SettlePromise
from troth.sdk.context import Context
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import NO_OPTIONS, Execution
from troth.sdk.engine.journal import Journal
from troth.sdk.function import Function, Traits
from troth.sdk.identity import Caller
from troth.sdk.run import Run


def double(n: int) -> int:
    return 2 * n


class Idle:
    """A driver that does nothing."""

    known_errors: dict[str, type[Exception]] = {}  # noqa: RUF012 - nobody writes to it

    def now(self) -> int:
        return 1_000

    def create(self, call: Call[Any]) -> None: ...
    def follow(self, call: Call[Any]) -> None: ...
    def perform(self, call: Call[Any], *, look: bool) -> None: ...


def execution(id: str = "root", own: Call[Any] | None = None) -> Execution:
    return Execution(Idle(), Caller(id, "root"), Journal(), own)


def call(of: Execution, n: int = 1) -> Call[int]:
    return of.local(Function(double, Traits(), Context).call((n,), {}), NO_OPTIONS)


def record(call: Call[Any], data: str) -> Promise:
    create = call.create
    return Promise(create.id, PromiseState.RESOLVED, create.param, Value(data=data), {}, NEVER, 1, 2)


@pytest.fixture
def run() -> Run:
    return Run(Promise("root", PromiseState.PENDING, NO_VALUE, NO_VALUE, {Tag.TARGET: "x"}, NEVER, 1), version=3)


def test_what_arrives_counts_while_the_task_is_held(run: Run) -> None:
    async def story() -> None:
        waiting = call(execution())
        run.arrive(waiting, record(waiting, "Mg=="))
        assert waiting.result() == 2
        assert not run.resumed

    asyncio.run(story())


def test_what_arrives_for_a_task_given_up_is_kept_until_it_is_granted(run: Run) -> None:
    async def story() -> None:
        first, second = call(execution(), 1), call(execution(), 2)
        run.let_go()
        run.suspended = run.wanted = True
        run.arrive(second, record(second, "NA=="))
        run.arrive(first, record(first, "Mg=="))
        assert (first.done(), second.done(), run.resumed) == (False, False, True)
        run.keep()
        assert (first.result(), second.result()) == (2, 4)
        assert (run.held, run.suspended, run.wanted, run.resumed) == (True, False, False, False)

    asyncio.run(story())


def test_everybody_who_waits_for_the_task_goes_on_even_if_one_gives_up(run: Run) -> None:
    async def story() -> None:
        run.let_go()
        waiters = [asyncio.create_task(run.until_granted()) for _ in range(3)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        await asyncio.sleep(0)
        run.keep()
        done = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert done[1:] == [None, None]
        run.let_go()
        again = asyncio.create_task(run.until_granted())
        await asyncio.sleep(0)
        assert not again.done()
        again.cancel()

    asyncio.run(story())


def test_a_call_is_stored_once_with_all_that_is_around_it(run: Run) -> None:
    async def story() -> None:
        outer = call(execution())
        middle = call(execution(outer.id, own=outer))
        inner = call(execution(middle.id, own=middle))
        creates = [FenceTask("root", 3, each.create) for each in (outer, middle, inner)]
        assert run.fenced(inner) == creates
        assert run.fenced(inner) == []
        settle = SettlePromise(inner.id, PromiseState.RESOLVED)
        assert run.fenced(inner, settle) == [FenceTask("root", 3, settle)]
        run.unsend(inner)
        run.version = 4
        assert run.fenced(middle) == [FenceTask("root", 4, outer.create), FenceTask("root", 4, middle.create)]
        assert run.fenced(inner, settle) == [FenceTask("root", 4, inner.create), FenceTask("root", 4, settle)]

    asyncio.run(story())


def test_joining_waits_for_what_an_execution_started_or_for_everything(run: Run) -> None:
    async def story() -> None:
        root = execution()
        outer = call(root)
        inner = call(execution(outer.id, own=outer))
        gates = {each: asyncio.Event() for each in (outer, inner)}

        async def body(of: Call[Any]) -> None:
            await gates[of].wait()
            del run.steps[of]

        for each in (outer, inner):
            run.steps[each] = 0.0
            each.body = asyncio.create_task(body(each))
        assert run.bodies() == [outer.body, inner.body]
        whole, own = asyncio.create_task(run.join_steps()), asyncio.create_task(run.join_steps(root))
        gates[outer].set()
        await own
        await asyncio.sleep(0)
        assert not whole.done()
        gates[inner].set()
        await whole
        assert run.bodies() == []

    asyncio.run(story())


def test_a_body_that_canceled_itself_was_not_canceled_from_outside(run: Run) -> None:
    async def story() -> None:
        assert not run.canceled_from_outside
        run.body = asyncio.create_task(asyncio.Event().wait())  # pyright: ignore[reportAttributeAccessIssue]
        assert run.body is not None
        assert not run.canceled_from_outside
        run.body.cancel()
        assert run.canceled_from_outside

    asyncio.run(story())
