"""Each obligation is discharged in a good state and owed in a hand-built one."""

import pytest

from troth.machine.properties import State
from troth.machine.properties import rest as properties
from troth.machine.properties.rest import REST
from troth.testing.samples import NOW, TARGET, acquired, promise, resolved, schedule, suspended, targeted, task

GOOD = State(
    promises=(promise("a"), resolved("b"), targeted("t"), targeted("w"), targeted("h")),
    tasks=(task("t", retry_at=NOW + 1), suspended("w"), acquired("h")),
    callbacks=(("a", "w"),),
    listeners=(("a", TARGET),),
    schedules=(schedule(next_run_at=NOW + 1),),
)

VIOLATORS = {
    properties.every_due_promise_is_settled: State((promise(timeout_at=NOW),)),
    properties.every_ended_lease_is_over: State((targeted(),), (acquired(expires_at=NOW),)),
    properties.every_awaiter_is_resumed: State((resolved("a"), targeted("w")), callbacks=(("a", "w"),)),
    properties.every_listener_is_told: State((resolved("a"),), listeners=(("a", TARGET),)),
    properties.every_runnable_task_is_offered: State((targeted(),), (task(retry_at=NOW),)),
    properties.every_due_schedule_has_fired: State(schedules=(schedule(next_run_at=NOW),)),
}


def test_every_property_has_a_violator() -> None:
    assert set(VIOLATORS) == set(REST)


@pytest.mark.parametrize("holds", REST)
def test_a_property_can_fail(holds) -> None:
    assert holds(GOOD, NOW)
    assert not holds(VIOLATORS[holds], NOW)
