"""Outcomes in short."""

from troth.machine.effects import AddCall, Outcome, answer, refuse
from troth.protocol.answers import EMPTY, Refusal, Response


def test_an_answer_is_a_200() -> None:
    assert answer(EMPTY) == Outcome(Response(200, EMPTY), ())
    effects = (AddCall("a", "b"),)
    assert answer(EMPTY, effects, "left") == Outcome(Response(200, EMPTY), effects, preload_branch="left")


def test_a_refusal_writes_nothing() -> None:
    assert refuse(404, "why") == Outcome(Response(404, Refusal("why")))
    assert refuse(422, "why", ("a", "b", "a")).response.data == Refusal("why", ("a", "b", "a"))
    assert refuse(422, "why").effects == ()
