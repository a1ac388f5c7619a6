"""What is checked around a whole conversion: depth, and that constructors keep what they are given."""

from dataclasses import replace
from typing import Any, Final

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.text import canonical_json
from troth.sdk.codec.tree import DEPTH_MAX, AnyValue, JsonValue, depth_within, member, show

_DEEP: Final = f"$: expected at most {DEPTH_MAX} levels of arrays and objects"
_DEEP_ADVICE: Final = f"{_DEEP}. Store a flat list of parts that name each other."


def guarded(converter: Converter[Any], *, verify: bool) -> Converter[Any]:
    """For annotations that refer to themselves, or (``verify``) whose classes run their own code."""

    def dump(value: object) -> JsonValue:
        try:
            tree = converter.dump(value)
        except RecursionError:
            raise EncodingError(_DEEP_ADVICE) from None
        if not depth_within(tree, DEPTH_MAX):
            raise EncodingError(_DEEP_ADVICE)
        if verify:
            _verify(converter, tree)
        return tree

    def load(tree: JsonValue) -> AnyValue:
        try:
            return converter.load(tree)
        except RecursionError:
            raise DecodingError(_DEEP) from None

    return replace(converter, dump=dump, load=load)


def _verify(converter: Converter[Any], tree: JsonValue) -> None:
    """A constructor with code of its own may change what it is given: load the tree and dump it once more."""
    try:
        again = converter.dump(converter.load(tree))
    except (DecodingError, EncodingError) as error:
        reason = str(error).removeprefix(f"{error.path}: ")
        raise EncodingError(
            f"{error.path}: it would not come back: {reason}. Let the constructor accept the fields it made.",
            error.path,
        ) from error
    if canonical_json(again) != canonical_json(tree):
        path, before, after = _first_difference(tree, again)
        raise EncodingError(
            f"{path}: expected a constructor that keeps fields; {show(before)} would "
            f"come back as {show(after)}. Make the field init=False, or computing it twice the same as once.",
            path,
        )


def _first_difference(before: JsonValue, after: JsonValue) -> tuple[str, JsonValue, JsonValue]:
    path = "$"
    while (parts := _same_parts(before, after)) is not None:
        segment, before, after = next(part for part in parts if canonical_json(part[1]) != canonical_json(part[2]))
        path += segment
    return path, before, after


def _same_parts(before: JsonValue, after: JsonValue) -> list[tuple[str, JsonValue, JsonValue]] | None:
    """The parts of two trees side by side; None where the trees themselves differ."""
    if type(before) is dict and type(after) is dict and before.keys() == after.keys():
        return [(member(key), before[key], after[key]) for key in before]
    if type(before) is list and type(after) is list and len(before) == len(after):
        return [(f"[{index}]", *pair) for index, pair in enumerate(zip(before, after, strict=True))]
    return None
