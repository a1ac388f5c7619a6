import pytest

from troth.kernel.dispatcher import Dispatcher
from troth.protocol.messages import Grant
from troth.protocol.records import Tag, Value
from troth.testing.samples import TARGET, promise, targeted, task

OTHER = "poll://any@others"


@pytest.fixture
def dispatcher():
    return Dispatcher()


def elsewhere(id="p"):
    return promise(id, tags={Tag.TARGET: OTHER})


# --- claims


def test_a_task_is_claimed_for_a_worker_of_its_target(dispatcher, worker):
    one = worker()
    dispatcher.connect(one)
    assert dispatcher.claim(targeted()) is one
    assert dispatcher.claim(elsewhere()) is None
    assert dispatcher.claim(promise()) is None


def test_nobody_connected_claims_nothing(dispatcher):
    assert dispatcher.claim(targeted()) is None


def test_claims_of_a_batch_take_room_until_they_are_settled(dispatcher, worker):
    one = worker(room=2)
    dispatcher.connect(one)
    assert [dispatcher.claim(targeted(id)) for id in "abc"] == [one, one, None]
    dispatcher.settle_claims()
    assert dispatcher.claim(targeted("c")) is one


def test_a_delivered_claim_is_the_workers_own_to_count(dispatcher, worker):
    one = worker(room=3)
    dispatcher.connect(one)
    for id in "ab":
        dispatcher.claim(targeted(id))
    assert dispatcher.room(TARGET) == 1
    one.deliver(Grant(task().record(), promise().record()))
    dispatcher.settle_claim(one.pid)
    assert dispatcher.room(TARGET) == 1
    one.deliver(Grant(task().record(), promise().record()))
    dispatcher.settle_claim(one.pid)
    assert dispatcher.room(TARGET) == 1
    dispatcher.settle_claim(one.pid)
    assert dispatcher.room(TARGET) == 1


def test_only_a_worker_that_shares_our_fate_starts_early(dispatcher, worker):
    one = worker("one")
    dispatcher.connect(one, early=True)
    dispatcher.connect(worker("other"))
    assert [dispatcher.starts_early(pid) for pid in ("one", "other", "unknown", None)] == [True, False, False, False]
    dispatcher.disconnect(one)
    assert not dispatcher.starts_early("one")


def test_the_roomiest_worker_gets_it(dispatcher, worker):
    narrow, wide = worker("narrow", room=1), worker("wide", room=3)
    dispatcher.connect(narrow)
    dispatcher.connect(wide)
    claimed = [dispatcher.claim(targeted(id)).pid for id in "abcd"]
    assert claimed == ["wide", "wide", "narrow", "wide"]


def test_a_worker_that_does_not_know_the_function_is_passed_over(dispatcher, worker):
    ignorant = worker("ignorant", room=9, knows=lambda param: False)
    knowing = worker("knowing", knows=lambda param: param == Value(data="f"))
    dispatcher.connect(ignorant)
    dispatcher.connect(knowing)
    assert dispatcher.claim(targeted(param=Value(data="g"))) is None
    assert dispatcher.claim(targeted(param=Value(data="f"))) is knowing


def test_a_full_worker_is_not_asked_what_it_knows(dispatcher, worker):
    asked = []
    dispatcher.connect(worker(room=0, knows=asked.append))
    assert dispatcher.claim(targeted()) is None
    assert asked == []


# --- connections


def test_the_holder_is_alive_while_it_is_connected(dispatcher, worker):
    one = worker("pid-1")
    assert not dispatcher.alive("pid-1")
    dispatcher.connect(one)
    assert dispatcher.alive("pid-1")
    assert not dispatcher.alive("pid-2")
    assert not dispatcher.alive(None)
    dispatcher.disconnect(one)
    assert not dispatcher.alive("pid-1")


def test_a_disconnected_worker_is_offered_nothing_and_leaves_nothing_behind(dispatcher, worker):
    one = worker()
    dispatcher.connect(one)
    dispatcher.disconnect(one)
    assert dispatcher.claim(targeted()) is None
    assert dispatcher.hungry() == ()
    dispatcher.note_backlog(TARGET)
    dispatcher.expect_backlog()
    assert not dispatcher.owes(TARGET)


def test_disconnecting_twice_or_without_a_connection_does_nothing(dispatcher, worker):
    dispatcher.disconnect(worker())
    stays = worker("stays")
    dispatcher.connect(stays)
    dispatcher.disconnect(worker("goes"))
    assert dispatcher.claim(targeted()) is stays


def test_connecting_again_replaces_the_targets_and_counts_the_worker_once(dispatcher, worker):
    one = worker(room=2)
    dispatcher.connect(one)
    one.targets = (OTHER,)
    dispatcher.connect(one)
    assert dispatcher.room(TARGET) == 0
    assert dispatcher.room(OTHER) == 2


# --- backlog


def test_what_waits_for_a_new_worker_is_backlog(dispatcher, worker):
    dispatcher.connect(worker())
    assert dispatcher.hungry() == [(TARGET, True)]
    assert dispatcher.owes(TARGET)


def test_a_target_that_was_found_empty_is_no_backlog_until_something_waits_again(dispatcher, worker):
    dispatcher.connect(worker())
    dispatcher.looked(TARGET, empty=True)
    assert dispatcher.hungry() == ()
    dispatcher.note_backlog(TARGET)
    assert dispatcher.hungry() == [(TARGET, False)]


def test_a_target_that_has_more_stays_backlog_but_its_worker_is_not_new_any_more(dispatcher, worker):
    dispatcher.connect(worker())
    dispatcher.looked(TARGET, empty=False)
    assert dispatcher.hungry() == [(TARGET, False)]


def test_more_backlog_does_not_make_a_new_worker_old(dispatcher, worker):
    dispatcher.connect(worker())
    dispatcher.note_backlog(TARGET)
    dispatcher.expect_backlog()
    assert dispatcher.hungry() == [(TARGET, True)]


def test_backlog_without_room_is_not_hungry(dispatcher, worker):
    one = worker(room=1)
    dispatcher.connect(one)
    dispatcher.claim(targeted())
    assert dispatcher.hungry() == []
    assert dispatcher.owes(TARGET)
    dispatcher.settle_claims()
    assert dispatcher.hungry() == [(TARGET, True)]


def test_nobody_serves_it_so_it_is_no_backlog(dispatcher, worker):
    dispatcher.connect(worker())
    dispatcher.note_backlog(OTHER)
    assert not dispatcher.owes(OTHER)


def test_the_target_served_last_comes_last(dispatcher, worker):
    dispatcher.connect(worker(targets=(TARGET, OTHER)))
    assert [target for target, _ in dispatcher.hungry()] == [TARGET, OTHER]
    dispatcher.looked(TARGET, empty=False)
    assert [target for target, _ in dispatcher.hungry()] == [OTHER, TARGET]


def test_time_may_have_made_work_due_for_everybody(dispatcher, worker):
    dispatcher.connect(worker(targets=(TARGET, OTHER)))
    dispatcher.looked(TARGET, empty=True)
    dispatcher.looked(OTHER, empty=True)
    dispatcher.expect_backlog()
    assert dispatcher.hungry() == [(TARGET, False), (OTHER, False)]


def test_room_is_what_all_workers_of_the_target_have_left(dispatcher, worker):
    both = worker("both", room=3, targets=(TARGET, OTHER))
    dispatcher.connect(both)
    dispatcher.connect(worker("one", room=1))
    dispatcher.connect(worker("over", room=-2))
    assert (dispatcher.room(TARGET), dispatcher.room(OTHER)) == (4, 3)
    assert dispatcher.claim(elsewhere()) is both
    assert (dispatcher.room(TARGET), dispatcher.room(OTHER)) == (3, 2)
