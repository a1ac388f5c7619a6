"""What an annotation says without its wrappers, and how it is shown."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Optional, TypeVar

import pytest
from typing_extensions import TypeAliasType

from troth.errors import DefinitionError
from troth.sdk.codec.annotations import alias_value, field_annotations, show_annotation, stripped, substituted

T = TypeVar("T")
K = TypeVar("K")
Bound = TypeVar("Bound", bound=int)
Either = TypeVar("Either", int, str)
UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)


@pytest.mark.parametrize(
    ("annotation", "inner"),
    [
        (Annotated[int, "x"], int),
        (NotRequired[Annotated[int, "x"]], int),
        (AdminId, int),
        (Annotated[AdminId, 1], int),
        (T, Any),
        (Bound, int),
        (Either, int | str),
        (int, int),
        (None, None),
        (list[int], list[int]),
        (typing.Final[int], int),
    ],
)
def test_wrappers_are_stripped(annotation: object, inner: object) -> None:
    assert stripped(annotation) == inner


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (type(None), "None"),
        (dict[str, list[int | None]], "dict[str, list[int | None]]"),
        (Optional[int], "int | None"),  # noqa: UP045 - the older spelling
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Sequence[int], "Sequence[int]"),
        (Mapping, "Mapping"),
        (Any, "Any"),
    ],
)
def test_an_annotation_is_shown_as_it_was_written(annotation: object, text: str) -> None:
    assert show_annotation(annotation) == text


def test_type_variables_are_filled_in_anywhere() -> None:
    assert substituted(T, {T: int}) is int
    assert substituted(dict[K, list[T] | None], {K: str, T: int}) == dict[str, list[int] | None]
    assert substituted(list[T], {}) == list[T]
    assert substituted(list, {T: int}) is list


def test_an_alias_stands_for_its_value() -> None:
    pair = TypeAliasType("pair", tuple[T, T], type_params=(T,))
    assert alias_value(pair[int]) == tuple[int, int]
    assert alias_value(TypeAliasType("ids", list[int])) == list[int]
    assert alias_value(list[int]) is None
    assert alias_value(int) is None


@dataclass
class Pair(Generic[K, T]):
    key: K
    values: list[T]


@dataclass
class Plain(Pair[int, bytes]):
    extra: str


@dataclass
class Turned(Pair[T, K], Generic[K, T]):
    own: K


def test_parameters_reach_the_fields_through_the_bases() -> None:
    assert field_annotations(Pair[int, str]) == {"key": int, "values": list[str]}
    assert field_annotations(Plain) == {"key": int, "values": list[bytes], "extra": str}
    assert field_annotations(Turned[int, str]) == {"key": str, "values": list[int], "own": int}
    assert field_annotations(Pair) == {"key": K, "values": list[T]}


def test_a_name_that_is_not_there_is_a_definition_error() -> None:
    lost = dataclass(type("Lost", (), {"__annotations__": {"part": "Nowhere"}}))
    with pytest.raises(DefinitionError, match="'Nowhere' is not defined"):
        field_annotations(lost)
