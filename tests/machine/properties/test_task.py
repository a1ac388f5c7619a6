"""Each property of one task holds for good ones and is broken by a hand-built one."""

import pytest

from troth.machine.properties import task as properties
from troth.machine.properties.task import TASK
from troth.protocol.records import TaskState
from troth.testing.samples import NOW, PID, TTL_MS, acquired, suspended, task

HALTED, FULFILLED = TaskState.HALTED, TaskState.FULFILLED

GOOD = (
    task(),
    task(version=3, resumes=("a", "b")),
    acquired(resumes=("a",)),
    suspended(),
    task(state=HALTED, resumes=("a",)),
    task(state=FULFILLED, version=0),
)

VIOLATORS = {
    properties.lease_exactly_when_acquired: [
        acquired(pid=None),
        acquired(ttl=None),
        acquired(expires_at=None),
        task(pid=PID),
        suspended(expires_at=NOW),
    ],
    properties.retry_at_exactly_when_pending: [task(retry_at=None), acquired(retry_at=NOW)],
    properties.acquired_was_granted: [acquired(version=0)],
    properties.ttl_is_positive: [acquired(ttl=0)],
    properties.idle_has_no_timer: [
        suspended(pid=PID),
        suspended(retry_at=NOW),
        task(state=HALTED, ttl=TTL_MS),
        task(state=FULFILLED, expires_at=NOW),
    ],
    properties.suspended_and_fulfilled_have_no_resumes: [
        suspended(resumes=("a",)),
        task(state=FULFILLED, resumes=("a",)),
    ],
    properties.resumes_are_unique: [task(resumes=("a", "b", "a"))],
}


def test_every_property_has_a_violator() -> None:
    assert set(VIOLATORS) == set(TASK)


@pytest.mark.parametrize("holds", TASK)
def test_a_property_can_fail(holds) -> None:
    assert all(holds(good) for good in GOOD)
    assert not any(holds(violator) for violator in VIOLATORS[holds])
