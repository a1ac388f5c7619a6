import asyncio

import pytest

from troth.kernel.clock import Clock
from troth.testing.clock import START, ManualClock


def test_it_stands_still_until_it_is_moved():
    clock: Clock = ManualClock()
    assert clock.now() == START
    assert clock.now() == START
    assert ManualClock(5).now() == 5


def test_alarms_ring_in_the_order_of_their_instants_and_see_their_own():
    clock = ManualClock(1_000)
    rung = []
    for instant in (1_030, 1_010, 1_020):
        clock.call_at(instant, lambda: rung.append(clock.now()))
    clock.advance(25)
    assert rung == [1_010, 1_020]
    assert clock.now() == 1_025
    clock.advance(5)
    assert rung == [1_010, 1_020, 1_030]


def test_alarms_of_one_instant_ring_in_the_order_they_were_set():
    clock = ManualClock(0)
    rung = []
    for name in "abc":
        clock.call_at(10, lambda name=name: rung.append(name))
    clock.advance(10)
    assert rung == ["a", "b", "c"]


def test_an_alarm_rings_once():
    clock = ManualClock(0)
    rung = []
    clock.call_at(10, lambda: rung.append(clock.now()))
    clock.advance(10)
    clock.advance(10)
    assert rung == [10]


def test_a_cancelled_alarm_does_not_ring():
    clock = ManualClock(0)
    rung = []
    alarm = clock.call_at(10, lambda: rung.append("a"))
    clock.call_at(20, lambda: rung.append("b"))
    alarm.cancel()
    assert clock.next_at == 20
    clock.advance(30)
    assert rung == ["b"]


def test_an_alarm_that_another_one_sets_rings_within_the_same_span():
    clock = ManualClock(0)
    rung = []

    def ring():
        rung.append(clock.now())
        clock.call_at(clock.now() + 10, ring)

    clock.call_at(10, ring)
    clock.advance(35)
    assert rung == [10, 20, 30]
    assert clock.next_at == 40


def test_an_alarm_may_cancel_the_next_one():
    clock = ManualClock(0)
    rung = []
    later = clock.call_at(20, lambda: rung.append("later"))
    clock.call_at(10, later.cancel)
    clock.advance(30)
    assert rung == []


def test_it_jumps_to_the_next_alarm():
    clock = ManualClock(0)
    rung = []
    clock.call_at(500, lambda: rung.append(clock.now()))
    clock.call_at(900, lambda: rung.append(clock.now()))
    assert clock.jump_to_next() == 500
    assert (rung, clock.now()) == ([500], 500)
    assert clock.jump_to_next() == 900
    assert clock.jump_to_next() is None
    assert clock.now() == 900


def test_an_instant_that_has_come_rings_in_the_next_turn_of_the_loop_and_not_within_the_call():
    async def main():
        clock = ManualClock(100)
        rung = []
        clock.call_at(50, lambda: rung.append(clock.now()))
        assert rung == []
        await asyncio.sleep(0)
        assert rung == [100]

    asyncio.run(main())


def test_an_instant_that_has_come_waits_for_the_next_move_where_no_loop_runs():
    clock = ManualClock(100)
    rung = []
    clock.call_at(50, lambda: rung.append(clock.now()))
    assert rung == []
    clock.advance(0)
    assert rung == [100]


def test_jumping_to_an_instant_that_has_come_does_not_move_the_clock():
    clock = ManualClock(100)
    clock.call_at(50, lambda: None)
    assert clock.jump_to_next() == 50
    assert clock.now() == 100


def test_time_does_not_run_backwards():
    clock = ManualClock(100)
    with pytest.raises(AssertionError, match="backwards"):
        clock.advance(-1)
    assert clock.now() == 100
