"""Trees as JSON and base64: exact, strict, canonical."""

import math
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import canonical_json, converter_for, decode, decode_json, encode, encode_json
from troth.sdk.codec.text import to_base64
from troth.sdk.codec.tree import DEPTH_MAX

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(TREES)
def test_a_tree_comes_back_from_its_text(tree: Any) -> None:
    assert repr(decode_json(encode_json(tree))) == repr(tree)
    assert decode_json(canonical_json(tree)) == tree


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), st.integers())), st.randoms())
def test_equal_trees_have_one_canonical_text(tree: dict[str, Any], random: Any) -> None:
    shuffled = {key: dict(random.sample(list(tree[key].items()), len(tree[key]))) for key in reversed(tree)}
    assert canonical_json(shuffled) == canonical_json(tree)
    assert canonical_json({"b": [1, {"d": 1, "c": 2}], "a": 1.0}) == b'{"a":1.0,"b":[1,{"c":2,"d":1}]}'


def test_none_is_no_data_and_no_data_is_none() -> None:
    converter = converter_for(int | None)
    assert encode(None, converter) is None
    assert decode(None, converter) is None
    assert decode("", converter) is None
    with pytest.raises(DecodingError):
        decode(None, converter_for(int))


def test_data_is_the_base64_of_json() -> None:
    converter = converter_for(dict[str, int])
    assert encode({"a": 1}, converter) == "eyJhIjoxfQ=="
    assert decode("eyJhIjoxfQ==", converter) == {"a": 1}
    assert decode("eyAiYSI6IDEgfQ==", converter) == {"a": 1}


@pytest.mark.parametrize("data", ["x", "eyJhIjoxfQ", "eyJh\n", "é", "****", "gA==", "e30x"])
def test_what_is_no_base64_of_json_is_wrong_data(data: str) -> None:
    with pytest.raises(DecodingError):
        decode(data, converter_for(object))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"1 2",
        b"{}x",
        b"\xef\xbb\xbf1",
        b'"\xff"',
        b'"\\ud800"',
        b"01",
        b"{'a':1}",
        b"[1,]",
        pytest.param(b"1" * 5_000, id="5000 digits"),
        pytest.param(b"[" * 100_000, id="100000 levels"),
        pytest.param(b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), id="one level too deep"),
        pytest.param(b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), id="one object too deep"),
    ],
)
def test_what_is_no_json_is_wrong_data(raw: bytes) -> None:
    with pytest.raises(DecodingError):
        decode_json(raw)


def test_the_deepest_text_is_read_and_width_is_no_depth() -> None:
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    assert encode_json(decode_json(deepest)) == deepest
    wide = b"[" + b"[]," * 1_000 + b"[]]"
    assert encode_json(decode_json(wide)) == wide


@pytest.mark.parametrize("tree", [math.nan, [None, math.inf], {"a": [-math.inf]}, "\ud800", [10**5_000]], ids=type)
def test_a_tree_that_json_cannot_hold_is_refused_never_null(tree: Any) -> None:
    with pytest.raises(EncodingError):
        encode_json(tree)


def test_a_tree_that_is_too_deep_is_refused() -> None:
    for levels in (DEPTH_MAX + 1, 5_000):
        tree: Any = []
        for _ in range(levels - 1):
            tree = [tree]
        with pytest.raises(EncodingError, match="at most 200 levels"):
            encode_json(tree)
    with pytest.raises(EncodingError, match="at most 200 levels"):
        canonical_json(tree)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", b"\xff\xfe\xfb\xef" * 3, b"x" * 10_000])
def test_bytes_come_back(data: bytes) -> None:
    assert b64decode(to_base64(data), validate=True) == data


def test_the_alphabet_is_the_standard_one_padded_and_on_one_line() -> None:
    assert to_base64(b"\xfb\xef\xff\x00") == "++//AA=="
    assert "\n" not in to_base64(b"x" * 10_000)
