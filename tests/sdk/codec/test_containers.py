"""Lists, tuples, sets and dicts come back as they were; a refusal names the member."""

from collections import OrderedDict, defaultdict, deque
from datetime import date
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import canonical_json, converter_for, decode_json, encode_json


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


class Color(Enum):
    RED = "red"
    TWO = 2


KEYS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers() | st.just(10**700),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    UUID: st.uuids(),
    date: st.dates(),
    Color: st.sampled_from(Color),
    bytes: st.binary(),
    tuple[int, str]: st.tuples(st.integers(), st.text()),
    int | str: st.integers() | st.text(),
    date | None: st.none() | st.dates(),
}
FAMILIES: dict[Any, st.SearchStrategy[Any]] = {
    list[int]: st.lists(st.integers()),
    list[list[str]]: st.lists(st.lists(st.text())),
    tuple[int, ...]: st.lists(st.integers()).map(tuple),
    tuple[int, str, bytes]: st.tuples(st.integers(), st.text(), st.binary()),
    tuple[()]: st.just(()),
    set[bytes]: st.sets(st.binary()),
    frozenset[tuple[int, ...]]: st.frozensets(st.lists(st.integers()).map(tuple)),
    **{dict[key, int]: st.dictionaries(keys, st.integers()) for key, keys in KEYS.items()},
}


@pytest.mark.parametrize("annotation", FAMILIES, ids=str)
@given(data=st.data())
def test_every_value_comes_back_equal_and_of_its_types(annotation: Any, data: st.DataObject) -> None:
    value = data.draw(FAMILIES[annotation])
    loaded = back(annotation, value)
    assert loaded == value
    assert repr(back(annotation, loaded)) == repr(loaded)
    if not isinstance(value, set | frozenset):
        assert repr(loaded) == repr(value)


@given(st.lists(st.text() | st.integers(), unique=True), st.randoms())
def test_equal_sets_make_equal_trees(members: list[Any], random: Any) -> None:
    converter = converter_for(set[int | str])
    shuffled = random.sample(members, len(members))
    assert converter.dump(set(members)) == converter.dump(set(shuffled))
    assert converter.dump(set(members)) == sorted(members, key=canonical_json)


def test_the_wire_form_is_plain() -> None:
    key = UUID(int=5)
    assert converter_for(dict[int, str]).dump({1: "a"}) == {"1": "a"}
    assert converter_for(dict[UUID, int]).dump({key: 1}) == {str(key): 1}
    assert converter_for(dict[date, int]).dump({date(2026, 1, 2): 1}) == {"2026-01-02": 1}
    assert converter_for(dict[bool, int]).dump({True: 1}) == {"true": 1}
    assert converter_for(dict[tuple[int, int], int]).dump({(1, 2): 3}) == {"[1,2]": 3}
    assert converter_for(tuple[int, str]).dump((1, "a")) == [1, "a"]
    assert converter_for(set[int]).dump({3, 1, 2}) == [1, 2, 3]


def test_a_key_with_our_reserved_name_is_the_users() -> None:
    value = {"$troth": 1, "value": 2}
    assert converter_for(dict[str, int]).dump(value) == {"$troth": "dict", "value": value}
    assert back(dict[str, int], value) == value


def test_order_of_a_dict_is_kept() -> None:
    assert list(back(dict[str, int], {"b": 1, "a": 2})) == ["b", "a"]


def test_a_dumped_tree_and_a_loaded_value_share_nothing_with_their_source() -> None:
    converter = converter_for(list[list[int]])
    value = [[1]]
    tree: Any = converter.dump(value)
    loaded = converter.load(tree)
    tree[0].append(2)
    assert (value, loaded) == ([[1]], [[1]])


class Names(list[str]):
    pass


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (list[int], (1,), "$"),
        (list[str], Names(), "$"),
        (list[int], deque([1]), "$"),
        (list[int], [1, 2, "3"], "$[2]"),
        (list[list[int]], [[1], [2, None]], "$[1][1]"),
        (tuple[int, ...], (1, True), "$[1]"),
        (tuple[int, str], (1,), "$"),
        (tuple[int, str], (1, 2), "$[1]"),
        (set[int], {1, "a"}, "$[*]"),
        (set[int], frozenset({1}), "$"),
        (frozenset[int], {1}, "$"),
        (dict[str, int], {"a": "b"}, "$.a"),
        (dict[str, int], {"a b": "c"}, "$['a b']"),
        (dict[str, list[int]], {"pages": [1, 2, 3, "x"]}, "$.pages[3]"),
        (dict[str, int], {1: 1}, "$[key 1]"),
        (dict[int, int], {1: None}, "$[1]"),
        (dict[str, int], defaultdict(int), "$"),
        (dict[str, int], OrderedDict(a=1), "$"),
        (dict[float, int], {float("nan"): 1, -float("nan"): 2}, "$"),
    ],
)
def test_a_refusal_names_the_path(annotation: object, value: object, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(annotation).dump(value)
    assert refusal.value.path == path
    assert str(refusal.value).startswith(f"{path}: expected ")


@pytest.mark.parametrize(
    ("annotation", "tree", "path"),
    [
        (list[int], {}, "$"),
        (list[int], [1, "2"], "$[1]"),
        (tuple[int, str], [1], "$"),
        (tuple[int, str], [1, 2], "$[1]"),
        (tuple[int, ...], "12", "$"),
        (set[int], [1, 1], "$"),
        (set[list[int]], [[1]], "$"),
        (dict[str, int], [], "$"),
        (dict[str, int], {"a": {"b": 1}}, "$.a"),
        (dict[int, int], {"x": 1}, "$.x"),
        (dict[int, int], {"01": 1}, "$['01']"),
        (dict[float, int], {"1": 1, "1.0": 2}, "$"),
        (dict[list[int], int], {"[1]": 1}, "$"),  # pyright: ignore[reportInvalidTypeArguments] - on purpose
        (dict[str, int], {"$troth": "tuple", "value": []}, "$"),
        (dict[str, int], {"$troth": "dict", "value": []}, "$"),
    ],
)
def test_wrong_data_names_the_path(annotation: object, tree: Any, path: str) -> None:
    with pytest.raises(DecodingError) as refusal:
        converter_for(annotation).load(tree)
    assert refusal.value.path == path
    assert str(refusal.value).startswith(f"{path}: expected ")
