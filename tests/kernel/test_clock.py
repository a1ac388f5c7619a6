import asyncio
import time

from troth.kernel.clock import Clock, SystemClock


def test_now_is_wall_time_in_milliseconds():
    clock: Clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now() <= time.time_ns() // 1_000_000


def test_an_instant_that_has_come_is_called_at_once_but_not_within_the_call():
    async def main():
        clock = SystemClock()
        called = asyncio.Event()
        clock.call_at(clock.now() - 1_000, called.set)
        assert not called.is_set()
        await asyncio.wait_for(called.wait(), timeout=10)

    asyncio.run(main())


def test_a_near_instant_is_called_when_it_comes():
    async def main():
        clock, loop = SystemClock(), asyncio.get_running_loop()
        alarm = clock.call_at(clock.now() + 5_000, lambda: None)
        assert 4 < alarm.when() - loop.time() <= 5
        alarm.cancel()

    asyncio.run(main())


def test_a_far_instant_is_called_early_so_that_a_stepped_clock_is_noticed():
    async def main():
        clock, loop = SystemClock(), asyncio.get_running_loop()
        alarm = clock.call_at(clock.now() + 24 * 60 * 60 * 1_000, lambda: None)
        assert 29 < alarm.when() - loop.time() <= 30
        alarm.cancel()

    asyncio.run(main())


def test_a_cancelled_alarm_is_not_called():
    async def main():
        clock = SystemClock()
        called = []
        clock.call_at(0, lambda: called.append("cancelled")).cancel()
        done = asyncio.Event()
        clock.call_at(0, done.set)
        await asyncio.wait_for(done.wait(), timeout=10)
        assert called == []

    asyncio.run(main())
