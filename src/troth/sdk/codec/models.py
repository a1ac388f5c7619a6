"""Pydantic models, by pydantic's own JSON, and only where it gives the value back equal.

Nothing here imports pydantic: a model brings all of its methods along.
"""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final, Protocol, cast

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.text import decode_json, encode_json
from troth.sdk.codec.tree import TAG, AnyValue, JsonValue, Shape, wrong_data, wrong_value


class _Model(Protocol):
    """What is used of a pydantic model."""

    def model_dump_json(self, *, by_alias: bool, round_trip: bool, warnings: bool) -> str:
        """The model as JSON text."""
        ...


_EVERY_SHAPE: Final[frozenset[Shape]] = frozenset({NoneType, bool, int, float, str, list, dict})


def is_model(cls: object) -> bool:
    """Whether it is a pydantic model, without importing pydantic to find out."""
    return isinstance(cls, type) and hasattr(cls, "__pydantic_validator__") and hasattr(cls, "model_validate_json")


def of_model(cls: type) -> Converter[Any]:
    """A pydantic model. Each dump is loaded and compared: validators and serialisers may differ."""
    name = cls.__qualname__
    validate: Callable[[bytes], Any] = cast("Any", cls).model_validate_json
    root = bool(getattr(cls, "__pydantic_root_model__", False))

    def dump(value: _Model) -> JsonValue:
        if type(value) is not cls:
            raise wrong_value(name, value)
        try:
            tree = decode_json(value.model_dump_json(by_alias=True, round_trip=True, warnings=False).encode())
            back = validate(encode_json(tree))
        except (ValueError, TypeError, DecodingError, EncodingError) as error:
            raise wrong_value(name, value, f"Its own JSON is not valid for it: {error}") from error
        if not root and (type(tree) is not dict or TAG in tree):
            raise wrong_value(name, value, "Its own JSON is not a plain object")
        if not same(value, back):
            raise wrong_value(name, value, f"Its own JSON comes back as {back!r}: give its fields exact types")
        return tree

    def load(tree: JsonValue) -> AnyValue:
        try:
            return validate(encode_json(tree))
        except (ValueError, TypeError) as error:
            raise wrong_data(f"an object for {name} ({error})", tree) from error

    shapes = _EVERY_SHAPE if root else frozenset[Shape]({dict})
    return Converter(name, dump, load, frozenset({cls}), shapes, name)


def same(one: object, other: object) -> bool:
    """Equal, and of the same types all the way down: ``1`` equals ``True`` and an IntEnum, but is neither."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return _same_items(cast("Mapping[Any, Any]", one), cast("Mapping[Any, Any]", other))
    if isinstance(one, list | tuple):
        pairs = zip(cast("Any", one), cast("Any", other), strict=False)
        return len(cast("Any", one)) == len(cast("Any", other)) and all(same(left, right) for left, right in pairs)
    if isinstance(one, set | frozenset):
        return one == other and _kinds(cast("Any", one)) == _kinds(cast("Any", other))
    if is_model(type(one)):
        return one == other and _same_items(vars(one), vars(other))
    return one == other


def _kinds(values: AnyValue) -> set[tuple[type, object]]:
    return {(type(value), value) for value in values}


def _same_items(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return _kinds(one) == _kinds(other) and all(same(value, other[key]) for key, value in one.items())
