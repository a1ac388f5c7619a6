"""Footprints and queries are plain data, and can be keys."""

from troth.machine.footprint import NOTHING, CalleesQuery, CallersQuery, Footprint, PromiseQuery


def test_nothing_announces_nothing() -> None:
    assert Footprint() == NOTHING
    assert (NOTHING.promise_ids, NOTHING.schedule_ids, NOTHING.query) == ((), (), None)


def test_queries_are_told_apart_by_what_they_ask() -> None:
    asked = PromiseQuery(None, (("a", "b"),), "", 10, None)
    same = PromiseQuery(None, (("a", "b"),), "", 10, None)
    other = PromiseQuery(None, (("a", "b"),), "", 10, "c")
    assert len({asked, same, other, CalleesQuery("x"), CallersQuery("x")}) == 4
