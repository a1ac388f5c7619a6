"""What a replay is answered from."""

from typing import Any

from troth.sdk.engine.journal import Journal


def test_a_promise_is_found_by_its_id(kit: Any) -> None:
    first, second = kit.record("root.a"), kit.record("root.b", value=1)
    journal = Journal([first, second])
    assert len(journal) == 2
    assert journal.get("root.a") is first
    assert journal.get("root.b") is second
    assert journal.get("root.c") is None
    assert "root.a" in journal
    assert "root.c" not in journal


def test_what_was_taken_is_not_asked_for_again(kit: Any) -> None:
    journal = Journal([kit.record("root.a")])
    assert journal.take("root.b") is None
    assert journal.take("root.a") == kit.record("root.a")
    assert journal.take("root.a") is None
    assert len(journal) == 0


def test_a_keyed_call_is_found_under_the_generation_that_was_called(kit: Any) -> None:
    journal = Journal([kit.record("f-5~3", value=1)])
    found = journal.get("f-5")
    assert found is not None
    assert found.id == "f-5~3"
    assert "f-5" not in journal
    assert journal.get("f-5~3") is found
    assert journal.get("f") is None


def test_the_first_generation_is_found_before_later_ones(kit: Any) -> None:
    first = kit.record("f-5", value=1)
    assert Journal([first, kit.record("f-5~2")]).get("f-5") is first


def test_a_tilde_alone_is_no_generation(kit: Any) -> None:
    journal = Journal([kit.record("f~x"), kit.record("g~")])
    assert journal.get("f") is journal.get("g") is None


def test_a_newer_record_replaces_the_older(kit: Any) -> None:
    journal = Journal([kit.record("f-5")])
    settled = kit.record("f-5", value=1)
    journal.note(settled)
    assert journal.get("f-5") is settled
    assert len(journal) == 1
