"""Each property of one schedule holds for good ones and is broken by a hand-built one."""

import pytest

from troth.machine.properties import schedule as properties
from troth.machine.properties.schedule import SCHEDULE
from troth.protocol.records import Tag
from troth.testing.samples import CREATED_AT, NOW, TARGET, schedule

GOOD = (schedule(), schedule(last_run_at=NOW - 1), schedule(promise_tags={Tag.TARGET: TARGET}))

VIOLATORS = {
    properties.next_run_after_creation: [schedule(next_run_at=CREATED_AT - 1)],
    properties.last_run_before_the_next: [schedule(last_run_at=NOW)],
    properties.last_run_after_creation: [schedule(last_run_at=CREATED_AT - 1)],
    properties.no_occurrence_is_a_timer_with_a_target: [schedule(promise_tags={Tag.TARGET: TARGET, Tag.TIMER: "true"})],
}


def test_every_property_has_a_violator() -> None:
    assert set(VIOLATORS) == set(SCHEDULE)


@pytest.mark.parametrize("holds", SCHEDULE)
def test_a_property_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD)
    assert not any(holds(violator) for violator in VIOLATORS[holds])
