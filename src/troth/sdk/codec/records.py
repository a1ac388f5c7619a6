"""Classes with named fields: dataclasses, msgspec Structs, TypedDicts, NamedTuples. Each is a JSON object.

Members of an object that are no field are ignored on load: a newer version of the class may have written
them.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NotRequired, Required, cast, get_origin

import msgspec.structs
from msgspec import NODEFAULT, Struct

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec.annotations import field_annotations, show_annotation
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.tree import TAG, AnyValue, JsonValue, member, under, wrong_data, wrong_value

Compile = Callable[[object], Converter[Any]]

_CONTENT = (int, float, str, bytes, list, tuple, dict, set, frozenset, BaseException)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A member of the class: its attribute ``name``, its ``key`` in the object, whether it must be there."""

    name: str
    key: str
    dump: Callable[[Any], JsonValue]
    load: Callable[[JsonValue], Any]
    required: bool
    in_init: bool = True


def of_dataclass(annotation: object, compile_one: Compile) -> Converter[Any]:
    """A dataclass, or one with its parameters: ``Page[int]``."""
    cls = _class_of(annotation)
    if issubclass(cls, _CONTENT):
        raise DefinitionError(f"{cls.__qualname__} is a dataclass over a built-in type, whose content would be lost")
    hints = field_annotations(annotation)
    fields = [
        _field(
            field.name,
            field.name,
            compile_one(hints[field.name]),
            required=field.init
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING,
            in_init=field.init,
        )
        for field in dataclasses.fields(cls)
    ]
    return _of_object(annotation, fields, {})


def runs_own_code(annotation: object) -> bool:
    """Whether making an instance runs code of the class's author, which may change the fields it is given."""
    cls = _class_of(annotation)
    if hasattr(cls, "__post_init__") or hasattr(cls, "__pydantic_validator__"):
        return True
    if issubclass(cls, Struct):
        return False
    code = getattr(cls.__init__, "__code__", None)
    generated = code is not None and code.co_qualname.startswith("__create_fn__.")  # by the dataclasses module
    return not generated or cls.__new__ is not object.__new__ or "__setattr__" in _own_names(cls)


def _own_names(cls: AnyValue) -> set[str]:
    frozen = bool(cls.__dataclass_params__.frozen)
    return set() if frozen else {name for base in cls.__mro__[:-1] for name in base.__dict__}


def of_struct(annotation: object, compile_one: Compile) -> Converter[Any]:
    """A msgspec Struct, under the names and with the tag it has in msgspec."""
    cls = cast("type[Struct]", _class_of(annotation))
    fields = [
        _field(
            field.name,
            field.encode_name,
            compile_one(field.type),
            required=field.default is NODEFAULT and field.default_factory is NODEFAULT,
        )
        for field in msgspec.structs.fields(cast("Any", annotation))
    ]
    config = cls.__struct_config__
    constant: dict[str, JsonValue] = {}
    if config.tag_field is not None:
        constant[config.tag_field] = config.tag
    return _of_object(annotation, fields, constant)


def _class_of(annotation: object) -> AnyValue:
    return get_origin(annotation) or annotation


def _field(name: str, key: str, inner: Converter[Any], *, required: bool, in_init: bool = True) -> Field:
    if key == TAG:
        raise DefinitionError(f"the field {name} is named {TAG}, which troth keeps for itself: rename it")
    return Field(name, key, inner.dump, inner.load, required, in_init)


def _of_object(annotation: object, fields: list[Field], constant: dict[str, JsonValue]) -> Converter[Any]:
    """A class made by calling it with its fields by name."""
    cls = _class_of(annotation)
    name = show_annotation(annotation)
    dump, load = _object_dump(cls, name, fields, constant), _object_load(cls, name, fields, constant)
    return Converter(name, dump, load, frozenset({cls}), frozenset({dict}), name)


def _object_dump(
    cls: type, name: str, fields: list[Field], constant: dict[str, JsonValue]
) -> Callable[[Any], JsonValue]:
    parts = [(field.name, field.key, field.dump) for field in fields]

    def dump(value: object) -> JsonValue:
        if type(value) is not cls:
            raise wrong_value(name, value, _advice(cls, value))
        tree = constant.copy()
        attribute = ""
        try:
            for attribute, key, dump_part in parts:
                tree[key] = dump_part(getattr(value, attribute))
        except EncodingError as error:
            under(error, member(attribute))
            raise
        except AttributeError:
            raise wrong_value(f"{name} with all its fields", value, f"Set its field {attribute} first") from None
        return tree

    return dump


def _object_load(
    cls: type, name: str, fields: list[Field], constant: dict[str, JsonValue]
) -> Callable[[JsonValue], Any]:
    given = [field for field in fields if field.in_init]
    computed = [field for field in fields if not field.in_init]

    def load(tree: JsonValue) -> object:
        if type(tree) is not dict or TAG in tree:
            raise wrong_data(f"an object for {name}", tree)
        if constant and not _has_constant(tree, constant):
            raise wrong_data(f"{constant} in {name}", tree)
        value = _made(cls, load_fields(given, tree, name))
        if computed:
            for attribute, part in load_fields(computed, tree, name).items():
                object.__setattr__(value, attribute, part)
        return value

    return load


def _has_constant(tree: dict[str, JsonValue], constant: dict[str, JsonValue]) -> bool:
    return all(tree.get(key, expected) == expected for key, expected in constant.items())


def _advice(cls: type, value: object) -> str:
    if not isinstance(value, cls):
        return ""
    got = type(value).__qualname__
    return f"{got} is a subclass and would come back as {cls.__qualname__}: annotate it as {got}, or as a union"


def load_fields(fields: Iterable[Field], tree: dict[str, JsonValue], name: str) -> dict[str, Any]:
    """The fields that the object has; an absent one must have a default."""
    values: dict[str, Any] = {}
    key = ""
    try:
        for field in fields:
            key = field.key
            if key in tree:
                values[field.name] = field.load(tree[key])
            elif field.required:
                raise DecodingError(f"$: expected a member {key} of {name}, got {sorted(tree)}")
    except DecodingError as error:
        if key in tree:
            under(error, member(key))
        raise
    return values


def _made(cls: type, values: Mapping[str, Any]) -> AnyValue:
    try:
        return cls(**values)
    except Exception as error:
        raise DecodingError(f"$: {cls.__qualname__} refused what was stored: {error!r}") from error


def of_typed_dict(annotation: object, compile_one: Compile) -> Converter[Any]:
    """A TypedDict: a dict of exactly the keys it names."""
    name = show_annotation(annotation)
    optional: frozenset[str] = _class_of(annotation).__optional_keys__
    fields: dict[str, Field] = {}
    for key, hint in field_annotations(annotation).items():
        required = key not in optional
        if get_origin(hint) in {Required, NotRequired}:  # a textual annotation: the class could not see it
            required = get_origin(hint) is Required
        fields[key] = _field(key, key, compile_one(hint), required=required)
    required_keys = {key for key, field in fields.items() if field.required}

    def dump(value: dict[str, Any]) -> JsonValue:
        if type(value) is not dict:
            raise wrong_value(name, value)
        if not required_keys <= value.keys() <= fields.keys():
            missing, extra = required_keys - value.keys(), value.keys() - fields.keys()
            keys = f"{sorted(missing)} are missing" if missing else f"{sorted(map(str, extra))} are none of its keys"
            raise wrong_value(name, value, f"{keys}: annotate it as what it holds")
        tree: dict[str, JsonValue] = {}
        key = ""
        try:
            for key, part in value.items():
                tree[key] = fields[key].dump(part)
        except EncodingError as error:
            under(error, member(key))
            raise
        return tree

    def load(tree: JsonValue) -> dict[str, Any]:
        if type(tree) is not dict or TAG in tree:
            raise wrong_data(f"an object for {name}", tree)
        return load_fields(fields.values(), tree, name)

    return Converter(name, dump, load, frozenset({dict}), frozenset({dict}), name)


def of_named_tuple(annotation: object, compile_one: Compile) -> Converter[Any]:
    """A NamedTuple, as an object: its names are worth more to a reader than its brevity."""
    cls = _class_of(annotation)
    name = show_annotation(annotation)
    hints = field_annotations(annotation)
    defaults: Mapping[str, Any] = cls._field_defaults
    fields = [_field(key, key, compile_one(hints.get(key, Any)), required=key not in defaults) for key in cls._fields]

    def dump(value: tuple[Any, ...]) -> JsonValue:
        if type(value) is not cls:
            raise wrong_value(name, value, _advice(cls, value))
        tree: dict[str, JsonValue] = {}
        key = ""
        try:
            for field, part in zip(fields, value, strict=True):
                key = field.key
                tree[key] = field.dump(part)
        except EncodingError as error:
            under(error, member(key))
            raise
        return tree

    def load(tree: JsonValue) -> AnyValue:
        if type(tree) is not dict or TAG in tree:
            raise wrong_data(f"an object for {name}", tree)
        values = {**defaults, **load_fields(fields, tree, name)}
        return cast("Any", tuple).__new__(cls, [values[field.name] for field in fields])

    return Converter(name, dump, load, frozenset({cls}), frozenset({dict}), name)
