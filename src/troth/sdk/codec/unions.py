"""Unions. A member whose trees nobody else's look like is plain; the others carry their name.

Of members whose trees look alike, the one JSON has words for keeps the plain form (the ``str`` of
``str | datetime``). The name of a tagged member becomes part of what is stored: rename a class, and its old
values are unreadable where they stood in a union.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import Any, Final

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.dynamic import ANY, RESERVED
from troth.sdk.codec.tree import (
    AnyValue,
    JsonValue,
    Shape,
    payload,
    shape_of,
    tagged,
    under,
    wrong_data,
    wrong_value,
)

Dump = Callable[[Any], JsonValue]
Load = Callable[[JsonValue], Any]

_NONE: Final = frozenset[type]({NoneType})


def of_union(members: Sequence[Converter[Any]]) -> Converter[Any]:
    """``X | Y``, its members flat and each given once."""
    if len(members) == 1:
        return members[0]
    if any(member.types is None for member in members):
        return ANY
    if (other := _other_than_none(members)) is not None:
        return _optional(other)
    plain = _plain_members(members)
    tags = _tags([member for member in members if member not in plain], plain)
    name = " | ".join(member.name for member in members)
    ordered = [*plain, *(member for member in members if member not in plain)]
    shapes = _load_table(ordered, tags)
    by_type = _dump_table(ordered, tags)

    def dump(value: object) -> JsonValue:
        candidates = by_type.get(type(value))
        if candidates is None:
            raise wrong_value(name, value)
        if len(candidates) == 1:
            return candidates[0](value)
        return _first_taker(candidates, value, name)

    def load(tree: JsonValue) -> AnyValue:
        one = shapes.get(shape_of(tree))
        if one is None:
            raise wrong_data(name, tree)
        return one(tree)

    types = frozenset(by_type)
    return Converter(name, dump, load, types, frozenset(shapes), name)


def _other_than_none(members: Sequence[Converter[Any]]) -> Converter[Any] | None:
    others = [member for member in members if member.types != _NONE]
    return others[0] if len(others) == 1 and NoneType not in others[0].shapes else None


def _optional(inner: Converter[Any]) -> Converter[Any]:
    dump_inner, load_inner = inner.dump, inner.load

    def dump(value: object) -> JsonValue:
        return None if value is None else dump_inner(value)

    def load(tree: JsonValue) -> AnyValue:
        return None if tree is None else load_inner(tree)

    name = f"{inner.name} | None"
    types = frozenset({*(inner.types or ()), NoneType})
    return Converter(name, dump, load, types, inner.shapes | {NoneType}, name)


def _plain_members(members: Sequence[Converter[Any]]) -> list[Converter[Any]]:
    """Those whose trees need no tag: they claim all of their shapes for themselves."""
    return [member for member in members if not any(_rivals(member, other) for other in members if other is not member)]


def _rivals(member: Converter[Any], other: Converter[Any]) -> bool:
    return bool(member.shapes & other.shapes) and (other.native or not member.native)


def _tags(members: Sequence[Converter[Any]], plain: Sequence[Converter[Any]]) -> dict[int, str]:
    """A name for each, by identity: short where that is clear."""
    times = Counter(member.tag for member in members)
    tags = {id(one): one.tag if times[one.tag] == 1 and _free(one) else _full_name(one) for one in members}
    taken = {shape for one in plain for shape in one.shapes}
    if len(set(tags.values())) != len(members) or not taken.isdisjoint(tags.values()):
        raise DefinitionError(
            f"names in a union must differ from each other, and are {sorted(tags.values())}: rename one of them"
        )
    return tags


def _full_name(member: Converter[Any]) -> str:
    modules = {kind.__module__ for kind in member.types or ()} - {"builtins"}
    return f"{min(modules)}.{member.name}" if modules else member.name


def _free(member: Converter[Any]) -> bool:
    """Whether the short name is a built-in type's own, or no built-in type's at all."""
    built_in = all(kind.__module__ in {"builtins", "datetime", "decimal", "uuid"} for kind in member.types or ())
    return built_in or member.tag not in RESERVED


def _dump_table(ordered: Iterable[Converter[Any]], tags: dict[int, str]) -> dict[type, list[Dump]]:
    table: dict[type, list[Dump]] = {}
    members = list(ordered)
    for member in members:
        for kind in member.types or ():
            table.setdefault(kind, []).append(_tagging(member, tags.get(id(member))))
    for member in members:
        for kind in member.also_types:
            table.setdefault(kind, [_tagging(member, tags.get(id(member)))])
    return table


def _tagging(member: Converter[Any], tag: str | None) -> Dump:
    if tag is None:
        return member.dump
    return lambda value: tagged(tag, member.dump(value))


def _load_table(ordered: Iterable[Converter[Any]], tags: dict[int, str]) -> dict[Shape, Load]:
    table: dict[Shape, Load] = {}
    members = list(ordered)
    for member in members:
        tag = tags.get(id(member))
        if tag is None:
            table.update(dict.fromkeys(member.shapes, member.load))
        else:
            table[tag] = _untagging(member)
    for member in members:
        if id(member) not in tags:
            for shape in member.also_shapes:
                table.setdefault(shape, member.load)
    return table


def _untagging(member: Converter[Any]) -> Load:
    def load(tree: JsonValue) -> AnyValue:
        try:
            return member.load(payload(tree))
        except DecodingError as error:
            under(error, ".value")
            raise

    return load


def _first_taker(candidates: Sequence[Dump], value: object, name: str) -> JsonValue:
    """Members that cannot be told apart by the value's type are tried in turn."""
    refusals: list[EncodingError] = []
    for dump in candidates:
        try:
            return dump(value)
        except EncodingError as error:
            refusals.append(error)
    deepest = max(refusals, key=lambda error: len(error.path))
    raise EncodingError(f"{deepest.path}: no member of {name} takes it. {deepest}", deepest.path)
