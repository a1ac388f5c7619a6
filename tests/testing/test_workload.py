"""Random requests: reproducible, of every kind, and mostly meaningful."""

from random import Random

from troth.machine.properties import State
from troth.protocol.requests import EXTENSIONS, KINDS, AcquireTask, FulfillTask
from troth.testing.samples import NOW, acquired, suspended, targeted, task
from troth.testing.workload import HORIZON_MS, Workload

STATE = State(
    (targeted("a"), targeted("b"), targeted("c")),
    (task("a", version=3), acquired("b", version=2), suspended("c")),
)


def test_a_seed_is_a_sequence() -> None:
    def drawn(seed: int) -> list[object]:
        workload = Workload(Random(seed))
        return [workload.draw(STATE, NOW) for _ in range(200)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_every_kind_is_drawn() -> None:
    workload = Workload(Random(0))
    assert {type(workload.draw(STATE, NOW)) for _ in range(3000)} == {*KINDS, *EXTENSIONS}


def test_most_requests_name_tasks_they_can_work_on() -> None:
    workload = Workload(Random(0))
    drawn = [workload.draw(STATE, NOW) for _ in range(3000)]
    acquires = [request for request in drawn if isinstance(request, AcquireTask)]
    fulfills = [request for request in drawn if isinstance(request, FulfillTask)]
    assert sum((request.id, request.version) == ("a", 3) for request in acquires) > len(acquires) / 2
    assert sum((request.id, request.version) == ("b", 2) for request in fulfills) > len(fulfills) / 2
    assert any(request.version == 4 for request in acquires), "sometimes the version is wrong"


def test_pauses_are_short() -> None:
    workload = Workload(Random(0))
    pauses = {workload.pause_ms() for _ in range(200)}
    assert 0 in pauses
    assert max(pauses) <= HORIZON_MS
