"""Arguments of a call from the texts of a command line, by the function's annotations."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any, Final

from troth.errors import ArgumentError, DecodingError
from troth.sdk.codec import Converter, JsonValue, decode_json
from troth.sdk.function import Function
from troth.sdk.signature import Arguments

_BY_PLACE: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def parse_arguments(function: Function[..., Any], texts: Sequence[str]) -> Arguments:
    """The arguments; `ArgumentError` where they do not fit.

    A text is JSON if it is that and the parameter is no ``str``, else it is taken as it stands.
    """
    signature = function.signature
    places, names = _split(signature.parameters, texts)
    signature.bind(tuple(places), names)
    slots = _slots(signature.parameters)
    positional = [_value(function, slot, text) for slot, text in zip(slots, places, strict=False)]
    keyword = {name: _value(function, _slot_of(signature.parameters, name) or name, t) for name, t in names.items()}
    return signature.bind(tuple(positional), keyword)


def _split(parameters: Mapping[str, Parameter], texts: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """By place, and by name: ``name=text`` where the function takes that name."""
    places: list[str] = []
    names: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if equals and _slot_of(parameters, name):
            names[name] = rest
        else:
            places.append(text)
    return places, names


def _slot_of(parameters: Mapping[str, Parameter], name: str) -> str | None:
    """The parameter that an argument of this name goes to: its own, else ``**kwargs``."""
    known = parameters.get(name)
    if known is not None and known.kind in _BY_NAME:
        return name
    if not name.isidentifier():
        return None
    return next((p.name for p in parameters.values() if p.kind is Parameter.VAR_KEYWORD), None)


def _slots(parameters: Mapping[str, Parameter]) -> Iterator[str]:
    """The parameters that arguments by place go to; ``*args`` takes all that are left."""
    for name, parameter in parameters.items():
        if parameter.kind in _BY_PLACE:
            yield name
        while parameter.kind is Parameter.VAR_POSITIONAL:
            yield name


def _value(function: Function[..., Any], name: str, text: str) -> object:
    converter = function.signature.converter(name)
    refusal: DecodingError | None = None
    for tree in _readings(converter, text):
        try:
            return converter.load(tree)
        except DecodingError as error:
            refusal = refusal or error
    reason = str(refusal).removeprefix("$: ")
    raise ArgumentError(f"argument {name!r} of {function.name}: {reason}") from refusal


def _readings(converter: Converter[Any], text: str) -> list[JsonValue]:
    """What the text may mean, the likeliest first: ``3.10`` is a number, but a Decimal is read from its text."""
    if converter.types == frozenset({str}):
        return [text]
    try:
        return [decode_json(text.encode(errors="surrogateescape")), text]
    except DecodingError:
        return [text]
