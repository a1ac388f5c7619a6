"""Lists, tuples, sets and dicts whose members' annotations are known.

`list.extend` over `map` keeps what it has when a member is refused: its length is the index of that member.
So the path costs nothing until there is a refusal.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, TypeVar

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.text import canonical_json, decode_json
from troth.sdk.codec.tree import (
    AnyValue,
    JsonValue,
    escaped,
    member,
    show,
    under,
    unescaped,
    wrong_data,
    wrong_value,
)

S = TypeVar("S", bound=Hashable)


def dump_each(values: AnyValue, dump: Callable[..., JsonValue], *more: Iterable[object]) -> list[JsonValue]:
    """Every member in order. ``more`` are further arguments of ``dump``, as for `map`."""
    trees: list[JsonValue] = []
    try:
        trees.extend(map(dump, values, *more))
    except EncodingError as error:
        under(error, f"[{len(trees)}]")
        raise
    return trees


def load_each(trees: JsonValue, load: Callable[[JsonValue], Any]) -> list[Any]:
    """Every member in order."""
    if type(trees) is not list:
        raise wrong_data("an array", trees)
    values: list[Any] = []
    try:
        values.extend(map(load, trees))
    except DecodingError as error:
        under(error, f"[{len(values)}]")
        raise
    return values


def dump_set(values: AnyValue, dump: Callable[..., JsonValue], *more: Iterable[object]) -> list[JsonValue]:
    """The members sorted by their JSON text: equal sets make equal trees."""
    trees: list[JsonValue] = []
    try:
        trees.extend(map(dump, values, *more))
    except EncodingError as error:
        under(error, "[*]")
        raise
    return sorted(trees, key=canonical_json)


def load_set(trees: JsonValue, load: Callable[[JsonValue], Any], kind: Callable[[Any], Any]) -> AnyValue:
    """The members, each once."""
    values = load_each(trees, load)
    try:
        members = kind(values)
    except TypeError:
        raise DecodingError(f"$: expected members that a set can hold, got {show(trees)}") from None
    if len(members) != len(values):
        raise DecodingError(f"$: expected an array without duplicates, got {show(trees)}")
    return members


def of_list(inner: Converter[Any]) -> Converter[Any]:
    """``list[X]``."""
    name = f"list[{inner.name}]"
    dump_member, load_member = inner.dump, inner.load

    def dump(value: list[Any]) -> JsonValue:
        if type(value) is list:
            return dump_each(value, dump_member)
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> list[Any]:
        return load_each(tree, load_member)

    return Converter(name, dump, load, frozenset({list}), frozenset({list}), "list", native=True)


def of_tuple(inner: Converter[Any]) -> Converter[Any]:
    """``tuple[X, ...]``."""
    name = f"tuple[{inner.name}, ...]"

    def dump(value: tuple[Any, ...]) -> JsonValue:
        if type(value) is tuple:
            return dump_each(value, inner.dump)
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> tuple[Any, ...]:
        return tuple(load_each(tree, inner.load))

    return Converter(name, dump, load, frozenset({tuple}), frozenset({list}), "tuple")


def of_fixed_tuple(inners: tuple[Converter[Any], ...]) -> Converter[Any]:
    """``tuple[X, Y]``."""
    name = f"tuple[{', '.join(inner.name for inner in inners) or '()'}]"
    dumps = [inner.dump for inner in inners]
    loads = [inner.load for inner in inners]

    def dump(value: tuple[Any, ...]) -> JsonValue:
        if type(value) is not tuple or len(value) != len(dumps):
            raise wrong_value(name, value)
        trees: list[JsonValue] = []
        try:
            trees.extend(one(part) for one, part in zip(dumps, value, strict=True))
        except EncodingError as error:
            under(error, f"[{len(trees)}]")
            raise
        return trees

    def load(tree: JsonValue) -> tuple[Any, ...]:
        if type(tree) is not list or len(tree) != len(loads):
            raise wrong_data(f"an array of {len(loads)}", tree)
        values: list[Any] = []
        try:
            values.extend(one(part) for one, part in zip(loads, tree, strict=True))
        except DecodingError as error:
            under(error, f"[{len(values)}]")
            raise
        return tuple(values)

    return Converter(name, dump, load, frozenset({tuple}), frozenset({list}), "tuple")


def of_set(kind: type[set[Any]] | type[frozenset[Any]], inner: Converter[Any]) -> Converter[Any]:
    """``set[X]`` or ``frozenset[X]``."""
    name = f"{kind.__name__}[{inner.name}]"

    def dump(value: AnyValue) -> JsonValue:
        if type(value) is kind:
            return dump_set(value, inner.dump)
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> AnyValue:
        return load_set(tree, inner.load, kind)

    return Converter(name, dump, load, frozenset({kind}), frozenset({list}), kind.__name__)


_TEXT_ONLY: Final[frozenset[object]] = frozenset({str})


def key_text(key: Converter[Any]) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """How a key becomes the text JSON asks for: itself where it is text, else its JSON (5, true, [1,2])."""
    dump, load = key.dump, key.load
    if key.shapes == _TEXT_ONLY:
        return dump, load  # pyright: ignore[reportReturnType] - every tree it makes is a str

    def write(value: object) -> str:
        return canonical_json(dump(value)).decode()

    def read(text: str) -> object:
        return load(decode_json(text.encode()))

    return write, read


def dump_items(
    value: dict[Any, Any], write: Callable[[Any], str], dump: Callable[..., JsonValue], *more: object
) -> dict[str, JsonValue]:
    """Every entry, in the dict's order."""
    tree: dict[str, JsonValue] = {}
    key: Any = None
    in_key = True
    try:
        for key, item in value.items():
            in_key = True
            text = write(key)
            in_key = False
            tree[text] = dump(item, *more)
    except EncodingError as error:
        under(error, f"[key {show(key)}]" if in_key else _key_segment(key))
        raise
    if len(tree) != len(value):
        raise wrong_value("keys that differ as text", value)
    return tree


def load_items(
    tree: dict[str, JsonValue], read: Callable[[str], Any], load: Callable[[JsonValue], Any]
) -> dict[Any, Any]:
    """Every entry, in the object's order."""
    value: dict[Any, Any] = {}
    text = ""
    try:
        for text, item in tree.items():
            value[read(text)] = load(item)
    except DecodingError as error:
        under(error, member(text))
        raise
    except TypeError:
        raise DecodingError(f"$: expected keys that a dict can hold, got {show(text)}") from None
    if len(value) != len(tree):
        raise wrong_data("keys that differ", tree)
    return value


def _key_segment(key: object) -> str:
    return member(key) if type(key) is str else f"[{show(key)}]"


def of_dict(key: Converter[Any], inner: Converter[Any]) -> Converter[Any]:
    """``dict[K, V]``."""
    name = f"dict[{key.name}, {inner.name}]"
    write, read = key_text(key)
    dump_member, load_member = inner.dump, inner.load

    def dump(value: dict[Any, Any]) -> JsonValue:
        if type(value) is dict:
            return escaped(dump_items(value, write, dump_member))
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> dict[Any, Any]:
        return load_items(unescaped(tree, "an object"), read, load_member)

    shapes = frozenset({dict, "dict"})
    return Converter(name, dump, load, frozenset({dict}), shapes, "dict", native=True)
