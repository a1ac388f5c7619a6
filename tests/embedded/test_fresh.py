import re

from troth.embedded.fresh import FreshIds
from troth.testing.clock import ManualClock


def test_an_id_is_eleven_digits_of_time_and_ten_of_chance():
    clock = ManualClock()
    id = FreshIds(clock.now)()
    assert re.fullmatch(r"[0-9a-f]{21}", id)
    assert int(id[:11], 16) == clock.now()


def test_ids_of_one_moment_differ():
    fresh = FreshIds(ManualClock().now)
    assert len({fresh() for _ in range(1_000)}) == 1_000


def test_later_ids_sort_behind_earlier_ones():
    clock = ManualClock(0)
    fresh, ids = FreshIds(clock.now), []
    for ms in (0, 1, 15, 16, 10**6, 10**12):
        clock.advance(ms)
        ids.append(fresh())
    assert ids == sorted(ids)
