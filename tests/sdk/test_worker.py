"""Granted tasks become runs of functions, and their promises are settled with what comes of them."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from troth.errors import (
    CallCanceledError,
    CallTimedOutError,
    ClosedError,
    RemoteError,
    StoreFailedError,
    StoreFullError,
    StoreReadOnlyError,
    UnknownFunctionError,
)
from troth.protocol.messages import Grant
from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Tag, Task, TaskState, Value
from troth.protocol.requests import ContinueTask, CreatePromise, FulfillTask, HaltTask, ReleaseTask
from troth.sdk.codec import to_base64
from troth.sdk.context import Context
from troth.sdk.retry import Retry
from troth.sdk.signature import encode_invocation


def counted(world: Any) -> Any:
    """A plain function that counts how often it is entered."""

    def count(name: str) -> str:
        world.entered[name] += 1
        return name

    return count


def param_of(name: str, args: list[Any]) -> Value:
    return Value(data=to_base64(encode_invocation(name, 1, args, {})))


@pytest.fixture
def gate(world: Any) -> Any:
    """Functions that wait for the test, which opens the gate."""

    class Gate:
        def __init__(self) -> None:
            self.opened = asyncio.Event()
            self.log: list[str] = []

    return Gate()


# --- what comes of a function


def test_values_and_errors_are_settled_as_they_came(world: Any, wait: Any) -> None:
    @world.function(key="divide-{a}-{b}")
    async def divide(a: int, b: int) -> float:
        return a / b

    @world.function
    def plain(words: list[str]) -> dict[str, int]:
        return {word: len(word) for word in words}

    @world.function
    async def wrong() -> int:
        return "no number"  # pyright: ignore[reportReturnType] - that is the case

    async def story() -> None:
        async with world.open() as app:
            assert await app.call(divide, 1, 4) == 0.25
            assert await app.call(plain, ["a", "bc"]) == {"a": 1, "bc": 2}
            with pytest.raises(ZeroDivisionError):
                await app.call(divide, 1, 0)
            assert (await app.record("divide-1-0")).state is PromiseState.REJECTED
            with pytest.raises(TypeError, match="expected int, got 'no number'"):
                await app.call(wrong)
            await wait.until(lambda: app.worker.tally.finished == 4)
            assert app.worker.tally.entered == 4
            assert app.runs == {}

    world.play(story)


def test_a_registered_error_comes_back_as_itself_any_other_as_a_remote_one(world: Any) -> None:
    class KnownError(Exception):
        pass

    class StrangeError(Exception):
        pass

    world.errors[f"{KnownError.__module__}.{KnownError.__qualname__}"] = KnownError

    @world.function
    async def fails(known: bool) -> None:
        raise KnownError("a", 1) if known else StrangeError("b")

    @world.function
    async def passes(ctx: Context, known: bool) -> None:
        await ctx.rpc(fails, known)

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(KnownError) as known:
                await app.call(passes, True)
            assert known.value.args == ("a", 1)
            with pytest.raises(RemoteError, match="StrangeError: b"):
                await app.call(passes, False)

    world.play(story)


def test_a_store_error_that_a_function_raises_is_its_own(world: Any, wait: Any) -> None:
    """It may use another store; ours is not in trouble."""

    @world.function
    async def writes() -> None:
        world.entered["writes"] += 1
        raise StoreReadOnlyError("another store")

    @world.function
    async def outer(ctx: Context) -> str:
        for verb in (ctx.rpc, ctx.run):
            with pytest.raises(StoreReadOnlyError):
                await verb(writes)
        return "went on"

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(StoreReadOnlyError, match="another store"):
                await app.call(writes, id="w")
            assert (await app.record("w")).state is PromiseState.REJECTED
            assert await app.call(outer) == "went on"
        assert world.entered["writes"] == 3

    world.play(story)


def test_a_function_that_cancels_itself_is_canceled(world: Any, wait: Any) -> None:
    @world.function
    async def gives_up(ctx: Context) -> None:
        raise asyncio.CancelledError

    @world.function
    async def cancels_a_call(ctx: Context) -> None:
        call = ctx.promise("never")
        call.cancel()
        await call

    async def story() -> None:
        async with world.open() as app:
            for function in (gives_up, cancels_a_call):
                with pytest.raises(CallCanceledError):
                    await app.call(function)
            await wait.until(lambda: app.runs == {})
            assert len(app.residency) == 0

    world.play(story)


def test_a_promise_that_cannot_be_computed_is_rejected(world: Any, wait: Any) -> None:
    @world.function
    async def square(n: int) -> int:
        return n * n

    def granted(id: str, param: Value) -> Grant:
        promise = Promise(id, PromiseState.PENDING, param, NO_VALUE, {Tag.TARGET: square.target}, NEVER, 1)
        return Grant(Task(id, TaskState.ACQUIRED, 1, 0, 60_000, "embedded:1"), promise)

    async def rejected(app: Any, id: str, param: Value) -> Promise:
        await app.wire.submit([CreatePromise(id, NEVER, param, {Tag.TARGET: "poll://any@nobody"})])
        app.worker.deliver(granted(id, param))
        await wait.until(lambda: id not in app.runs)
        request = next(r for r in app.wire.sent if isinstance(r, FulfillTask) and r.id == id)
        return request.action  # pyright: ignore[reportReturnType]

    async def story() -> None:
        async with world.open() as app:
            unknown = param_of("cube", [2])
            assert not app.worker.accepts(unknown)
            assert not app.worker.accepts(NO_VALUE)
            assert not app.worker.accepts(Value(data="ü"))
            assert app.worker.accepts(square.call((2,), {}).param)
            for n, param in enumerate((unknown, NO_VALUE, param_of("square", ["two"]), param_of("square", []))):
                settle = await rejected(app, f"p{n}", param)
                assert settle.state is PromiseState.REJECTED

    world.play(story)


# --- local calls


def test_local_calls_that_nobody_waited_for_end_before_the_function(world: Any, wait: Any, gate: Any) -> None:
    async def step(name: str) -> str:
        await gate.opened.wait()
        gate.log.append(name)
        return name

    @world.function
    async def top(ctx: Context) -> str:
        ctx.run(step, "a")
        ctx.run(step, "b")
        return "done"

    async def story() -> None:
        async with world.open() as app:
            result = app.start(top, id="t")
            await wait.until(lambda: "t" in app.runs and len(app.runs["t"].steps) == 2)
            await wait.turns()
            assert not result.done()
            gate.opened.set()
            assert await result == "done"
            assert sorted(gate.log) == ["a", "b"]
            recorded = [await app.record(id) for id in await app.ids() if ".step-" in id]
            assert [record.state for record in recorded] == [PromiseState.RESOLVED] * 2

    world.play(story)


def test_a_failing_function_stops_what_it_left_running(world: Any, wait: Any, gate: Any) -> None:
    async def step() -> None:
        try:
            await gate.opened.wait()
        except asyncio.CancelledError:
            gate.log.append("stopped")
            raise

    @world.function
    async def top(ctx: Context) -> None:
        ctx.run(step)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise LookupError

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(LookupError):
                await app.call(top)
            await wait.until(lambda: gate.log == ["stopped"])

    world.play(story)


def test_a_long_local_call_is_seen_as_pending_before_it_ends(world: Any, wait: Any, gate: Any) -> None:
    async def step(ctx: Context) -> str:
        return await ctx.run(inner)

    async def inner() -> str:
        await gate.opened.wait()
        return "late"

    @world.function
    async def top(ctx: Context) -> str:
        return await ctx.run(step)

    async def story() -> None:
        async with world.open(long_step_ms=0) as app:
            result = app.start(top, id="t")
            await wait.until(lambda: "t" in app.runs and len(app.runs["t"].steps) == 2)
            assert await app.ids() == {"t"}
            app.sweep()
            await wait.turns()
            below = sorted(await app.ids() - {"t"}, key=len)
            states = [(await app.record(id)).state for id in below]
            assert [id.count(".") for id in below] == [1, 2]
            assert states == [PromiseState.PENDING] * 2
            app.sweep()
            gate.opened.set()
            assert await result == "late"
            assert app.wire.kinds().count("CreatePromise") == 1
            assert [(await app.record(id)).state for id in below] == [PromiseState.RESOLVED] * 2

    world.play(story)


def test_a_short_local_call_is_written_once(world: Any) -> None:
    @world.function
    async def top(ctx: Context) -> int:
        return sum([await ctx.run(abs_of, n) for n in (-1, -2)])

    def abs_of(n: int) -> int:
        return abs(n)

    async def story() -> None:
        async with world.open() as app:
            assert await app.call(top) == 3
            assert [kind for kind in app.wire.kinds() if kind != "GetPromise"] == [
                "SearchTasks",
                "CreatePromise",
                *["FenceTask", "FenceTask"] * 2,
                "FulfillTask",
            ]

    world.play(story)


def test_an_early_write_that_failed_is_made_again(world: Any, wait: Any, gate: Any) -> None:
    async def step() -> str:
        await gate.opened.wait()
        return "late"

    @world.function
    async def top(ctx: Context) -> str:
        return await ctx.run(step)

    async def story() -> None:
        async with world.open(long_step_ms=0) as app:
            result = app.start(top, id="t")
            await wait.until(lambda: "t" in app.runs and len(app.runs["t"].steps) == 1)
            app.wire.fault = lambda _: StoreFullError("full")
            app.sweep()
            await wait.turns()
            app.wire.fault = lambda _: None
            gate.opened.set()
            assert await result == "late"

    world.play(story)


# --- attempts


def test_attempts_are_counted_and_what_was_recorded_is_not_made_again(world: Any) -> None:
    attempts: list[int] = []
    count = counted(world)

    @world.function(retry=Retry(attempts=3, delay=0))
    async def flaky(ctx: Context) -> str:
        attempts.append(ctx.info.attempt)
        local = await ctx.run(count, "local")
        remote = await ctx.rpc(other, "remote")
        twice = await asyncio.gather(ctx.run(count, "local"), ctx.run(count, "more"))
        if ctx.info.attempt < 3:
            raise ValueError(ctx.info.attempt)
        return " ".join([local, remote, *twice])

    @world.function
    async def other(name: str) -> str:
        world.entered[name] += 1
        return name

    async def story() -> None:
        async with world.open() as app:
            assert await app.call(flaky) == "local remote local more"
        assert attempts == [1, 2, 3]
        assert world.entered == {"local": 2, "remote": 1, "more": 1}

    world.play(story)


def test_the_last_attempts_error_is_the_outcome_and_others_are_not_retried(world: Any) -> None:
    @world.function(retry=Retry(attempts=3, delay=0, on=(ValueError,)))
    def flaky(kind: str) -> None:
        world.entered[kind] += 1
        raise {"value": ValueError, "lookup": LookupError}[kind](world.entered[kind])

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(ValueError, match="3"):
                await app.call(flaky, "value")
            with pytest.raises(LookupError, match="1"):
                await app.call(flaky, "lookup")

    world.play(story)


def test_what_an_attempt_left_running_is_finished_before_the_next(world: Any, wait: Any, gate: Any) -> None:
    async def step() -> str:
        gate.log.append("step")
        await gate.opened.wait()
        return "once"

    @world.function(retry=Retry(attempts=2, delay=0))
    async def flaky(ctx: Context) -> str:
        gate.log.append(f"attempt {ctx.info.attempt}")
        call = ctx.run(step)
        await asyncio.sleep(0)
        if ctx.info.attempt == 1:
            raise ValueError
        return await call

    async def story() -> None:
        async with world.open() as app:
            result = app.start(flaky)
            await wait.until(lambda: "step" in gate.log)
            await wait.turns()
            assert gate.log == ["attempt 1", "step"]
            gate.opened.set()
            assert await result == "once"
            assert gate.log == ["attempt 1", "step", "attempt 2"]

    world.play(story)


def test_a_local_call_has_attempts_of_its_own(world: Any) -> None:
    attempts: list[int] = []
    count = counted(world)

    @world.function(retry=Retry(attempts=2, delay=0))
    async def flaky(ctx: Context) -> str:
        attempts.append(ctx.info.attempt)
        await ctx.run(count, "inner")
        if ctx.info.attempt == 1:
            raise ValueError
        return "second"

    @world.function
    async def top(ctx: Context) -> str:
        assert ctx.info.attempt == 1
        return await ctx.run(flaky)

    async def story() -> None:
        async with world.open() as app:
            assert await app.call(top) == "second"
        assert attempts == [1, 2]
        assert world.entered["inner"] == 1

    world.play(story)


# --- losing a task


@pytest.fixture
def patient(world: Any, gate: Any) -> Any:
    @world.function
    async def patient(ctx: Context) -> str:
        gate.log.append("entered")
        try:
            await gate.opened.wait()
        except asyncio.CancelledError:
            gate.log.append("cancelled")
            raise
        await ctx.run(len, [])
        gate.log.append("went on")
        return "done"

    return patient


def test_a_promise_settled_by_somebody_else_stops_the_function(world: Any, wait: Any, gate: Any, patient: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            result = app.start(patient, id="p")
            await wait.until(lambda: gate.log == ["entered"])
            await app.client.resolve("p", "from outside")
            assert await result == "from outside"
            await wait.until(lambda: gate.log == ["entered", "cancelled"])
            assert app.runs == {}
            assert not [r for r in app.wire.sent if isinstance(r, FulfillTask)]

    world.play(story)


def test_a_deadline_stops_the_function(world: Any, wait: Any, gate: Any) -> None:
    @world.function(timeout=60)
    async def late() -> None:
        gate.log.append("entered")
        try:
            await gate.opened.wait()
        finally:
            gate.log.append("stopped")

    async def story() -> None:
        async with world.open() as app:
            result = app.start(late)
            await wait.until(lambda: gate.log == ["entered"])
            world.clock.advance(59_999)
            await wait.turns()
            assert not result.done()
            world.clock.advance(1)
            with pytest.raises(CallTimedOutError):
                await result
            await wait.until(lambda: gate.log == ["entered", "stopped"])

    world.play(story)


def test_who_has_lost_its_lease_writes_nothing_and_is_dropped(world: Any, wait: Any, gate: Any, patient: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            result = app.start(patient, id="p")
            await wait.until(lambda: gate.log == ["entered"])
            await app.wire.submit([HaltTask("p")])
            gate.opened.set()
            await wait.until(lambda: app.runs == {})
            await wait.turns()
            assert gate.log == ["entered"]
            assert await app.ids() == {"p"}
            assert not result.done()
            result.cancel()

    world.play(story)


def test_who_was_granted_the_task_anew_meanwhile_asks_again(world: Any, wait: Any, gate: Any) -> None:
    """A refused version is no reason to drop a run that holds the next one."""

    @world.function
    async def top(ctx: Context) -> list[Any]:
        await gate.opened.wait()
        world.entered["top"] += 1
        remote, local = ctx.rpc(other), ctx.run(len, "abc")
        return [await remote, await local]

    @world.function
    async def other() -> str:
        return "other"

    async def story() -> None:
        async with world.open() as app:
            result = app.start(top, id="t")
            await wait.until(lambda: "t" in app.runs and app.runs["t"].body is not None)
            await wait.turns()
            app.wire.held_back = lambda sent: getattr(sent[0], "id", None) == "t"
            gate.opened.set()
            await wait.until(lambda: len(app.wire._waiting) == 2)
            held_back, app.wire._waiting = app.wire._waiting, []
            app.wire.held_back = lambda _: False
            await app.wire.submit([HaltTask("t"), ContinueTask("t")])
            await wait.until(lambda: app.runs["t"].version == 2)
            app.wire._waiting = held_back
            app.wire.let_through()
            assert await result == ["other", 3]
            assert world.entered["top"] == 1

    world.play(story)


# --- trouble


def test_a_store_in_trouble_tells_who_waits_and_the_task_is_tried_again(
    world: Any, wait: Any, gate: Any, patient: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr("troth.sdk.worker.GIVE_BACK_S", 0)
    full: list[Any] = []

    def fault(requests: Any) -> Exception | None:
        if isinstance(requests[0], ReleaseTask | FulfillTask) and len(full) < 3:
            full.append(requests[0])
            return StoreFullError("no space")
        return None

    async def story() -> None:
        async with world.open() as app:
            result = app.start(patient, id="p")
            await wait.until(lambda: gate.log == ["entered"])
            app.wire.fault = fault
            gate.opened.set()
            with pytest.raises(StoreFullError):
                await result
            assert await app.call(patient, id="p") == "done"
            assert [type(request) for request in full] == [FulfillTask, ReleaseTask, ReleaseTask]
            assert gate.log == ["entered", "went on", "entered", "went on"]

    with caplog.at_level(logging.WARNING):
        world.play(story)
    assert "the store refused a write of p" in caplog.text
    assert "the store still refuses writes" in caplog.text


def test_a_store_that_failed_half_way_is_not_asked_again(world: Any, wait: Any, gate: Any, patient: Any) -> None:
    async def story() -> None:
        async with world.open() as app:
            result = app.start(patient, id="p")
            await wait.until(lambda: gate.log == ["entered"])
            app.wire.fault = lambda _: StoreFailedError("unknown")
            gate.opened.set()
            with pytest.raises(StoreFailedError):
                await result
            await wait.turns()
            assert app.runs == {}
            assert not app.worker._giving_back
            app.wire.fault = lambda _: None

    world.play(story)


def test_a_defect_of_ours_is_heard_of_too(world: Any, wait: Any, caplog: Any) -> None:
    @world.function
    async def simple() -> int:
        return 1

    async def story() -> None:
        async with world.open() as app:
            app.wire.fault = lambda sent: AssertionError("a defect") if isinstance(sent[0], FulfillTask) else None
            with pytest.raises(AssertionError, match="a defect"):
                await app.call(simple, id="s")
            assert app.runs == {}

    world.play(story)
    assert "a defect stopped s" in caplog.text


# --- closing and opening again


def test_what_runs_when_an_app_is_closed_goes_on_in_the_next(world: Any, wait: Any, gate: Any) -> None:
    count = counted(world)

    @world.function
    async def child(name: str) -> str:
        world.entered[name] += 1
        return name

    @world.function
    async def top(ctx: Context) -> list[str]:
        world.entered["top"] += 1
        done = [await ctx.run(count, "local"), await ctx.rpc(child, "remote")]
        gate.log.append("half")
        await gate.opened.wait()
        return [*done, await ctx.run(count, "after")]

    async def story() -> None:
        async with world.open() as app:
            result = app.start(top, id="t")
            await wait.until(lambda: gate.log == ["half"])
        with pytest.raises(ClosedError):
            await result
        assert [task.state for task in (await world.store.snapshot()).tasks if task.id == "t"] == [TaskState.PENDING]
        gate.opened.set()
        async with world.open() as app:
            assert await app.call(top, id="t") == ["local", "remote", "after"]
        assert world.entered == {"top": 2, "local": 1, "remote": 1, "after": 1}

    world.play(story)


def test_a_long_local_call_is_stopped_and_made_again(world: Any, wait: Any, gate: Any) -> None:
    async def step() -> str:
        gate.log.append("step")
        try:
            await gate.opened.wait()
        finally:
            await wait.turns(100)  # cleaning up takes a while
            gate.log.append("left")
        return "step"

    @world.function
    async def top(ctx: Context) -> str:
        return await ctx.run(step)

    async def story() -> None:
        async with world.open(long_step_ms=0) as app:
            result = app.start(top, id="t")
            await wait.until(lambda: gate.log == ["step"])
            app.sweep()
            await wait.until(lambda: "FenceTask" in app.wire.kinds())
            await wait.turns()
        assert gate.log == ["step", "left"]
        with pytest.raises(ClosedError):
            await result
        gate.opened.set()
        async with world.open() as app:
            assert await app.call(top, id="t") == "step"
        assert gate.log == ["step", "left"] * 2

    world.play(story)


def test_what_waits_when_an_app_is_closed_goes_on_too(world: Any, wait: Any) -> None:
    @world.function
    async def asks(ctx: Context) -> str:
        return await ctx.promise("word", str)

    async def story() -> None:
        async with world.open(linger_ms=0) as app:
            held, given_up = app.start(asks, id="held"), app.start(asks, id="given-up")
            await wait.until(lambda: len(app.residency) == 2)
            await wait.until(lambda: all(call.acknowledged for call in app.runs["given-up"].waits))
            for call in app.runs["held"].waits:
                call.acknowledged = False
            app.sweep()
            await wait.until(lambda: app.runs["given-up"].suspended)
        for result in (held, given_up):
            with pytest.raises(ClosedError):
                await result
        async with world.open() as app:
            await wait.until(lambda: "held" in app.runs)
            for id in ("held", "given-up"):
                await app.client.resolve(f"{id}.promise-word", id)
                assert await app.call(asks, id=id) == id

    world.play(story)


def test_a_grant_that_was_on_its_way_when_the_app_closed_is_given_back(world: Any, wait: Any) -> None:
    @world.function
    async def simple() -> int:
        world.entered["simple"] += 1
        return 1

    async def story() -> None:
        async with world.open() as app:
            await app.worker.close()
            promise = Promise("p", PromiseState.PENDING, NO_VALUE, NO_VALUE, {}, NEVER, 1)
            app.worker.deliver(Grant(Task("p", TaskState.ACQUIRED, 3, 0), promise))
            assert app.worker.room() == 0
            assert ReleaseTask("p", 3) in app.wire.sent
            assert app.runs == {}
        assert world.entered["simple"] == 0

    world.play(story)


def test_def_functions_run_beside_the_loop(world: Any) -> None:
    """A leaf in a thread, so that it may block; one that calls others on the loop's own thread."""
    threads: dict[str, int] = {}

    @world.function
    def leaf() -> None:
        threads["leaf"] = threading.get_ident()

    @world.function
    def caller(ctx: Context) -> None:
        threads["caller"] = threading.get_ident()
        ctx.rpc(leaf).wait()

    async def story() -> None:
        async with world.open() as app:
            await app.call(caller)
        assert threads["caller"] == threading.get_ident() != threads["leaf"]

    world.play(story)


def test_a_function_of_a_name_nobody_knows(world: Any) -> None:
    @world.function
    async def asks(ctx: Context) -> None:
        await ctx.rpc("nobody", 1)

    async def story() -> None:
        async with world.open() as app:
            with pytest.raises(UnknownFunctionError, match="'nobody'"):
                await app.call(asks)

    world.play(story)
