"""The tree between a Python value and its JSON text, and how a refusal finds its path inside the value.

A tree holds only what JSON holds. One key of an object is ours: an object with `$troth` says what plain
JSON cannot, ``{"$troth": "tuple", "value": [1, 2]}``. A dict of the user that has this very key is wrapped
the same way, so it comes back as it went in.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, cast

from troth.errors import DecodingError, EncodingError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

AnyValue: TypeAlias = Any
"""A value of the user's: what it is, only an annotation read at run time knows."""

TAG: Final = "$troth"
"""The reserved key of a tagged object; its other member is ``value``."""

DEPTH_MAX: Final = 200
"""Levels of JSON arrays and objects. A level takes a few interpreter frames; there are 1,000 by default."""

_SHOWN_MAX: Final = 60
"""Characters of a value shown in a message."""

Shape: TypeAlias = type | str
"""How a tree looks from outside: the type of its JSON value, or its tag where it has one."""


def tagged(tag: str, value: JsonValue) -> dict[str, JsonValue]:
    """What plain JSON cannot say."""
    return {TAG: tag, "value": value}


def shape_of(tree: JsonValue) -> Shape:
    """The outside of a tree: enough to tell the members of a union apart.

    >>> shape_of([1]), shape_of(tagged("tuple", []))
    (<class 'list'>, 'tuple')
    """
    if type(tree) is dict and TAG in tree:
        tag = tree[TAG]
        if type(tag) is not str or "value" not in tree:
            raise DecodingError(f'$: expected {{"{TAG}": name, "value": …}}, got {show(tree)}')
        return tag
    return type(tree)


def payload(tree: JsonValue) -> JsonValue:
    """What a tagged object holds; only for a tree whose `shape_of` is a tag."""
    return cast("dict[str, JsonValue]", tree)["value"]


def escaped(plain: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """An object of the user's own keys, which may include the reserved one."""
    return tagged("dict", plain) if TAG in plain else plain


def unescaped(tree: JsonValue, expected: str) -> dict[str, JsonValue]:
    """The object of the user's own keys that `escaped` made this tree from."""
    if type(tree) is dict:
        if TAG not in tree:
            return tree
        if shape_of(tree) == "dict":
            inner = payload(tree)
            if type(inner) is dict:
                return inner
    raise wrong_data(expected, tree)


def depth_within(tree: JsonValue, depth_max: int) -> bool:
    """Whether the tree has at most so many levels. Level by level: its depth costs no stack."""
    level = [tree]
    for _ in range(depth_max):
        level = [part for node in level for part in parts_of(node)]
        if not level:
            return True
    return not any(type(node) is list or type(node) is dict for node in level)


def parts_of(tree: JsonValue) -> Iterable[JsonValue]:
    """The trees right below."""
    if type(tree) is list:
        return tree
    return tree.values() if type(tree) is dict else ()


def show(value: object) -> str:
    """A short text of any value, for messages; a value whose repr fails is named by its type."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a repr is the user's code: it may raise anything, and must not hide the refusal
        return f"a {type(value).__qualname__} whose repr() fails"
    if len(text) > _SHOWN_MAX:
        text = text[: _SHOWN_MAX - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def wrong_value(expected: str, value: object, advice: str = "") -> EncodingError:
    """A value that would not come back as it went in under its annotation."""
    got = type(value).__qualname__
    if not advice:
        advice = f"Convert it before the call, or annotate it as {got}"
    return EncodingError(f"$: expected {expected}, got {show(value)} of type {got}. {advice}.")


def wrong_data(expected: str, tree: JsonValue) -> DecodingError:
    """Stored data that the annotation does not describe."""
    return DecodingError(f"$: expected {expected}, got {show(tree)}")


def under(error: EncodingError | DecodingError, segment: str) -> None:
    """Note that the refused value sits under this segment, so the path grows as the error climbs."""
    reason = str(error).removeprefix(f"{error.path}: ")
    error.path = f"${segment}{error.path[1:]}"
    error.args = (f"{error.path}: {reason}",)


def member(key: str) -> str:
    """The path segment of an object's member.

    >>> member("size"), member("two words")
    ('.size', "['two words']")
    """
    return f".{key}" if key.isidentifier() else f"[{show(key)}]"
