"""Without an annotation, built-in values come back as what they were; others are refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json
from troth.sdk.codec.tree import DEPTH_MAX

ANY = converter_for(Any)

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC)).map(lambda value: value.replace(fold=0))
    | st.times().map(lambda value: value.replace(fold=0))
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text() | st.sampled_from(["$troth", "value"])
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types at every level, which == alone does not see (1 == True == 1.0)."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return all(map(same, one.keys(), other.keys())) and all(map(same, one.values(), other.values()))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(same(left, right) for right in other) for left in one)
    return one == other


@given(VALUES)
def test_every_built_in_value_comes_back_with_its_types(value: object) -> None:
    tree = ANY.dump(value)
    loaded = ANY.load(decode_json(encode_json(tree)))
    assert same(loaded, value)
    assert ANY.dump(loaded) == tree


def test_json_values_are_plain_and_others_are_tagged() -> None:
    plain = {"a": [1, 2.5, True, None, "x"]}
    assert ANY.dump(plain) == plain
    assert ANY.dump((1, 2)) == {"$troth": "tuple", "value": [1, 2]}
    assert ANY.dump(b"x") == {"$troth": "bytes", "value": "eA=="}
    assert ANY.dump({1: 2, (3,): 4})["$troth"] == "map"
    assert ANY.dump({"$troth": 1}) == {"$troth": "dict", "value": {"$troth": 1}}
    for value, tag in (
        (date(2026, 1, 1), "date"),
        (datetime(2026, 1, 1, tzinfo=UTC), "datetime"),
        (time(1), "time"),
        (timedelta(1), "timedelta"),
        (UUID(int=1), "uuid"),
        (Decimal(1), "decimal"),
        ({1}, "set"),
        (frozenset({1}), "frozenset"),
    ):
        assert ANY.dump(value)["$troth"] == tag


@dataclass
class Point:
    x: int


class Box(Struct):
    x: int


class Color(Enum):
    RED = 1


class Size(IntEnum):
    SMALL = 1


class Text(str):
    __slots__ = ()


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Point(1), "$"),
        ([Point(1)], "$[0]"),
        ({"a": (Box(1),)}, "$.a[0]"),
        ({"a": {Color.RED}}, "$.a[*]"),
        ({1: {"b": Size.SMALL}}, "$[1].b"),
        ({(Color.RED,): 1}, "$[key (<Color.RED: 1>,)][0]"),
        (Text("a"), "$"),
        (1j, "$"),
        (bytearray(b"a"), "$"),
        (numbers(), "$"),
        (object(), "$"),
        (int, "$"),
        ("\ud800", "$"),
        ({"\ud800": 1}, "$[key '\\ud800']"),
    ],
)
def test_a_value_that_needs_its_annotation_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        ANY.dump(value)
    assert refusal.value.path == path


def test_the_refusal_says_to_annotate() -> None:
    with pytest.raises(EncodingError, match="Annotate it as Point"):
        ANY.dump(Point(1))
    with pytest.raises(EncodingError, match="It would come back as a int: annotate it as Size"):
        ANY.dump(Size.SMALL)


@pytest.mark.parametrize(
    "tree",
    [
        {"$troth": "Point", "value": {"x": 1}},
        {"$troth": "os.system", "value": "true"},
        {"$troth": ["tuple"], "value": []},
        {"$troth": "tuple"},
        {"$troth": "tuple", "value": {}},
        {"$troth": "set", "value": [1, 1]},
        {"$troth": "set", "value": [[1]]},
        {"$troth": "uuid", "value": "x"},
        {"$troth": "map", "value": {"[1]": 1}},
        {"$troth": "map", "value": {"x": 1}},
        {"$troth": "map", "value": 1},
        {"$troth": "dict", "value": []},
        {"$troth": "int", "value": "zz"},
    ],
)
def test_a_tag_that_says_nothing_known_is_wrong_data(tree: Any) -> None:
    with pytest.raises(DecodingError):
        ANY.load(tree)
    with pytest.raises(DecodingError) as refusal:
        ANY.load({"a": [tree]})
    assert refusal.value.path.startswith("$.a[0]")


def test_depth_is_limited_and_cycles_end() -> None:
    deep: list[Any] = []
    for _ in range(DEPTH_MAX - 1):
        deep = [deep]
    assert ANY.load(decode_json(encode_json(ANY.dump(deep)))) == deep
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in ([deep], cycle, {"a": cycle}, (cycle,)):
        with pytest.raises(EncodingError, match="expected at most 200 levels"):
            ANY.dump(value)


def test_a_tree_deeper_than_the_stack_is_wrong_data() -> None:
    tree: Any = []
    for _ in range(5_000):
        tree = [tree]
    with pytest.raises(DecodingError, match="nested deeper"):
        ANY.load(tree)


def test_a_bare_dict_takes_any_keys() -> None:
    converter = converter_for(dict)
    for value in ({"a": 1}, {1: (2,)}, {"$troth": 1}, {}):
        assert converter.load(converter.dump(value)) == value
    assert converter.dump({"a": 1}) == {"a": 1}
    with pytest.raises(EncodingError):
        converter.dump([])
