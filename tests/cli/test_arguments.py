"""Arguments from texts, by annotation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from troth import ArgumentError, Troth
from troth.cli.arguments import parse_arguments


class Colour(Enum):
    RED = "red"


@dataclass
class Item:
    sku: str
    count: int = 1


def one(annotation: object) -> Callable[[str], Any]:
    """The value that a text becomes for a parameter of this annotation."""

    def body(value):
        return value

    body.__annotations__["value"] = annotation
    function = Troth(":memory:").function(body)
    return lambda text: parse_arguments(function, [text]).positional[0]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "5", 5),
        (int, "1" + "0" * 400, 10**400),
        (float, "5", 5.0),
        (str, "5", "5"),
        (str, "null", "null"),
        (str, '"quoted"', '"quoted"'),
        (bool, "true", True),
        (str | None, "null", None),
        (str | None, "word", "word"),
        (str | None, "5", "5"),
        (Decimal, "3.10", Decimal("3.10")),
        (date, "2026-01-31", date(2026, 1, 31)),
        (Colour, "red", Colour.RED),
        (Item, '{"sku": "a"}', Item("a")),
        (list[int], "[1, 2]", [1, 2]),
        (Any, "[1, 2]", [1, 2]),
        (Any, "word", "word"),
        (object, "1.5", 1.5),
    ],
)
def test_a_text_becomes_what_the_annotation_says(annotation: object, text: str, value: object) -> None:
    found = one(annotation)(text)
    assert found == value
    assert type(found) is type(value)


def test_names_and_places(cli) -> None:
    assert cli.run("everything", "note=n", "first", "1", "x=2").stdout == "['first', [1], 'n', {'x': 2.0}]\n"
    assert cli.run("echo", "text=a=b").stdout == "a=b\n"
    assert cli.run("echo", "a=b").stdout == "a=b\n"


@pytest.mark.parametrize(
    ("annotation", "text", "said"),
    [
        (int, "x", r"argument 'value' of body: expected an integer, got 'x'"),
        (int, "1.5", r"expected an integer, got 1.5"),
        (list[int], '[1, "a"]', r"\[1\]: expected an integer"),
    ],
)
def test_a_text_that_does_not_fit(annotation: object, text: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        one(annotation)(text)


@pytest.mark.parametrize("words", [[], ["1", "2"], ["1", "n=2"]])
def test_arguments_that_do_not_fit_the_signature(cli, words: list[str]) -> None:
    result = cli.run("factorial", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("troth: factorial(n: int): ")


def test_a_name_that_is_no_parameters_own_goes_to_the_rest(cli) -> None:
    assert cli.run("everything", "1", "more=2", "rest=3").stdout == "[1, [], '', {'more': 2.0, 'rest': 3.0}]\n"
