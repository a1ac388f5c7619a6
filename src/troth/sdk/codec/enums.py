"""Values that are one of a fixed set: Enum members and Literals. Each is written as its value."""

from enum import Enum, Flag
from typing import Any, get_args

from troth.errors import DefinitionError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.dynamic import dump_any
from troth.sdk.codec.scalars import SCALARS
from troth.sdk.codec.text import canonical_json
from troth.sdk.codec.tree import JsonValue, shape_of, wrong_data, wrong_value


def of_enum(cls: type[Enum]) -> Converter[Any]:
    """An Enum by its members' values; the class is never called, so its ``_missing_`` does not run."""
    if issubclass(cls, Flag):
        return _of_flag(cls)
    name = cls.__qualname__
    trees: dict[str, JsonValue] = {}
    members: dict[bytes, Enum] = {}
    for part in cls:
        try:
            trees[part.name] = dump_any(_enum_value(part))
        except EncodingError as error:
            raise DefinitionError(
                f"{name}.{part.name} cannot be stored: {error} Give it a value of text or a number."
            ) from None
        members[canonical_json(trees[part.name])] = part
    if len(members) != len(trees):
        raise DefinitionError(f"two members of {name} have the same value in JSON")
    by_text = {tree: members[canonical_json(tree)] for tree in trees.values() if type(tree) is str}

    def dump(value: Enum) -> JsonValue:
        if type(value) is cls:
            return trees[value.name]
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> Enum:
        found = by_text.get(tree) if type(tree) is str else members.get(canonical_json(tree))
        if found is None:
            raise wrong_data(f"the value of a {name}", tree)
        return found

    shapes = frozenset(map(shape_of, trees.values()))
    return Converter(name, dump, load, frozenset({cls}), shapes, name)


def _enum_value(part: Enum) -> object:
    """A member of a mixed-in class (IntEnum, StrEnum) holds its value as the plain type."""
    return part.value


def _of_flag(cls: type[Flag]) -> Converter[Any]:
    name = cls.__qualname__
    whole = SCALARS[int]

    def dump(value: Flag) -> JsonValue:
        if type(value) is cls:
            return whole.dump(value.value)
        raise wrong_value(name, value)

    def load(tree: JsonValue) -> Flag:
        try:
            value = cls(whole.load(tree))
        except ValueError:
            raise wrong_data(f"the value of a {name}", tree) from None
        if type(value) is not cls:
            raise wrong_data(f"the value of a {name}", tree)
        return value

    return Converter(name, dump, load, frozenset({cls}), whole.shapes, name)


def of_literal(annotations: tuple[object, ...]) -> Converter[Any]:
    """``Literal[...]``, or several of them as one."""
    constants = [constant for annotation in annotations for constant in get_args(annotation)]
    name = f"Literal[{', '.join(map(repr, constants))}]"
    values: dict[bytes, object] = {}
    trees: dict[tuple[type, object], JsonValue] = {}
    for constant in constants:
        tree = _constant(constant)
        values.setdefault(canonical_json(tree), constant)
        if (type(constant), constant) not in trees and values[canonical_json(tree)] is not constant:
            raise DefinitionError(f"two constants of {name} have the same form in JSON: annotate it as one of them")
        trees[type(constant), constant] = tree

    def dump(value: object) -> JsonValue:
        try:
            return trees[type(value), value]
        except (KeyError, TypeError):
            raise wrong_value(name, value, "Pass one of these") from None

    def load(tree: JsonValue) -> object:
        try:
            return values[canonical_json(tree)]
        except KeyError:
            raise wrong_data(name, tree) from None

    shapes = frozenset(map(shape_of, trees.values()))
    return Converter(name, dump, load, frozenset(kind for kind, _ in trees), shapes, name)


def _constant(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return of_enum(type(value)).dump(value)
    return SCALARS[type(value)].dump(value)
