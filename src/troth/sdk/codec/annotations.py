"""What an annotation says, without its wrappers, and the annotations of a class's fields."""

import inspect
import typing
from collections.abc import Mapping
from types import NoneType
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

from troth.errors import DefinitionError
from troth.sdk.codec.tree import AnyValue

WRAPPERS: Final = frozenset(
    {Required, NotRequired, typing.Final, typing.ClassVar, getattr(typing, "ReadOnly", Required)}
)


def stripped(annotation: object) -> object:
    """The annotation without what says nothing about the value: Annotated, Required, Final, NewType."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated or origin in WRAPPERS:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = _of_type_variable(annotation)
        else:
            return annotation


def _of_type_variable(variable: TypeVar) -> object:
    if variable.__bound__ is not None:
        return variable.__bound__
    if variable.__constraints__:
        return typing.Union[variable.__constraints__]  # noqa: UP007 - a union of a tuple
    return Any


def alias_value(annotation: object) -> object | None:
    """What a ``type X = …`` statement stands for, its parameters filled in; None for anything else."""
    origin = get_origin(annotation) or annotation
    if type(origin).__name__ != "TypeAliasType":
        return None
    alias = cast("Any", origin)
    try:
        value = alias.__value__
    except NameError as error:
        raise DefinitionError(f"the type alias {show_annotation(annotation)} cannot be resolved: {error}") from None
    return substituted(value, dict(zip(alias.__type_params__, get_args(annotation), strict=False)))


def show_annotation(annotation: object) -> str:
    """An annotation as its author wrote it, near enough; also the name of a union's member in stored data.

    >>> show_annotation(dict[str, list[int | None]])
    'dict[str, list[int | None]]'
    """
    if annotation is NoneType:
        return "None"
    if annotation is ...:
        return "..."
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None:
        return str(getattr(annotation, "__qualname__", None) or getattr(annotation, "__name__", None) or annotation)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    name = show_annotation(origin)
    if name in {"Union", "UnionType", "typing.Union"}:
        return " | ".join(map(show_annotation, args))
    return f"{name}[{', '.join(map(show_annotation, args))}]"


def substituted(annotation: AnyValue, bindings: Mapping[Any, object]) -> AnyValue:
    """The annotation with type variables replaced."""
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(bindings.get(parameter, parameter) for parameter in parameters)]


def field_annotations(annotation: object) -> dict[str, Any]:
    """The annotations of a class's fields, resolved; of ``Page[int]`` with its parameters filled in."""
    cls = cast("type", get_origin(annotation) or annotation)
    hints = _resolved(cls)
    bindings: dict[type, dict[Any, object]] = {}
    _bind(cls, get_args(annotation), bindings)
    if not any(bindings.values()):
        return hints
    owners = {name: owner for owner in reversed(cls.__mro__) for name in inspect.get_annotations(owner)}
    return {name: substituted(hint, bindings.get(owners.get(name, cls), bindings[cls])) for name, hint in hints.items()}


def _resolved(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except NameError:
        pass  # a class made inside a function does not see itself from its module
    local: dict[str, Any] = {parameter.__name__: parameter for parameter in getattr(cls, "__type_params__", ())}
    try:
        return typing.get_type_hints(cls, localns={**local, cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"the annotations of {cls.__qualname__} cannot be resolved: {error}. "
            f"Define what they name in the module {cls.__module__}, and import it there at run time."
        ) from None


def _bind(cls: type, args: tuple[object, ...], bindings: dict[type, dict[Any, object]]) -> None:
    """What each type variable stands for, in the class and in its bases."""
    own = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
    bindings[cls] = own
    for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = get_origin(base)
        if isinstance(origin, type) and origin is not typing.Generic:
            _bind(origin, tuple(substituted(arg, own) for arg in get_args(base)), bindings)
        elif isinstance(base, type) and base not in bindings:
            _bind(base, (), bindings)


def is_unresolved(annotation: object) -> bool:
    """Whether it is still a text that somebody must evaluate."""
    return isinstance(annotation, str | ForwardRef)
