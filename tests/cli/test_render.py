"""Symbols, spans, instants, JSON."""

import json

import click
import pytest

from troth.cli.reading import Stored
from troth.cli.render import appearance, call, instant, outcome, say, say_json, span
from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Task, TaskState, Value
from troth.sdk.codec import converter_for, encode, encode_error


def stored(state: PromiseState, value: Value = NO_VALUE) -> Stored:
    return Stored(Promise("a", state, NO_VALUE, value, {}, NEVER, 0, None if state == "pending" else 5))


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (60_000, "1 min"),
        (3_599_999, "59 min 59 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (86_400_000 * 400 + 3_600_000, "400 d 1 h"),
    ],
)
def test_spans_have_two_units_at_most(ms: int, text: str) -> None:
    assert span(ms) == text


def test_instants() -> None:
    assert instant(1_795_367_023_007).split()[1].endswith(".007")
    assert instant(NEVER) == "never"
    assert instant(NEVER - 1) == f"{NEVER - 1} ms after 1970"


@pytest.mark.parametrize("state", TaskState)
def test_a_pending_promise_looks_as_its_task_does(state: TaskState) -> None:
    promise = stored(PromiseState.PENDING).promise
    alone = appearance(promise, None)
    at_work = appearance(promise, Task("a", state, 1, 0))
    assert alone.word == "pending"
    assert (at_work == alone) == (state is TaskState.FULFILLED)


def test_a_settled_promise_looks_as_it_ended() -> None:
    settled = [state for state in PromiseState if state is not PromiseState.PENDING]
    task = Task("a", TaskState.FULFILLED, 1, 0)
    words = [appearance(stored(state).promise, task).word for state in settled]
    assert words == ["resolved", "rejected", "canceled", "timed out"]


def test_outcomes() -> None:
    value = Value(data=encode(list(range(100)), converter_for(list[int])))
    assert outcome(stored(PromiseState.RESOLVED, value), 20) == "= [0, 1, 2, 3, 4, 5…"
    assert outcome(stored(PromiseState.RESOLVED), 20) == "= None"
    assert outcome(stored(PromiseState.PENDING), 20) == ""
    failed = Value(data=encode_error(ValueError("no")))
    assert outcome(stored(PromiseState.REJECTED, failed), 20) == "! ValueError: no"
    assert call(stored(PromiseState.PENDING), 3) == "pr…"


def test_colours_are_not_for_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    say(click.style("green", fg="green"))
    assert capsys.readouterr().out == "green\n"


def test_json_keeps_its_characters(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"ä": ["✓", 10**400]})
    out = capsys.readouterr().out
    assert "✓" in out
    assert json.loads(out) == {"ä": ["✓", 10**400]}
