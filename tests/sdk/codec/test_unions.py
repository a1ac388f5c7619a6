"""The members of a union come back as themselves, plain where their JSON tells them apart."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, Optional, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


@dataclass
class Circle:
    size: int


@dataclass
class Square:
    size: int


class Cat(TypedDict):
    name: str


class Dog(TypedDict):
    name: str
    age: int


class Color(Enum):
    RED = "red"


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - naive on purpose
INTS = st.integers()
FAMILIES: dict[Any, st.SearchStrategy[Any]] = {
    int | None: INTS | st.none(),
    int | str | bool | None: INTS | st.text() | st.booleans() | st.none(),
    int | float: INTS | st.floats(allow_nan=False) | st.just(10**700),
    float | dict[str, float]: st.floats(allow_nan=False)
    | st.dictionaries(st.sampled_from(["$troth", "value"]), st.floats(allow_nan=False)),
    str | datetime | date | UUID: st.text() | st.dates() | st.uuids() | st.just(NAIVE),
    datetime | date: st.dates() | st.just(NAIVE),
    Circle | Square: st.builds(Circle, INTS) | st.builds(Square, INTS),
    Circle | Square | None: st.builds(Circle, INTS) | st.builds(Square, INTS) | st.none(),
    Circle | dict[str, int] | list[int]: st.builds(Circle, INTS) | st.dictionaries(st.text(), INTS) | st.lists(INTS),
    Cat | Dog: st.fixed_dictionaries({"name": st.text()}, optional={"age": INTS}),
    list[int] | list[str]: st.lists(INTS) | st.lists(st.text()),
    list[int] | tuple[int, ...] | set[int]: st.lists(INTS) | st.lists(INTS).map(tuple) | st.sets(INTS),
    Color | str: st.sampled_from(Color) | st.text(),
    Literal["auto"] | Literal["off"] | int:  # noqa: PYI030 - as two of them may meet
    st.sampled_from(["auto", "off"]) | INTS,
    Optional[Union[int, str]]: INTS | st.text() | st.none(),  # noqa: UP007, UP045 - the older spelling
    Sequence[int]: st.lists(INTS) | st.lists(INTS).map(tuple),
    Collection[int] | None: st.none() | st.frozensets(INTS) | st.sets(INTS) | st.lists(INTS),
    AbstractSet[int]: st.sets(INTS) | st.frozensets(INTS),
    Mapping[str, int]: st.dictionaries(st.text(), INTS),
}


@pytest.mark.parametrize("annotation", FAMILIES, ids=str)
@given(data=st.data())
def test_every_member_comes_back_equal_and_of_its_type(annotation: Any, data: st.DataObject) -> None:
    value = data.draw(FAMILIES[annotation])
    loaded = back(annotation, value)
    assert loaded == value
    assert type(loaded) is type(value)
    assert converter_for(annotation).dump(loaded) == converter_for(annotation).dump(value)


@pytest.mark.parametrize(
    ("annotation", "value", "tree"),
    [
        (int | None, 5, 5),
        (Circle | None, Circle(1), {"size": 1}),
        (Circle | int | list[int], Circle(1), {"size": 1}),
        (str | date, "a", "a"),
        (str | date, date(2026, 1, 2), {"$troth": "date", "value": "2026-01-02"}),
        (Circle | Square, Square(1), {"$troth": "Square", "value": {"size": 1}}),
        (Circle | dict[str, int], {"size": 1}, {"size": 1}),
        (Circle | dict[str, int], Circle(1), {"$troth": "Circle", "value": {"size": 1}}),
        (list[int] | list[str], ["a"], {"$troth": "list[str]", "value": ["a"]}),
        (Sequence[int], (1,), {"$troth": "tuple", "value": [1]}),
        (Sequence[int], [1], [1]),
        (Literal["auto"] | int, "auto", "auto"),
        (float | None, 1, 1.0),
        (float | str, 1, 1.0),
        (float | int, 1, 1),
    ],
)
def test_the_wire_form(annotation: object, value: object, tree: Any) -> None:
    dumped: Any = converter_for(annotation).dump(value)
    assert dumped == tree
    assert type(dumped) is type(tree)


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (int | str, 1.5, "$"),
        (int | str, True, "$"),
        (Circle | Square, {"size": 1}, "$"),
        (Circle | Square, Circle("1"), "$.size"),  # pyright: ignore[reportArgumentType] - on purpose
        (list[int] | list[str], [1, "a"], "$[1]"),
        (Sequence[str], "abc", "$"),
        (Sequence[int], range(3), "$"),
        (Iterable[int], iter([1]), "$"),
        (int | Literal["auto"], "manual", "$"),
        (list[int] | None, [None], "$[0]"),
    ],
)
def test_what_no_member_takes_is_refused(annotation: object, value: object, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(annotation).dump(value)
    assert refusal.value.path == path
    assert str(refusal.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("annotation", "tree", "path"),
    [
        (int | str, None, "$"),
        (int | str, {"$troth": "Circle", "value": 1}, "$"),
        (Circle | Square, {"size": 1}, "$"),
        (Circle | Square, {"$troth": "Circle", "value": {"size": "1"}}, "$.value.size"),
        (Circle | Square, {"$troth": "Cube", "value": {"size": 1}}, "$"),
        (list[int] | None, ["a"], "$[0]"),
    ],
)
def test_what_no_member_describes_is_wrong_data(annotation: object, tree: Any, path: str) -> None:
    with pytest.raises(DecodingError) as refusal:
        converter_for(annotation).load(tree)
    assert refusal.value.path == path


def test_a_number_without_fraction_from_another_language_is_the_float_member() -> None:
    assert type(converter_for(float | str).load(1)) is float
    assert type(converter_for(float | None).load(1)) is float


def test_a_union_with_any_is_any() -> None:
    assert back(Union[Circle, Any], (1,)) == (1,)  # noqa: UP007 - Any has no |


def test_a_class_named_like_a_built_in_type_keeps_apart_from_it() -> None:
    odd = dataclass(type("decimal", (), {"__annotations__": {"x": int}}))
    odd.__module__ = "shop"
    dumped: Any = converter_for(odd | Circle).dump(odd(1))
    assert dumped["$troth"] == "shop.decimal"
    assert back(odd | Circle, odd(1)) == odd(1)


def test_a_tag_that_a_plain_member_uses_is_refused() -> None:
    odd = TypedDict("map", {"x": int})  # noqa: UP013 - a name that a class statement should not have
    with pytest.raises(DefinitionError, match="rename one of them"):
        converter_for(Union[odd, dict[Any, int]])  # noqa: UP007 - made at run time


def test_two_classes_of_one_name_are_told_apart_by_their_module_or_refused() -> None:
    first = dataclass(type("Circle", (), {"__annotations__": {"x": int}}))
    second = dataclass(type("Circle", (), {"__annotations__": {"x": int}}))
    second.__module__ = "elsewhere"
    assert type(back(first | second, second(1))) is second
    second.__module__ = first.__module__
    third = dataclass(type("Circle", (), {"__annotations__": {"x": int}}))
    with pytest.raises(DefinitionError, match="rename one of them"):
        converter_for(first | third)
