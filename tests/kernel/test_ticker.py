from troth.kernel.ticker import Ticker
from troth.machine.view import Changes
from troth.protocol.records import NEVER, PromiseState, TaskState
from troth.testing.clock import ManualClock
from troth.testing.samples import NOW, acquired, promise, schedule, task


def ticking(now=NOW):
    clock, rung = ManualClock(now), []
    return clock, Ticker(clock, lambda: rung.append(clock.now())), rung


def changes(*objects, schedules=()):
    found = Changes()
    for each in objects:
        kind = found.promises if hasattr(each, "param") else found.tasks
        kind[each.id] = each
    found.schedules.update({each.id: each for each in schedules})
    return found


def noted(*objects, schedules=()):
    """The instant the ticker waits for after these changes."""
    clock, ticker, _ = ticking()
    ticker.note_changes([changes(*objects, schedules=schedules)], NOW)
    return clock.next_at


def test_it_is_idle_until_something_is_noted():
    clock, _, _ = ticking()
    assert clock.next_at is None


def test_it_rings_at_the_earliest_instant_and_then_is_idle_again():
    clock, ticker, rung = ticking()
    for instant in (NOW + 30, NOW + 10, NOW + 20):
        ticker.note(instant)
    clock.advance(100)
    assert rung == [NOW + 10]
    assert clock.next_at is None


def test_it_keeps_one_alarm():
    clock, ticker, rung = ticking()
    ticker.note(NOW + 30)
    ticker.note(NOW + 10)
    clock.advance(10)
    assert rung == [NOW + 10]
    assert clock.next_at is None
    ticker.note(NOW + 50)
    assert clock.next_at == NOW + 50


def test_an_alarm_that_comes_early_is_set_again():
    rung = []

    class Hasty(ManualClock):
        def call_at(self, instant, callback):
            return super().call_at(min(instant, self.now() + 100), callback)

    clock = Hasty(NOW)
    ticker = Ticker(clock, lambda: rung.append(clock.now()))
    ticker.note(NOW + 250)
    clock.advance(1_000)
    assert rung == [NOW + 250]


def test_stopped_it_rings_no_more_until_something_new_is_noted():
    clock, ticker, rung = ticking()
    ticker.note(NOW + 10)
    ticker.stop()
    clock.advance(20)
    assert rung == []
    ticker.note(NOW + 30)
    clock.advance(20)
    assert rung == [NOW + 30]


def test_a_pending_promises_deadline_is_noted():
    assert noted(promise(timeout_at=NOW + 7)) == NOW + 7


def test_no_deadline_is_noted_of_a_promise_without_one_or_that_is_settled():
    assert noted(promise(timeout_at=NEVER)) is None
    assert noted(promise().settled(PromiseState.RESOLVED, promise().value, NOW)) is None


def test_a_lease_is_noted_and_a_task_offered_later():
    assert noted(acquired(expires_at=NOW + 8)) == NOW + 8
    assert noted(task(retry_at=NOW + 9)) == NOW + 9


def test_a_task_that_can_be_granted_now_is_no_deadline():
    assert noted(task(retry_at=NOW)) is None
    assert noted(task(state=TaskState.SUSPENDED)) is None


def test_a_schedules_next_run_is_noted_and_a_dropped_one_is_not():
    assert noted(schedules=[schedule(next_run_at=NOW + 3)]) == NOW + 3
    dropped = Changes()
    dropped.schedules["s"] = None
    clock, ticker, _ = ticking()
    ticker.note_changes([dropped], NOW)
    assert clock.next_at is None


def test_the_earliest_of_all_changes_counts():
    clock, ticker, _ = ticking()
    later, sooner = (
        changes(promise("a", timeout_at=NOW + 90)),
        changes(promise("b", timeout_at=NOW + 40), acquired("c")),
    )
    ticker.note_changes([later, sooner], NOW)
    assert clock.next_at == NOW + 40
