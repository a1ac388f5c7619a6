"""Which promise a call is. An id is a permanent cache key, so each is pinned here to the letter."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DefinitionError, EncodingError, InvalidIdError
from troth.sdk.identity import (
    ID_BYTES_MAX,
    PREFIX_BYTES_MAX,
    Caller,
    KeyTemplate,
    check_id,
    content,
    content_id,
    generation_id,
    hashed_key,
    key_id,
)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Shape(Enum):
    SQUARE = (1, 2)


def rendered(template: str, value: Any, tree: Any = None) -> str:
    return KeyTemplate(template, "f", ("v",)).render({"v": value}, {"v": tree})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b/ü", "a b/ü"),
        (5, "5"),
        (-5, "-5"),
        (10**100, str(10**100)),
        (True, "True"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (Level.HIGH, "3"),
        (b"\x01\xff", "01ff"),
    ],
)
def test_what_a_key_renders(value: Any, text: str) -> None:
    assert rendered("render-{v}", value) == f"render-{text}"


@pytest.mark.parametrize(
    "value", [1.5, None, [1], {"a": 1}, (1,), Shape.SQUARE, 10**5000, object()], ids=lambda v: type(v).__name__
)
def test_what_a_key_does_not_render_is_refused_with_the_way_out(value: Any) -> None:
    with pytest.raises(EncodingError, match=r"key 'k-\{v\}' of f: 'v' is a .*\{v:hash\}, or key=True") as caught:
        rendered("k-{v}", value)
    assert caught.value.path == "$.v"


def test_a_hash_stands_for_anything() -> None:
    first, second = rendered("k-{v:hash}", None, [1, {"a": 2.5}]), rendered("k-{v:hash}", None, [1, {"a": 2.6}])
    assert first == "k-d66530c2810b69e847543518746988f9"
    assert len(first) == len(second) == len("k-") + 32
    assert first != second
    assert rendered("k-{v:hash}", None, {"a": 1, "b": 2}) == rendered("k-{v:hash}", None, {"b": 2, "a": 1})


def test_text_around_and_several_parameters() -> None:
    template = KeyTemplate("{{x}}-{b}/{a}-{b}", "f", ("a", "b"))
    assert template.render({"a": 1, "b": "y"}, {}) == "{x}-y/1-y"
    assert not template.hashes
    assert KeyTemplate("{a:hash}", "f", ("a",)).hashes
    assert KeyTemplate("settings", "f", ()).render({}, {}) == "settings"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("k-{w}", r"key 'k-\{w\}' of f names 'w', which is not a parameter \(they are: v\)"),
        ("k-{}", "names ''"),
        ("k-{v.name}", "names 'v.name'"),
        ("k-{v[0]}", r"names 'v\[0\]'"),
        ("k-{v!r}", r"write \{v\} or \{v:hash\}"),
        ("k-{v:>10}", r"write \{v\} or \{v:hash\}"),
        ("k-{v", "expected '}'"),
        ("k-}", "Single '}'"),
    ],
)
def test_a_template_that_cannot_be_is_refused_when_it_is_written(template: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        KeyTemplate(template, "f", ("v",))


def test_a_version_is_part_of_a_key() -> None:
    assert [key_id(version, "f-5") for version in (1, 2, 10)] == ["f-5", "f-5@2", "f-5@10"]


def test_a_hashed_key_is_name_and_arguments() -> None:
    assert hashed_key("f", [1, "a"], {"k": None}) == hashed_key("f", [1, "a"], {"k": None})
    ids = {
        hashed_key("f", [1], {}),
        hashed_key("f", ["1"], {}),
        hashed_key("f", [], {"a": 1}),
        hashed_key("g", [1], {}),
    }
    assert len(ids) == 4
    assert hashed_key("f", [], {"a": 1, "b": 2}) == hashed_key("f", [], {"b": 2, "a": 1})


def test_ids_by_content_are_these_for_ever() -> None:
    """A change here forgets what runs in flight have recorded."""
    assert content("charge", 1, ["card", 10], {}) == "charge-7ee1c30f3db7"
    assert hashed_key("charge", ["card", 10], {}) == "charge-f26bb91a5239ed4b45a38074c0263e04"


def test_content_tells_version_and_arguments_apart() -> None:
    calls = [("f", 1, [1], {}), ("f", 2, [1], {}), ("f", 1, [2], {}), ("f", 1, [], {"a": 1}), ("g", 1, [1], {})]
    assert len({content(name, version, list(args), dict(kwargs)) for name, version, args, kwargs in calls}) == 5


def test_the_nth_use_of_a_call_is_a_call_of_its_own() -> None:
    caller = Caller("order-17", "order-17")
    assert [content_id(caller, "charge-9f", use) for use in (1, 2, 11)] == [
        "order-17.charge-9f",
        "order-17.charge-9f-2",
        "order-17.charge-9f-11",
    ]


def test_generations() -> None:
    assert [generation_id("f-5@2", n) for n in (1, 2, 3)] == ["f-5@2", "f-5@2~2", "f-5@2~3"]


def test_a_long_caller_stands_as_its_hash_below_its_origin() -> None:
    short = Caller("r." + "x" * (PREFIX_BYTES_MAX - 2), "r")
    long = Caller("r." + "x" * (PREFIX_BYTES_MAX - 1), "r")
    other = Caller("r." + "y" * (PREFIX_BYTES_MAX - 1), "r")
    assert content_id(short, "c", 1) == f"{short.id}.c"
    prefix, dot, rest = content_id(long, "c", 1).rpartition(".")
    assert (dot, rest) == (".", "c")
    assert prefix.startswith("r.")
    assert len(prefix) == len("r.") + 32
    assert content_id(long, "c", 1) != content_id(other, "c", 1)


def test_not_even_a_long_origin_makes_ids_long() -> None:
    origin = "o" * ID_BYTES_MAX
    below = content_id(Caller(origin, origin), "c", 1)
    assert len(below) == 32 + 2
    assert len(content_id(Caller("ü" * PREFIX_BYTES_MAX, "r"), "c", 1)) < 50  # bytes count, not characters


@given(st.integers(1, 400))
def test_depth_does_not_lengthen_ids(depth: int) -> None:
    id, seen = "root", {"root"}
    for _ in range(depth):
        id = content_id(Caller(id, "root"), "step-0123456789ab", 1)
        assert id not in seen
        assert len(id) <= PREFIX_BYTES_MAX + len(".step-0123456789ab")
        seen.add(id)


@pytest.mark.parametrize("id", ["a", "ü~@.-", "x" * ID_BYTES_MAX, "ü" * (ID_BYTES_MAX // 2)])
def test_an_id_that_can_be(id: str) -> None:
    assert check_id(id) == id


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("", "must not be empty"),
        ("a\0b", "must not contain NUL"),
        (
            "x" * (ID_BYTES_MAX + 1),
            r"may have 1024 bytes, this one has 1025: 'x{60}'…\. For long arguments use key=True",
        ),
        ("ü" * (ID_BYTES_MAX // 2 + 1), "this one has 1026"),
        ("\ud800", "must be valid Unicode"),
    ],
)
def test_an_id_that_cannot_be(id: str, said: str) -> None:
    with pytest.raises(InvalidIdError, match=said):
        check_id(id)
    with pytest.raises(InvalidIdError, match=said):
        key_id(1, id)


def test_ids_made_of_others_are_checked_too() -> None:
    with pytest.raises(InvalidIdError):
        generation_id("x" * ID_BYTES_MAX, 2)
    with pytest.raises(InvalidIdError):
        key_id(2, "x" * ID_BYTES_MAX)
    with pytest.raises(InvalidIdError):
        content_id(Caller("r", "r"), "promise-\0", 1)
