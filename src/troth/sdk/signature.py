"""What a function takes and returns, compiled once: binding, encoding and decoding of its calls (protocol §8)."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_type_hints

from msgspec import Struct

from troth.errors import ArgumentError, DecodingError, DefinitionError, EncodingError

from .codec import Converter, JsonValue, converter_for, decode_base64, decode_json, encode_json

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME: Final = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Arguments(Struct, frozen=True):
    """A call's arguments in canonical form: defaults applied, by position where the signature allows."""

    positional: tuple[Any, ...]
    keyword: dict[str, Any]


class Invocation(Struct, frozen=True):
    """What a promise's param says: a function by name, its version, and JSON arguments of any SDK's shape."""

    function: str
    version: int
    args: JsonValue
    kwargs: dict[str, JsonValue]


class Signature:
    """The durable signature of a Python function: its own, less a leading ``Context``."""

    def __init__(self, function: Callable[..., Any], context_type: type) -> None:
        self._name = getattr(function, "__name__", repr(function))
        hints = _hints(function)
        parameters = list(_parameters(function))
        self.wants_context = bool(parameters) and hints.get(parameters[0].name) is context_type
        if self.wants_context:
            parameters = parameters[1:]
        self._signature = inspect.Signature(parameters)
        self.parameters: Mapping[str, inspect.Parameter] = self._signature.parameters
        self._converters = {p.name: self._converter(p.name, hints.get(p.name, Any)) for p in parameters}
        self.result: Converter[Any] = self._converter("return", hints.get("return", Any))
        self._simple = all(p.kind in _POSITIONAL for p in parameters)
        self._dumps = [self._converters[p.name] for p in parameters] if self._simple else []

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        """The arguments in canonical form; `ArgumentError` where they do not fit."""
        if self._simple and not kwargs and len(args) == len(self._dumps):
            return Arguments(args, {})
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self._name}{self._signature}: {error}") from None
        bound.apply_defaults()
        return Arguments(bound.args, bound.kwargs)

    def converter(self, name: str) -> Converter[Any]:
        """How the values of a parameter are stored; those of ``*args`` or ``**kwargs`` one by one."""
        return self._converters[name]

    def named(self, arguments: Arguments) -> dict[str, Any]:
        """The arguments by parameter name."""
        if self._simple:
            return dict(zip(self.parameters, arguments.positional, strict=True))
        bound = self._signature.bind(*arguments.positional, **arguments.keyword)
        bound.apply_defaults()  # no further arguments are an empty tuple or dict
        return dict(bound.arguments)

    def dump(self, arguments: Arguments) -> tuple[list[JsonValue], dict[str, JsonValue]]:
        """The arguments as JSON; `EncodingError` names the parameter and the path inside its value."""
        if self._simple:
            try:
                return [c.dump(v) for c, v in zip(self._dumps, arguments.positional, strict=True)], {}
            except EncodingError:
                pass  # again below, where the parameter's name is known
        args = [self._dump_one(name, value) for name, value in self._slots(arguments.positional)]
        kwargs = {name: self._dump_one(self._keyword_name(name), v) for name, v in arguments.keyword.items()}
        return args, kwargs

    def load(self, invocation: Invocation) -> Arguments:
        """The arguments of a stored invocation, whichever SDK wrote it: the first reading that fits the signature."""
        misfit: DecodingError | None = None
        for args, kwargs in self._readings(invocation):
            try:
                return self._load(args, kwargs)
            except DecodingError as error:
                misfit = misfit or error
        assert misfit is not None, "there is one reading at least"
        raise misfit

    def _readings(self, invocation: Invocation) -> Iterator[tuple[list[JsonValue], dict[str, JsonValue]]]:
        """What the arguments may mean (protocol §8), the likeliest first: an array, a bare value, names, or nothing."""
        args, kwargs = invocation.args, invocation.kwargs
        if isinstance(args, list):
            yield args, kwargs
        if args is None and (kwargs or not self.parameters):
            yield [], kwargs
        elif not isinstance(args, list) or len(self.parameters) == 1:
            yield [args], kwargs
        if args is None:
            yield [], kwargs
        elif isinstance(args, dict) and not kwargs:
            yield [], args

    def _load(self, args: list[JsonValue], kwargs: dict[str, JsonValue]) -> Arguments:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DecodingError(f"stored arguments do not fit {self._name}{self._signature}: {error}") from None
        positional = tuple(self._load_one(name, tree) for name, tree in self._slots(bound.args))
        keyword = {n: self._load_one(self._keyword_name(n), tree) for n, tree in bound.kwargs.items()}
        return self.bind(positional, keyword)

    def _slots(self, positional: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        parameters = iter(self.parameters.values())
        parameter: inspect.Parameter | None = None
        for value in positional:
            if parameter is None or parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
                parameter = next(parameters)
            yield parameter.name, value

    def _keyword_name(self, name: str) -> str:
        parameter = self.parameters.get(name)
        if parameter is not None and parameter.kind in _BY_NAME:
            return name
        return next((p.name for p in self.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD), name)

    def _dump_one(self, name: str, value: object) -> JsonValue:
        try:
            return self._converters[name].dump(value)
        except EncodingError as error:
            raise EncodingError(f"argument {name!r} of {self._name}: {error}", error.path) from None

    def _load_one(self, name: str, tree: JsonValue) -> object:
        try:
            return self._converters[name].load(tree)
        except DecodingError as error:
            raise DecodingError(f"argument {name!r} of {self._name}: {error}", error.path) from None

    def _converter(self, name: str, annotation: object) -> Converter[Any]:
        try:
            return converter_for(annotation)
        except DefinitionError as error:
            what = "the result" if name == "return" else f"parameter {name!r}"
            raise DefinitionError(f"{what} of {self._name}: {error}") from None


def encode_invocation(function: str, version: int, args: list[JsonValue], kwargs: dict[str, JsonValue]) -> bytes:
    """The JSON of a promise's param."""
    tree: dict[str, JsonValue] = {"func": function, "args": args}
    if kwargs:
        tree["kwargs"] = kwargs
    if version != 1:
        tree["version"] = version
    return encode_json(tree)


def decode_invocation(data: str | None) -> Invocation | None:
    """What a param says; None where it is not an invocation (a promise made by hand)."""
    if not data:
        return None
    try:
        tree = decode_json(decode_base64(data))
    except DecodingError:
        return None
    if not isinstance(tree, dict):
        return None
    function, version, kwargs = tree.get("func"), tree.get("version", 1), tree.get("kwargs") or {}
    if not isinstance(function, str) or not isinstance(version, int) or not isinstance(kwargs, dict):
        return None
    return Invocation(function, version or 1, tree.get("args"), kwargs)


def _parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    try:
        return iter(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"{function!r} has no signature to read: {error}") from None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(inspect.unwrap(function), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"an annotation of {getattr(function, '__name__', function)!r} cannot be resolved: {error}. "
            "Define or import the type where the function is defined, not only for type checking."
        ) from None
    except TypeError:
        return {}
