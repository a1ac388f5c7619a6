"""Enum members and Literals are written as their values and come back as themselves."""

from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from typing import Any, Literal

import pytest

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json


class Color(Enum):
    RED = "red"
    CRIMSON = "red"  # noqa: PIE796 - an alias on purpose
    TWO = 2
    PAIR = (1, 2)
    NONE = None


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Word(StrEnum):
    YES = auto()


class Rights(Flag):
    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    ONE = 1


class Guessing(Enum):
    KNOWN = "known"

    @classmethod
    def _missing_(cls, value: object) -> "Guessing":
        return cls.KNOWN


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


@pytest.mark.parametrize("value", [*Color, *Size, *Word, *Rights, Rights.READ | Rights.WRITE, Rights(0), Bits(6)])
def test_a_member_comes_back_as_itself(value: Enum) -> None:
    assert back(type(value), value) is value or back(type(value), value) == value
    assert type(back(type(value), value)) is type(value)


def test_the_wire_form_is_the_value() -> None:
    assert converter_for(Color).dump(Color.CRIMSON) == "red"
    assert converter_for(Size).dump(Size.LARGE) == 2
    assert converter_for(Rights).dump(Rights.READ | Rights.WRITE) == 3
    assert converter_for(dict[Size, int]).dump({Size.SMALL: 1}) == {"1": 1}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Color, "red"),
        (Size, 1),
        (Color, Size.SMALL),
        (Word, "yes"),
        (Rights, 1),
        (Literal["a", 1], True),
        (Literal["a", 1], "b"),
        (Literal["a", 1], []),
        (Literal[Size.SMALL], 1),
        (Literal["a"], Word.YES),
    ],
)
def test_another_value_is_refused(annotation: object, value: object) -> None:
    with pytest.raises(EncodingError):
        converter_for(annotation).dump(value)


@pytest.mark.parametrize(
    ("annotation", "tree"),
    [
        (Color, "blue"),
        (Color, 1),
        (Size, 1.0),
        (Size, True),
        (Size, [1]),
        (Rights, 64),
        (Rights, "1"),
        (Guessing, "unknown"),
        (Literal[1], True),
        (Literal[1], 1.0),
        (Literal["a"], ["a"]),
    ],
)
def test_another_tree_is_wrong_data(annotation: object, tree: Any) -> None:
    with pytest.raises(DecodingError):
        converter_for(annotation).load(tree)


@pytest.mark.parametrize("value", ["a", 1, True, None, b"x", Size.LARGE])
def test_a_literal_comes_back_with_its_type(value: object) -> None:
    annotation = Literal["a", 1, True, b"x", Size.LARGE] | None
    assert back(annotation, value) == value
    assert type(back(annotation, value)) is type(value)


def test_what_cannot_be_told_apart_is_a_definition_error() -> None:
    with pytest.raises(DefinitionError, match="same form in JSON"):
        converter_for(Literal[1, Size.SMALL])


def test_an_enum_of_objects_is_a_definition_error() -> None:
    class Odd(Enum):
        THING = object()

    with pytest.raises(DefinitionError, match=r"Odd.THING cannot be stored"):
        converter_for(Odd)
