"""The tables: complete, exact about what is read, and silent about what no store can hold."""

import pytest

from troth.machine.effects import Outcome
from troth.machine.footprint import NOTHING, CalleesQuery, CallersQuery, Footprint
from troth.machine.internal import (
    DispatchTask,
    DrainCallback,
    DrainListener,
    ExpireLease,
    FireSchedule,
    OwnStep,
    TimeOutPromise,
)
from troth.machine.promises import promise_query
from troth.machine.schedules import schedule_query
from troth.machine.step import FOOTPRINTS, STEPS, Event, cycle_ids, footprint, step
from troth.machine.tasks import task_query
from troth.machine.view import View
from troth.protocol.records import PromiseState
from troth.protocol.requests import (
    EXTENSIONS,
    KINDS,
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateSchedule,
    CreateTask,
    DeleteSchedule,
    FenceTask,
    FulfillTask,
    GetCallees,
    GetCallers,
    GetPromise,
    GetSchedule,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    RegisterCallback,
    RegisterListener,
    ReleaseTask,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
    TaskRef,
)
from troth.testing.samples import NOW, TARGET

SETTLE = SettlePromise("p", PromiseState.RESOLVED)
SEARCHES = SearchPromises(tags={"a": "b"}), SearchTasks(cursor="c"), SearchSchedules(limit=7)

ANNOUNCED: list[tuple[Event, Footprint]] = [
    (GetPromise("p"), Footprint(("p",))),
    (CreatePromise("p", 1, caller="c"), Footprint(("p",))),
    (SETTLE, Footprint(("p",))),
    (RegisterCallback("a", "p"), Footprint(("a", "p"))),
    (RegisterListener("a", TARGET), Footprint(("a",))),
    (SEARCHES[0], Footprint(query=promise_query(SEARCHES[0]))),
    (GetCallees("p"), Footprint(query=CalleesQuery("p"))),
    (GetCallers("p"), Footprint(query=CallersQuery("p"))),
    (GetTask("p"), Footprint(("p",))),
    (CreateTask("w", 1, CreatePromise("p", 1)), Footprint(("p",))),
    (AcquireTask("p", 0, "w", 1), Footprint(("p",))),
    (FenceTask("q", 1, SETTLE), Footprint(("q", "p"))),
    (SuspendTask("p", 1, (RegisterCallback("a", "p"), RegisterCallback("b", "p"))), Footprint(("p", "a", "b"))),
    (FulfillTask("p", 1, SETTLE), Footprint(("p",))),
    (ReleaseTask("p", 1), Footprint(("p",))),
    (HeartbeatTasks("w", (TaskRef("p", 1), TaskRef("q", 1))), Footprint(("p", "q"))),
    (HaltTask("p"), Footprint(("p",))),
    (ContinueTask("p"), Footprint(("p",))),
    (SEARCHES[1], Footprint(query=task_query(SEARCHES[1]))),
    (GetSchedule("s"), Footprint(schedule_ids=("s",))),
    (CreateSchedule("s", "@daily", "x", 1), Footprint(schedule_ids=("s",))),
    (DeleteSchedule("s"), Footprint(schedule_ids=("s",))),
    (SEARCHES[2], Footprint(query=schedule_query(SEARCHES[2]))),
    (TimeOutPromise("p"), Footprint(("p",))),
    (DrainCallback("a", "p"), Footprint(("a", "p"))),
    (DrainListener("a", TARGET), Footprint(("a",))),
    (ExpireLease("p"), Footprint(("p",))),
    (DispatchTask("p", 5), Footprint(("p",))),
    (FireSchedule("s", 5, "s.5"), Footprint(("s.5",), ("s",))),
]


def test_every_event_has_a_handler_and_a_footprint() -> None:
    events = {*KINDS, *EXTENSIONS, *OwnStep.__subclasses__()}
    assert set(STEPS) == set(FOOTPRINTS) == events == {type(event) for event, _ in ANNOUNCED}
    assert len(KINDS) == 21
    assert len(OwnStep.__subclasses__()) == 6


@pytest.mark.parametrize(("event", "expected"), ANNOUNCED)
def test_what_may_be_read_follows_from_the_event(event: Event, expected: Footprint) -> None:
    assert footprint(event) == expected


@pytest.mark.parametrize("bad", ["", "\0", "\ud800", "a" * 2000])
def test_what_no_store_can_hold_is_not_announced_and_refused(bad: str) -> None:
    events: list[tuple[Event, Footprint]] = [
        (GetPromise(bad), NOTHING),
        (CreatePromise(bad, 1), NOTHING),
        (RegisterCallback("a", bad), Footprint(("a",))),
        (RegisterListener(bad, TARGET), NOTHING),
        (GetCallees(bad), NOTHING),
        (GetCallers(bad), NOTHING),
        (CreateTask("w", 1, CreatePromise(bad, 1)), NOTHING),
        (FenceTask("q", 1, CreatePromise(bad, 1)), Footprint(("q",))),
        (SuspendTask("p", 1, (RegisterCallback(bad, "p"),)), Footprint(("p",))),
        (HeartbeatTasks("w", (TaskRef("p", 1), TaskRef(bad, 1))), Footprint(("p",))),
        (GetSchedule(bad), NOTHING),
        (SearchPromises(cursor=bad), NOTHING),
        (SearchTasks(cursor=bad), NOTHING),
        (SearchSchedules(cursor=bad), NOTHING),
    ]
    for event, expected in events:
        assert footprint(event) == expected
        assert step(View(), event, NOW).response.status == 400


def test_a_step_that_reads_what_it_did_not_announce_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(view: View, event: GetPromise, now: int) -> Outcome:
        view.promise("other")
        raise AssertionError("never reached")

    monkeypatch.setitem(STEPS, GetPromise, greedy)
    view = View()
    view.hold_promise("other", None, None)
    with pytest.raises(AssertionError, match="did not announce: other"):
        step(view, GetPromise("p"), NOW)
    assert view.promise("other") is None, "the restriction ends with the step"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (CreatePromise("p", 1, caller="c"), ("c", "p")),
        (CreateTask("w", 1, CreatePromise("p", 1, caller="c")), ("c", "p")),
        (FenceTask("q", 1, CreatePromise("p", 1, caller="c")), ("c", "p")),
        (CreatePromise("p", 1), None),
        (CreatePromise("p", 1, caller="p"), None),
        (CreatePromise("p", 1, caller="\ud800"), None),
        (CreatePromise("\0", 1, caller="c"), None),
        (FenceTask("q", 1, SETTLE), None),
        (GetPromise("p"), None),
    ],
)
def test_who_may_close_a_cycle(event: Event, expected: tuple[str, str] | None) -> None:
    assert cycle_ids(event) == expected
