"""The view: what is loaded, overlaid with what was written, and nothing that was not announced."""

import pytest

from troth.machine.effects import (
    AddCall,
    AddCallback,
    AddListener,
    DropSchedule,
    PutPromise,
    PutSchedule,
    PutTask,
    RemoveCallback,
    RemoveListener,
)
from troth.machine.footprint import BranchQuery, Footprint
from troth.machine.view import Page, View
from troth.testing.samples import promise, resolved, schedule, targeted, task

QUERY = BranchQuery("b", 10)


def test_what_is_loaded_can_be_read() -> None:
    view = View()
    view.hold_promise("p", targeted("p"), task("p"))
    view.hold_promise("absent", None, None)
    view.hold_schedule("s", schedule("s"))
    view.hold_page(QUERY, Page(cursor="c"))
    view.hold_cycle("c", "p", ("p", "c"))
    assert (view.promise("p"), view.task("p"), view.schedule("s")) == (targeted("p"), task("p"), schedule("s"))
    assert (view.promise("absent"), view.task("absent")) == (None, None)
    assert view.page(QUERY) == Page(cursor="c")
    assert (view.cycle("c", "p"), view.cycle("p", "c")) == (("p", "c"), ())
    assert (view.holds("p"), view.holds("absent"), view.holds("unheard of")) == (True, True, False)


def test_what_was_not_loaded_cannot_be_read() -> None:
    view = View()
    for read in (view.promise, view.task, view.schedule):
        with pytest.raises(KeyError):
            read("p")


@pytest.mark.parametrize("others", [0, 100])
def test_a_focused_view_shows_only_what_was_announced(others: int) -> None:
    announced = Footprint(("p", *map(str, range(others))), ("s",))
    view = View()
    for id in ("p", "q"):
        view.hold_promise(id, promise(id), None)
        view.hold_schedule(id, None)
    view.hold_schedule("s", None)
    view.hold_page(QUERY, Page())
    view.focus(announced)
    assert view.promise("p") == promise("p")
    assert view.task("p") is None
    assert view.schedule("s") is None
    for read in (view.promise, view.task, view.schedule):
        with pytest.raises(AssertionError, match="did not announce: q"):
            read("q")
    with pytest.raises(AssertionError, match="did not announce"):
        view.page(QUERY)
    view.focus(None)
    assert view.promise("q") == promise("q")
    assert view.page(QUERY) == Page()


def test_later_steps_see_what_earlier_ones_wrote() -> None:
    view = View()
    view.hold_promise("p", promise("p"), None)
    view.hold_promise("new", None, None)
    view.hold_schedule("s", None)
    view.advance((PutPromise(resolved("p")), PutPromise(targeted("new")), PutTask(task("new"))))
    view.advance((PutSchedule(schedule("s")),))
    assert view.promise("p") == resolved("p")
    assert (view.promise("new"), view.task("new")) == (targeted("new"), task("new"))
    assert view.schedule("s") == schedule("s")
    assert view.changes.new_ids == {"new"}
    view.advance((DropSchedule("s"),))
    assert view.schedule("s") is None
    assert view.changes.schedules == {"s": None}


def test_a_row_is_written_once_in_its_last_form() -> None:
    view = View()
    view.hold_promise("p", None, None)
    view.advance((PutPromise(targeted("p")), PutTask(task("p")), PutPromise(resolved("p"))))
    assert view.changes.promises == {"p": resolved("p")}
    assert view.changes.tasks == {"p": task("p")}
    assert view.changes.new_ids == {"p"}


def test_a_subscription_that_comes_and_goes_is_only_removed() -> None:
    view = View()
    view.advance((AddCallback("a", "w"), AddListener("a", "x"), AddCall("w", "a"), AddCall("w", "a")))
    assert list(view.changes.added_callbacks) == [("a", "w")]
    assert list(view.changes.added_listeners) == [("a", "x")]
    assert list(view.changes.calls) == [("w", "a")]
    view.advance((RemoveCallback("a", "w"), RemoveListener("a", "x")))
    assert not view.changes.added_callbacks
    assert not view.changes.added_listeners
    assert list(view.changes.removed_callbacks) == [("a", "w")]
    assert list(view.changes.removed_listeners) == [("a", "x")]
    view.advance((AddCallback("a", "w"), AddListener("a", "x")))
    assert not view.changes.removed_callbacks
    assert not view.changes.removed_listeners


def test_changes_are_taken_once() -> None:
    view = View()
    assert not view.changes
    view.hold_promise("p", None, None)
    view.advance((PutPromise(promise("p")),))
    taken = view.take_changes()
    assert taken
    assert not view.changes
    view.advance((PutPromise(resolved("p")),))
    assert view.changes.new_ids == set(), "the store holds it by now"
    assert view.promise("p") == resolved("p")
