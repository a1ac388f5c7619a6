"""What is checked around a whole conversion."""

from dataclasses import replace
from typing import Any

import pytest

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import Converter, converter_for
from troth.sdk.codec.guard import guarded
from troth.sdk.codec.tree import DEPTH_MAX, JsonValue

ANY = converter_for(object)


def nested(levels: int) -> Any:
    tree: Any = 0
    for _ in range(levels):
        tree = [tree]
    return tree


def plain(load: Any = lambda tree: tree) -> Converter[Any]:
    """Dumps a tree as it is."""
    return replace(ANY, dump=lambda tree: tree, load=load)


def test_depth_is_limited_both_where_there_is_stack_for_it_and_where_not() -> None:
    converter = guarded(plain(), verify=False)
    assert converter.dump(nested(DEPTH_MAX)) == nested(DEPTH_MAX)

    def endless(value: object) -> JsonValue:
        return endless([value])

    for too_deep in (converter, guarded(replace(plain(), dump=endless), verify=False)):
        with pytest.raises(EncodingError, match="at most 200 levels"):
            too_deep.dump(nested(DEPTH_MAX + 1))
    with pytest.raises(DecodingError, match="at most 200 levels"):
        guarded(plain(load=endless), verify=False).load(1)


def test_without_own_code_nothing_is_loaded_on_dump() -> None:
    def refuse(tree: JsonValue) -> object:
        raise AssertionError(tree)

    assert guarded(plain(load=refuse), verify=False).dump(1) == 1
    with pytest.raises(AssertionError):
        guarded(plain(load=refuse), verify=True).dump(1)


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (1, 2, "$"),
        (1, 1.0, "$"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "$.a[1]"),
        ({"a": [1]}, {"a": [1, 2]}, "$.a"),
        ({"a": 1}, {"b": 1}, "$"),
        ([{"a b": 1}], [{"a b": None}], "$[0]['a b']"),
    ],
)
def test_the_first_difference_is_named(before: Any, after: Any, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        guarded(plain(load=lambda _: after), verify=True).dump(before)
    assert refusal.value.path == path


def test_order_of_members_is_no_difference() -> None:
    tree = {"a": 1, "b": 2}
    assert guarded(plain(load=lambda _: {"b": 2, "a": 1}), verify=True).dump(tree) == tree


def test_what_the_constructor_refuses_is_told_at_the_call() -> None:
    def refuse(tree: JsonValue) -> object:
        raise DecodingError("$.a: too small", "$.a")

    with pytest.raises(EncodingError, match=r"^\$\.a: it would not come back: too small") as refusal:
        guarded(plain(load=refuse), verify=True).dump({"a": 1})
    assert refusal.value.path == "$.a"
