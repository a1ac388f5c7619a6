"""One run of a body, as a journal: what it calls goes in, exact ids and commands come out."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from troth.errors import AwaitCycleError, CallTimedOutError, InvalidIdError, KeyCollisionError
from troth.protocol.records import NEVER, PromiseState, Tag
from troth.sdk.codec import converter_for
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import NO_OPTIONS, CallOptions, Execution
from troth.sdk.engine.journal import Journal


async def charge(card: str, amount: int) -> str:
    return card


async def factorial(n: int) -> int:
    return n


Story = Callable[[], None]


def told(story: Story) -> None:
    async def main() -> None:
        story()

    asyncio.run(main())


def content(execution: Execution, function: Any, *args: Any) -> str:
    return f"{execution.id}.{function.call(args, {}).content}"


def promise(execution: Execution, name: str, kind: str = "promise") -> Call[Any]:
    return execution.promise(kind, name, converter_for(int), timeout_at=NEVER, tags={Tag.EXTERNAL: "true"})


# --- ids


def test_calls_below_their_caller_are_known_by_content_and_use(kit: Any, driver: Any) -> None:
    def story() -> None:
        execution, function = driver.execution(), kit.durable(charge)
        for amount in (10, 20, 10, 10):
            execution.remote(function.call(("card", amount), {}), NO_OPTIONS)
        ten, twenty = content(execution, function, "card", 10), content(execution, function, "card", 20)
        assert driver.commands == [
            ("create", ten),
            ("create", twenty),
            ("create", f"{ten}-2"),
            ("create", f"{ten}-3"),
        ]

    told(story)


def test_another_order_of_calls_gives_the_same_ids(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(charge)
        for amounts in ((1, 2, 3), (3, 1, 2)):
            execution = driver.execution()
            for amount in amounts:
                execution.local(function.call(("card", amount), {}), NO_OPTIONS)
        first, second = driver.commands[:3], driver.commands[3:]
        assert set(first) == set(second)
        assert first != second

    told(story)


def test_a_key_stands_for_itself_whoever_calls(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}", version=2)
        driver.execution(id="a").remote(function.call((5,), {}), NO_OPTIONS)
        driver.execution(id="b").local(function.call((5,), {}), NO_OPTIONS)
        assert driver.commands == [("create", "factorial-5@2"), ("create", "factorial-5@2")]

    told(story)


def test_an_explicit_id_comes_before_key_and_content(kit: Any, driver: Any) -> None:
    def story() -> None:
        execution, options = driver.execution(), CallOptions(id="report-7")
        execution.remote(kit.durable(factorial, key="factorial-{n}").call((5,), {}), options)
        execution.remote(kit.durable(factorial).call((5,), {}), options)
        assert driver.commands == [("create", "report-7"), ("create", "report-7")]
        with pytest.raises(InvalidIdError):
            execution.remote(kit.durable(factorial).call((5,), {}), CallOptions(id=""))

    told(story)


def test_promises_that_no_function_computes_are_known_by_name_and_use(driver: Any) -> None:
    """A name may end in a number: ``ok-2`` is not the second ``ok``."""

    def story() -> None:
        execution = driver.execution()
        for name in ("ok", "ok", "ok-2", "2-ok"):
            promise(execution, name)
        promise(execution, "1000", kind="sleep")
        assert [id for _, id in driver.commands] == [
            "root.promise-ok",
            "root.promise2-ok",
            "root.promise-ok-2",
            "root.promise-2-ok",
            "root.sleep-1000",
        ]

    told(story)


def test_another_attempt_counts_anew(kit: Any, driver: Any) -> None:
    def story() -> None:
        execution, call = driver.execution(), kit.durable(charge).call(("card", 1), {})
        first = execution.remote(call, NO_OPTIONS)
        recorded = kit.record(first.create, value="done")
        execution.begin_again(Journal([recorded]))
        again = execution.remote(call, NO_OPTIONS)
        assert again.id == first.id
        assert again.result() == "done"
        assert driver.commands == [("create", first.id)]

    told(story)


# --- what is asked for


def test_the_request_of_a_call_below_its_caller(kit: Any, driver: Any) -> None:
    def story() -> None:
        execution = driver.execution(id="root.x", origin="root")
        call = kit.durable(charge, group="tills", timeout=2).call(("card", 1), {})
        create = execution.remote(call, NO_OPTIONS).create
        assert create.tags == {
            Tag.TARGET: "poll://any@tills",
            Tag.ORIGIN: "root",
            Tag.PARENT: "root.x",
        }
        assert create.timeout_at == kit.NOW + 2_000
        assert create.param == call.param
        assert create.caller == "root.x"
        assert create.reuse_failed
        assert execution.remote(call, CallOptions(timeout_ms=5)).create.timeout_at == kit.NOW + 5
        assert execution.local(call, NO_OPTIONS).create.tags == {
            Tag.SCOPE: "local",
            Tag.ORIGIN: "root",
            Tag.PARENT: "root.x",
        }

    told(story)


@pytest.mark.parametrize(("on_failure", "reuse_failed"), [("retry", False), ("keep", True)])
def test_a_keyed_call_belongs_to_nobodys_subtree(kit: Any, driver: Any, on_failure: str, reuse_failed: bool) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}", on_failure=on_failure)
        for verb in (driver.execution().remote, driver.execution().local):
            create = verb(function.call((5,), {}), NO_OPTIONS).create
            assert create.tags == {Tag.TARGET: "poll://any@default"}
            assert create.caller == "root"
            assert create.timeout_at == NEVER
            assert create.reuse_failed is reuse_failed
        named = driver.execution().remote(function.call((5,), {}), CallOptions(id="mine")).create
        assert named.reuse_failed
        assert named.tags[Tag.PARENT] == "root"

    told(story)


def test_where_a_local_call_runs(kit: Any, driver: Any) -> None:
    """What others may share is a task of its own; a plain function with an explicit id looks first."""

    def story() -> None:
        execution, options = driver.execution(), CallOptions(id="shared")
        execution.local(kit.plain(factorial).call((1,), {}), NO_OPTIONS)
        execution.local(kit.durable(factorial).call((2,), {}), NO_OPTIONS)
        execution.local(kit.durable(factorial, key="factorial-{n}").call((3,), {}), NO_OPTIONS)
        execution.local(kit.durable(factorial).call((4,), {}), options)
        execution.local(kit.plain(factorial).call((5,), {}), options)
        assert [command for command, _ in driver.commands] == [
            "perform",
            "perform",
            "create",
            "create",
            "look and perform",
        ]

    told(story)


# --- replay


def test_what_is_recorded_is_answered_and_nothing_is_asked_for(kit: Any, driver: Any) -> None:
    def story() -> None:
        call = kit.durable(charge).call(("card", 1), {})
        id = content(driver.execution(), kit.durable(charge), "card", 1)
        execution = driver.execution(
            kit.record(id, value="first", param=call.param),
            kit.record(f"{id}-2", error=LookupError("second"), param=call.param),
            kit.record("root.promise-ok", value=3),
        )
        assert execution.remote(call, NO_OPTIONS).result() == "first"
        assert isinstance(execution.local(call, NO_OPTIONS).exception(), LookupError)
        assert promise(execution, "ok").result() == 3
        assert driver.commands == []
        execution.remote(call, NO_OPTIONS)
        assert driver.commands == [("create", f"{id}-3")]

    told(story)


def test_what_is_pending_is_followed_or_performed_again(kit: Any, driver: Any) -> None:
    def story() -> None:
        call = kit.durable(charge, timeout=60).call(("card", 1), {})
        id = content(driver.execution(), kit.durable(charge), "card", 1)
        pending = [kit.record(i, param=call.param, timeout_at=kit.NOW + 7) for i in (id, f"{id}-2")]
        execution = driver.execution(*pending)
        remote, local = execution.remote(call, NO_OPTIONS), execution.local(call, NO_OPTIONS)
        assert driver.commands == [("follow", id), ("perform", f"{id}-2")]
        assert (remote.stored, remote.acknowledged, local.stored) == (True, True, True)
        assert local.create.timeout_at == kit.NOW + 7, "the deadline it was given first"

    told(story)


def test_a_recorded_call_that_was_another_one_is_refused(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}")
        record = kit.record("factorial-5", value=120, param=function.call((6,), {}).param)
        call = driver.execution(record).remote(function.call((5,), {}), NO_OPTIONS)
        assert isinstance(call.exception(), KeyCollisionError)

    told(story)


def test_a_keyed_call_finds_the_generation_it_had_called_each_time(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}")
        record = kit.record("factorial-5~3", value=120, param=function.call((5,), {}).param)
        execution = driver.execution(record)
        for _ in range(2):
            call = execution.remote(function.call((5,), {}), NO_OPTIONS)
            assert (call.id, call.result()) == ("factorial-5~3", 120)
        assert driver.commands == []

    told(story)


def test_a_key_that_ends_like_a_generation_is_not_taken_for_one(kit: Any, driver: Any) -> None:
    def story() -> None:
        async def render(name: str) -> str:
            return name

        function = kit.durable(render, key="render-{name}")
        record = kit.record("render-a~2", value="a~2", param=function.call(("a~2",), {}).param)
        execution = driver.execution(record)
        execution.remote(function.call(("a",), {}), NO_OPTIONS)
        assert driver.commands == [("create", "render-a")]
        assert execution.remote(function.call(("a~2",), {}), NO_OPTIONS).result() == "a~2"

    told(story)


def test_the_caller_of_a_failed_keyed_call_sees_that_failure_again(kit: Any, driver: Any) -> None:
    """It failed while the caller waited, so it is the caller's to see: here, and in every replay."""

    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}")
        execution = driver.execution()
        first = execution.remote(function.call((5,), {}), NO_OPTIONS)
        first.arrive(kit.record(first.create, state=PromiseState.TIMED_OUT))
        again = execution.remote(function.call((5,), {}), NO_OPTIONS)
        assert isinstance(first.exception(), CallTimedOutError)
        assert isinstance(again.exception(), CallTimedOutError)
        assert driver.commands == [("create", "factorial-5")]

    told(story)


# --- what cannot be


def test_waiting_for_oneself_is_refused(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}")
        execution = driver.execution(id="factorial-5", origin="factorial-5")
        error = execution.remote(function.call((5,), {}), NO_OPTIONS).exception()
        assert isinstance(error, AwaitCycleError)
        assert error.path == ("factorial-5", "factorial-5")
        assert driver.commands == []

    told(story)


def test_a_local_call_waiting_for_who_waits_for_it_is_refused(kit: Any, driver: Any) -> None:
    def story() -> None:
        function = kit.durable(factorial, key="factorial-{n}")
        root = driver.execution(id="factorial-5", origin="factorial-5")
        outer = root.local(kit.plain(charge).call(("card", 1), {}), NO_OPTIONS)
        middle = driver.execution(id=outer.id, origin="factorial-5", own=outer)
        inner = middle.local(kit.plain(charge).call(("card", 2), {}), NO_OPTIONS)
        innermost = driver.execution(id=inner.id, origin="factorial-5", own=inner)
        error = innermost.remote(function.call((5,), {}), NO_OPTIONS).exception()
        assert isinstance(error, AwaitCycleError)
        assert error.path == ("factorial-5", outer.id, inner.id, "factorial-5")
        assert innermost.way_down_from(outer.id) == (outer.id, inner.id)
        assert innermost.way_down_from("factorial-6") == ()
        assert innermost.remote(function.call((6,), {}), NO_OPTIONS).id == "factorial-6"

    told(story)


def test_after_its_end_a_body_can_call_nothing(kit: Any, driver: Any) -> None:
    def story() -> None:
        execution = driver.execution()
        execution.closed = True
        call = execution.remote(kit.durable(factorial).call((5,), {}), NO_OPTIONS)
        assert call.cancelled()
        assert promise(execution, "ok").cancelled()
        assert driver.commands == []

    told(story)
