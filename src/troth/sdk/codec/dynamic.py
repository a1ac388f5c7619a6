"""Values whose annotation does not say their type: ``Any``, ``object``, or no annotation.

What JSON has is plain; the other built-in types carry their name. A value of a class of the user's is
refused: finding its class again would mean importing by a name that came from data.
"""

from collections.abc import Callable
from itertools import repeat
from typing import Any, Final

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.containers import (
    dump_each,
    dump_items,
    dump_set,
    key_text,
    load_each,
    load_items,
    load_set,
)
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.scalars import SCALARS, load_float, load_int
from troth.sdk.codec.tree import (
    DEPTH_MAX,
    TAG,
    AnyValue,
    JsonValue,
    escaped,
    member,
    payload,
    shape_of,
    tagged,
    under,
    unescaped,
    wrong_data,
    wrong_value,
)

_BY_NAME: Final = {scalar.tag: scalar for scalar in SCALARS.values() if not scalar.native}


def _named(scalar: Converter[Any]) -> Callable[[Any], JsonValue]:
    def dump(value: object) -> JsonValue:
        return tagged(scalar.tag, scalar.dump(value))

    return dump


_DUMP_LEAF: Final[dict[type, Callable[[Any], JsonValue]]] = {
    kind: scalar.dump if scalar.native else _named(scalar) for scalar in SCALARS.values() for kind in scalar.types or ()
}


def dump_any(value: object, depth: int = 0) -> JsonValue:
    """A value of any built-in type. Two frames a level, so that the deepest allowed value fits the stack."""
    kind = type(value)
    leaf = _DUMP_LEAF.get(kind)
    if leaf is not None:
        return leaf(value)
    if depth >= DEPTH_MAX:
        raise EncodingError(f"$: expected at most {DEPTH_MAX} levels. Store a flat list of parts that name each other.")
    if kind is list:
        return dump_each(value, dump_any, repeat(depth + 1))
    if kind is dict:
        return dump_open_dict(value, dump_any, depth + 1)
    if kind is tuple:
        return tagged("tuple", dump_each(value, dump_any, repeat(depth + 2)))
    if kind is set or kind is frozenset:
        return tagged(kind.__name__, dump_set(value, dump_any, repeat(depth + 2)))
    raise wrong_value("a value of a built-in type", value, _advice(value))


def _advice(value: object) -> str:
    kind = type(value)
    for base in (bool, int, float, str, bytes, list, tuple, dict, set, frozenset):
        if isinstance(value, base):
            plain = base.__name__
            return f"It would come back as a {plain}: annotate it as {kind.__qualname__}, or pass {plain}(…)"
    return f"Annotate it as {kind.__qualname__}, so that it can be found again"


def dump_open_dict(value: AnyValue, dump: Callable[..., JsonValue], *more: object) -> JsonValue:
    """A dict whose keys no annotation describes: an object, its keys as JSON texts unless all are text."""
    if all(type(key) is str for key in value):
        return escaped(dump_items(value, _write_text, dump, *more))
    return tagged("map", dump_items(value, _write_key, dump, *more))


def load_any(tree: JsonValue) -> AnyValue:
    """What `dump_any` made this tree from."""
    kind = type(tree)
    if kind is list:
        return load_each(tree, load_any)
    if type(tree) is not dict:
        return tree
    if TAG not in tree:
        return load_items(tree, str, load_any)
    return _load_tagged(tree)


def _load_tagged(tree: JsonValue) -> AnyValue:
    tag = str(shape_of(tree))
    if tag in _BY_NAME:
        return _under_value(lambda: _BY_NAME[tag].load(payload(tree)))
    if tag in _LOAD_TAGGED:
        return _LOAD_TAGGED[tag](tree)
    raise wrong_data(f"a {TAG} that this version knows", tree)


def _under_value(load: Callable[[], Any]) -> AnyValue:
    try:
        return load()
    except DecodingError as error:
        under(error, member("value"))
        raise


def load_open_dict(tree: JsonValue, load: Callable[[JsonValue], Any]) -> dict[Any, Any]:
    """What `dump_open_dict` made this tree from."""
    if shape_of(tree) == "map":
        inner = payload(tree)
        if type(inner) is dict:
            return load_items(inner, _read_key, load)
    return load_items(unescaped(tree, "an object"), str, load)


_LOAD_TAGGED: Final[dict[str, Callable[[JsonValue], Any]]] = {
    "int": load_int,
    "float": load_float,
    "tuple": lambda tree: tuple(load_each(payload(tree), load_any)),
    "set": lambda tree: load_set(payload(tree), load_any, set),
    "frozenset": lambda tree: load_set(payload(tree), load_any, frozenset),
    "dict": lambda tree: load_open_dict(tree, load_any),
    "map": lambda tree: load_open_dict(tree, load_any),
}

RESERVED: Final = frozenset({*_LOAD_TAGGED, *_BY_NAME, "list", "bool", "str", "None", "any", "repr"})
"""Tags with a meaning of their own, which the name of a class in a union must not be taken for."""


def _dump_top(value: object) -> JsonValue:
    try:
        return dump_any(value)
    except RecursionError:
        raise EncodingError("$: nested deeper than the stack has room for. Store a flat list of parts") from None


def _load_top(tree: JsonValue) -> AnyValue:
    try:
        return load_any(tree)
    except RecursionError:
        raise DecodingError("$: nested deeper than the stack has room for") from None


ANY: Final[Converter[Any]] = Converter("Any", _dump_top, _load_top, None, frozenset(), "any")

_write_text, _ = key_text(SCALARS[str])
_write_key, _read_key = key_text(ANY)


def of_open_dict(inner: Converter[Any]) -> Converter[Any]:
    """``dict`` whose keys no annotation describes."""

    def dump(value: dict[Any, Any]) -> JsonValue:
        if type(value) is dict:
            return dump_open_dict(value, inner.dump)
        raise wrong_value("dict", value)

    def load(tree: JsonValue) -> dict[Any, Any]:
        return load_open_dict(tree, inner.load)

    shapes = frozenset({dict, "dict", "map"})
    return Converter(f"dict[Any, {inner.name}]", dump, load, frozenset({dict}), shapes, "dict", native=True)
