"""The samples are what a store could hold, and a step over them is a step."""

import pytest

from troth.machine.properties import State, check_state
from troth.machine.view import Page
from troth.protocol.answers import PromisePage
from troth.protocol.records import Tag, TaskState
from troth.protocol.requests import CreatePromise, GetPromise, GetSchedule, GetTask, SearchPromises
from troth.testing.samples import (
    DEADLINE,
    NOW,
    TARGET,
    acquired,
    promise,
    resolved,
    schedule,
    suspended,
    take,
    targeted,
    task,
)


@pytest.mark.parametrize("work", [task("t"), acquired("t"), suspended("t"), task("t", TaskState.HALTED)])
def test_samples_are_legal(work) -> None:
    state = State(
        (promise("a"), targeted("t"), resolved("r")), (work,), callbacks=(("a", "t"),), schedules=(schedule(),)
    )
    assert check_state(state, NOW) == []


def test_a_sample_takes_changes() -> None:
    assert promise("x", timeout_at=5).timeout_at == 5
    assert targeted("x", tags={"a": "b"}).tags == {Tag.TARGET: TARGET, "a": "b"}
    assert resolved("x", settled_at=7).settled_at == 7
    assert task("x", TaskState.ACQUIRED, version=9) == acquired("x", version=9)
    assert suspended("x", version=9).version == 9
    assert schedule("x", cron="@daily").cron == "@daily"


def test_a_step_is_taken_over_the_samples() -> None:
    assert take(GetPromise("p"), promise("p")).response.status == 200
    assert take(GetTask("p"), targeted("p"), task("p")).response.status == 200
    assert take(GetSchedule("s"), schedule("s")).response.status == 200
    assert take(GetPromise("p")).response.status == 404
    assert take(GetPromise("p"), promise("p", timeout_at=NOW + 1), now=NOW + 1).response.status == 200
    found = take(SearchPromises(), page=Page((promise("p"),))).response.data
    assert found == PromisePage((promise("p").record(),))
    cycle = take(CreatePromise("p", DEADLINE, caller="c"), promise("p"), cycles={("c", "p"): ("p", "c")})
    assert cycle.response.status == 422
