"""A durable call in flight: an awaitable that is resolved by the promise's record."""

import asyncio
from typing import Any

import pytest

from troth.errors import CallTimedOutError, DecodingError, KeyCollisionError, WrongLoopError
from troth.protocol.records import PromiseState
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import NO_OPTIONS


async def double(n: int) -> int:
    return 2 * n


def made(kit: Any, driver: Any, **traits: Any) -> Call[int]:
    return driver.execution().remote(kit.durable(double, **traits).call((4,), {}), NO_OPTIONS)


def test_the_record_of_the_same_call_resolves_it(kit: Any, driver: Any) -> None:
    async def story() -> None:
        call = made(kit, driver)
        call.arrive(kit.record(call.create, value=8))
        assert await call == 8
        call.arrive(kit.record(call.create, value=9))  # nobody waits any more
        assert await call == 8

    asyncio.run(story())


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"error": LookupError("none")}, LookupError),
        ({"state": PromiseState.TIMED_OUT}, CallTimedOutError),
        ({"value": "eight"}, DecodingError),
        ({"value": 8, "param": None}, KeyCollisionError),
    ],
)
def test_what_went_wrong_is_the_callers_to_see(
    kit: Any, driver: Any, changes: dict[str, Any], kind: type[Exception]
) -> None:
    async def story() -> None:
        call = made(kit, driver)
        if "param" in changes:
            changes["param"] = kit.durable(double).call((5,), {}).param
        call.arrive(kit.record(call.create, **changes))
        with pytest.raises(kind):
            await call

    asyncio.run(story())


def test_a_call_that_was_cancelled_stays_so(kit: Any, driver: Any) -> None:
    async def story() -> None:
        call = made(kit, driver)
        call.cancel()
        call.arrive(kit.record(call.create, value=8))
        call.fail(LookupError("late"))
        assert call.cancelled()

    asyncio.run(story())


def test_a_call_that_could_not_be_made(kit: Any, driver: Any) -> None:
    async def story() -> None:
        call = made(kit, driver)
        call.fail(LookupError("refused"))
        call.fail(ValueError("later"))
        with pytest.raises(LookupError, match="refused"):
            await call

    asyncio.run(story())


def test_stop_iteration_arrives_as_what_a_future_can_carry(kit: Any, driver: Any) -> None:
    async def story() -> None:
        call = made(kit, driver)
        call.arrive(kit.record(call.create, error=StopIteration(5)))
        with pytest.raises(Exception, match="StopIteration"):
            await call

    asyncio.run(story())


def test_what_a_keyed_call_came_to_is_noted_for_the_next_of_its_kind(kit: Any, driver: Any) -> None:
    async def story() -> None:
        keyed, plain = made(kit, driver, key="double-{n}"), made(kit, driver)
        for call in (keyed, plain):
            call.cancel()
            call.arrive(kit.record(call.create, value=8))
        assert keyed.id in keyed.execution.journal
        assert plain.id not in plain.execution.journal

    asyncio.run(story())


def test_waiting_in_a_blocking_way_is_for_def_functions_only(kit: Any, driver: Any) -> None:
    async def story() -> None:
        with pytest.raises(WrongLoopError, match=r"in async def write: await"):
            made(kit, driver).wait()

    asyncio.run(story())
