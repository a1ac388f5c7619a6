"""Each property of one promise holds for good ones and is broken by a hand-built one."""

import pytest

from troth.machine.properties import promise as properties
from troth.machine.properties.promise import PROMISE, PROMISE_IN_TIME
from troth.protocol.records import PromiseState, Tag, Value
from troth.testing.samples import CREATED_AT, DEADLINE, NOW, promise, resolved, targeted

VALUE = Value(data="MQ==")
TIMED_OUT = PromiseState.TIMED_OUT

GOOD = (
    promise(),
    targeted(tags={Tag.DELAY: str(NOW)}),
    resolved(),
    resolved(settled_at=CREATED_AT),
    promise(timeout_at=NOW).timed_out(),
    promise(tags={Tag.TIMER: "true"}, timeout_at=NOW).timed_out(),
    promise(created_at=NOW, timeout_at=NOW).timed_out(),
)

VIOLATORS = {
    properties.created_by_its_deadline: [promise(created_at=DEADLINE + 1)],
    properties.pending_before_its_deadline: [promise(created_at=DEADLINE)],
    properties.settled_by_its_deadline: [resolved(settled_at=DEADLINE + 1)],
    properties.settled_after_its_creation: [resolved(settled_at=CREATED_AT - 1)],
    properties.settled_at_exactly_when_settled: [promise(settled_at=NOW), resolved(settled_at=None)],
    properties.pending_has_no_value: [promise(value=VALUE)],
    properties.the_deadline_gives_the_verdict: [
        resolved(settled_at=DEADLINE),
        promise(state=TIMED_OUT, settled_at=DEADLINE, value=VALUE),
        promise(tags={Tag.TIMER: "true"}, state=PromiseState.REJECTED, settled_at=DEADLINE),
    ],
    properties.timed_out_only_by_the_deadline: [
        promise(state=TIMED_OUT, settled_at=NOW - 1),
        promise(state=TIMED_OUT, settled_at=DEADLINE, tags={Tag.TIMER: "true"}),
    ],
    properties.timer_and_target_exclude_each_other: [targeted(tags={Tag.TIMER: "true"})],
    properties.target_is_an_address: [promise(tags={Tag.TARGET: "file:///x"})],
    properties.delay_is_before_the_deadline: [
        targeted(tags={Tag.DELAY: str(DEADLINE)}),
        targeted(tags={Tag.DELAY: "soon"}),
        promise(tags={Tag.DELAY: str(NOW)}),
    ],
}

VIOLATORS_IN_TIME = {
    properties.created_in_the_past: [promise(created_at=NOW + 1)],
    properties.settled_in_the_past: [resolved(settled_at=NOW + 1)],
}


def test_every_property_has_a_violator() -> None:
    assert set(VIOLATORS) == set(PROMISE)
    assert set(VIOLATORS_IN_TIME) == set(PROMISE_IN_TIME)


@pytest.mark.parametrize("holds", PROMISE)
def test_a_property_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD)
    assert not any(holds(violator) for violator in VIOLATORS[holds])


@pytest.mark.parametrize("holds", PROMISE_IN_TIME)
def test_a_property_in_time_can_fail(holds) -> None:
    assert all(holds(good, NOW) for good in GOOD)
    assert not any(holds(violator, NOW) for violator in VIOLATORS_IN_TIME[holds])
