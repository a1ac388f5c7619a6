"""From an annotation to its converter."""

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, cast, get_args, get_origin

from msgspec import Struct

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import containers, enums, models, records
from troth.sdk.codec.annotations import alias_value, is_unresolved, show_annotation, stripped
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.dynamic import ANY, of_open_dict
from troth.sdk.codec.guard import guarded
from troth.sdk.codec.scalars import SCALARS
from troth.sdk.codec.tree import AnyValue, JsonValue, Shape
from troth.sdk.codec.unions import of_union

Args: TypeAlias = tuple[Any, ...]

_ANYTHING: Final[tuple[object, ...]] = (Any, object, inspect.Parameter.empty)
_UNIONS: Final = (typing.Union, types.UnionType)
_NEVER: Final = frozenset[object]({typing.Never, typing.NoReturn})
_LISTS: Final = (list, collections.abc.MutableSequence)
_SETS: Final = (set, collections.abc.MutableSet)
_DICTS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)

_ABSTRACT: Final[dict[object, tuple[type, ...]]] = {
    collections.abc.Sequence: (list, tuple),
    collections.abc.Collection: (list, tuple, set, frozenset),
    collections.abc.Iterable: (list, tuple, set, frozenset),
    collections.abc.Set: (set, frozenset),
}
"""The concrete types an abstract annotation stands for: a value comes back as the one it was."""


def converter_for(annotation: object) -> Converter[Any]:
    """The converter of an annotation in which every name is resolved; compiled once."""
    return _cached(annotation) if _hashes(annotation) else _compiled(annotation)


def _hashes(annotation: object) -> bool:
    try:
        hash(annotation)
    except TypeError:  # Annotated[int, []]
        return False
    return True


def _compiled(annotation: object) -> Converter[Any]:
    compiler = _Compiler()
    converter = compiler.compile(annotation)
    if compiler.recursive or compiler.runs_own_code:
        return guarded(converter, verify=compiler.runs_own_code)
    return converter


_cached = lru_cache(maxsize=4096)(_compiled)


class _Pending:
    """An annotation being compiled, which its own parts may refer to."""

    def __init__(self, annotation: object) -> None:
        self.converter: Converter[Any] | None = None
        self._annotation = annotation

    def dump(self, value: object) -> JsonValue:
        assert self.converter is not None, "compiling ends before converting begins"
        return self.converter.dump(value)

    def load(self, tree: JsonValue) -> AnyValue:
        assert self.converter is not None, "compiling ends before converting begins"
        return self.converter.load(tree)

    def reference(self) -> Converter[Any]:
        """What can be said of the converter before it exists: enough to be a member of a union."""
        name = show_annotation(self._annotation)
        kind = get_origin(self._annotation) or self._annotation
        if kind in _LISTS:
            return self._reference(name, list, {list}, "list", native=True)
        if kind in _DICTS:
            return self._reference(name, dict, {dict, "dict", "map"}, "dict", native=True)
        if isinstance(kind, type) and kind in {tuple, set, frozenset}:
            return self._reference(name, kind, {list}, kind.__name__)
        cls = dict if _is_typed_dict(kind) else kind
        return self._reference(name, cast("type", cls), {dict}, name)

    def _reference(
        self, name: str, kind: type, shapes: set[Shape], tag: str, *, native: bool = False
    ) -> Converter[Any]:
        return Converter(name, self.dump, self.load, frozenset({kind}), frozenset(shapes), tag, native)


class _Compiler:
    """One compilation. ``recursive`` and ``runs_own_code`` are what it found on the way."""

    def __init__(self) -> None:
        self.recursive = False
        self.runs_own_code = False
        self._pending: dict[object, _Pending] = {}

    def compile(self, annotation: object) -> Converter[Any]:
        """The converter of the annotation, which may be one of those being compiled."""
        annotation = stripped(annotation)
        if annotation is None:
            annotation = NoneType
        if is_unresolved(annotation):
            raise DefinitionError(f"the annotation {annotation!r} is still a text: resolve it before it gets here")
        if not _hashes(annotation):
            raise DefinitionError(f"{annotation!r} is no annotation")
        if annotation in _ANYTHING:
            return ANY
        if annotation in SCALARS:
            return SCALARS[annotation]
        if annotation in self._pending:
            self.recursive = True
            return self._pending[annotation].reference()
        pending = self._pending[annotation] = _Pending(annotation)
        try:
            pending.converter = self._build(annotation)
        finally:
            del self._pending[annotation]
        return pending.converter

    def _build(self, annotation: object) -> Converter[Any]:
        if (value := alias_value(annotation)) is not None:
            return self.compile(value)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in _UNIONS or (origin or annotation) in _ABSTRACT:
            return self._union(annotation)
        if origin is Literal:
            return enums.of_literal((annotation,))
        if annotation in _NEVER:
            return _NOTHING
        return self._container(annotation, origin or annotation, args) or self._class(annotation, origin or annotation)

    def _container(self, annotation: object, kind: AnyValue, args: Args) -> Converter[Any] | None:
        if kind in _LISTS:
            return containers.of_list(self._only(args))
        if kind is tuple:
            return self._tuple(annotation, args)
        if kind in _SETS:
            return containers.of_set(set, self._only(args))
        if kind is frozenset:
            return containers.of_set(frozenset, self._only(args))
        if kind in _DICTS:
            return self._dict(args)
        return None

    def _only(self, args: Args) -> Converter[Any]:
        return self.compile(args[0]) if args else ANY

    def _tuple(self, annotation: object, args: Args) -> Converter[Any]:
        if get_origin(annotation) is None or (len(args) == 2 and args[1] is ...):
            return containers.of_tuple(self._only(args))
        return containers.of_fixed_tuple(tuple(map(self.compile, args)))

    def _dict(self, args: Args) -> Converter[Any]:
        key, value = (self.compile(args[0]), self.compile(args[1])) if args else (ANY, ANY)
        return of_open_dict(value) if key is ANY else containers.of_dict(key, value)

    def _class(self, annotation: object, cls: object) -> Converter[Any]:
        if not inspect.isclass(cls):
            raise _unsupported(annotation)
        if models.is_model(cls):
            return models.of_model(cls)
        if issubclass(cls, Enum):
            return enums.of_enum(cls)
        if _is_typed_dict(cls):
            return records.of_typed_dict(annotation, self.compile)
        if tuple in cls.__mro__ and hasattr(cls, "_fields"):
            return records.of_named_tuple(annotation, self.compile)
        if issubclass(cls, Struct) or dataclasses.is_dataclass(cls):
            self.runs_own_code = self.runs_own_code or records.runs_own_code(cls)
            of_object = records.of_struct if issubclass(cls, Struct) else records.of_dataclass
            return of_object(annotation, self.compile)
        raise _unsupported(annotation)

    def _union(self, annotation: object) -> Converter[Any]:
        literals: list[object] = []
        members: dict[object, Converter[Any]] = {}
        for member in _members(annotation, ()):
            if get_origin(member) is Literal:
                literals.append(member)
            elif member not in members:
                members[member] = self.compile(member)
        if literals:
            members[Literal] = enums.of_literal(tuple(literals))
        return of_union(list(members.values()))


def _members(annotation: object, aliases: tuple[object, ...]) -> Iterator[object]:
    """The members of a union, with unions inside it opened up."""
    annotation = stripped(annotation)
    if (value := alias_value(annotation)) is not None:
        if annotation in aliases:
            raise DefinitionError(f"the type alias {show_annotation(annotation)} is a member of its own union")
        yield from _members(value, (*aliases, annotation))
        return
    origin, args = get_origin(annotation), get_args(annotation)
    kinds = _ABSTRACT.get(origin or annotation)
    if kinds is not None:
        for kind in kinds:
            yield _concrete(kind, args[0] if args else Any)
    elif origin in _UNIONS:
        for arg in args:
            yield from _members(arg, aliases)
    else:
        yield annotation


def _concrete(kind: type, arg: object) -> object:
    return types.GenericAlias(kind, (arg, ...) if kind is tuple else (arg,))


def _is_typed_dict(cls: object) -> bool:
    return inspect.isclass(cls) and dict in cls.__mro__ and hasattr(cls, "__required_keys__")


def _unsupported(annotation: object) -> DefinitionError:
    return DefinitionError(
        f"values annotated {show_annotation(annotation)} cannot be stored. "
        "Use built-in types, dataclasses, msgspec Structs, TypedDicts, "
        "NamedTuples, Enums or pydantic models, and convert to and from them inside the function."
    )


def _dump_nothing(value: object) -> JsonValue:
    raise EncodingError(f"$: expected no value at all, got one of type {type(value).__qualname__}. Annotate its type.")


def _load_nothing(tree: JsonValue) -> AnyValue:
    raise DecodingError(f"$: expected no value at all, got a {type(tree).__name__}")


_NOTHING: Final[Converter[Any]] = Converter("Never", _dump_nothing, _load_nothing, frozenset(), frozenset(), "Never")
