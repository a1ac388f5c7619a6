"""States and the difference between two of them."""

from troth.machine.effects import answer
from troth.machine.properties import State, Transition
from troth.protocol.answers import EMPTY
from troth.protocol.requests import GetPromise
from troth.stores.base import Snapshot
from troth.testing.samples import NOW, TARGET, promise, schedule, targeted, task

FULL = State(
    (promise("a"), targeted("t")),
    (task("t"),),
    (("a", "t"),),
    (("a", TARGET),),
    (("t", "a"),),
    (schedule("s"),),
)


def test_rows_are_found_by_id() -> None:
    assert FULL.promise == {"a": promise("a"), "t": targeted("t")}
    assert FULL.task == {"t": task("t")}
    assert FULL.schedule == {"s": schedule("s")}


def test_what_was_looked_up_does_not_change_what_a_state_is() -> None:
    looked_up = State((promise("a"),))
    assert looked_up.promise
    assert looked_up == State((promise("a"),))


def test_a_stores_snapshot_is_a_state() -> None:
    assert State.__struct_fields__ == Snapshot.__struct_fields__


def step(before: State, after: State) -> Transition:
    return Transition(before, after, GetPromise("p"), NOW, answer(EMPTY))


def test_a_transition_knows_what_is_new_and_what_is_gone() -> None:
    made = step(State(), FULL)
    assert made.new_promises == FULL.promises
    assert made.new_tasks == FULL.tasks
    assert (made.new_callbacks, made.gone_callbacks) == ({("a", "t")}, frozenset())
    assert (made.new_listeners, made.gone_listeners) == ({("a", TARGET)}, frozenset())
    unmade = step(FULL, State())
    assert (unmade.new_promises, unmade.new_tasks) == ((), ())
    assert (unmade.new_callbacks, unmade.gone_callbacks) == (frozenset(), {("a", "t")})
    assert (unmade.new_listeners, unmade.gone_listeners) == (frozenset(), {("a", TARGET)})
