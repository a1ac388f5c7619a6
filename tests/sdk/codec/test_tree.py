"""The shape, depth and paths of trees."""

from typing import Any

import pytest

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.tree import (
    depth_within,
    escaped,
    member,
    payload,
    shape_of,
    show,
    tagged,
    under,
    unescaped,
    wrong_data,
    wrong_value,
)


def test_the_shape_of_a_tree_is_its_json_type_or_its_tag() -> None:
    trees: list[Any] = [None, True, 1, 1.0, "", [], {}]
    assert [shape_of(tree) for tree in trees] == [type(None), bool, int, float, str, list, dict]
    assert shape_of(tagged("tuple", [])) == "tuple"
    assert payload(tagged("tuple", [1])) == [1]


@pytest.mark.parametrize("tree", [{"$troth": 1, "value": 1}, {"$troth": "tuple"}, {"$troth": None, "value": 1}])
def test_a_tag_without_name_or_value_is_wrong_data(tree: Any) -> None:
    with pytest.raises(DecodingError, match=r'^\$: expected {"\$troth": name, "value": …}'):
        shape_of(tree)


def test_only_an_object_with_the_reserved_key_is_wrapped() -> None:
    assert escaped({"a": 1}) == {"a": 1}
    assert escaped({"$troth": 1}) == {"$troth": "dict", "value": {"$troth": 1}}
    assert unescaped(escaped({"$troth": 1}), "an object") == {"$troth": 1}
    for tree in ([], tagged("dict", 1), tagged("set", [])):
        with pytest.raises(DecodingError, match="expected an object"):
            unescaped(tree, "an object")


def test_depth_counts_arrays_and_objects() -> None:
    assert depth_within(1, 0)
    assert not depth_within([], 0)
    assert depth_within([1, {}], 2)
    assert not depth_within([1, {"a": [0]}], 2)
    assert depth_within([[[]], [[]]], 3)


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr today")


def test_a_value_is_shown_short_printable_and_always() -> None:
    assert show("a" * 1_000) == "'" + "a" * 58 + "…"
    assert show("\ud800").encode()
    assert show(Broken()) == "a Broken whose repr() fails"
    assert "Broken" in str(wrong_value("int", Broken()))


def test_the_path_grows_as_the_error_climbs() -> None:
    error = wrong_value("int", "x")
    assert isinstance(error, EncodingError)
    for segment in (member("size"), "[3]", member("two words"), member("pages")):
        under(error, segment)
    assert error.path == "$.pages['two words'][3].size"
    assert str(error) == f"{error.path}: expected int, got 'x' of type str. {str(error).partition('. ')[2]}"
    assert "annotate it as str" in str(error)
    wrong = wrong_data("int", "$: x")
    under(wrong, "[0]")
    assert str(wrong) == "$[0]: expected int, got '$: x'"
