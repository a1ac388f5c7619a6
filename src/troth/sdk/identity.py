"""Which promise a call is: an explicit id, else the function's key, else content below the caller.

An id is a permanent cache key, so it is a pure function of what the call says; where two different calls would share
one, the stored invocation tells them apart and `KeyCollisionError` is raised.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from string import Formatter
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from troth.errors import DefinitionError, EncodingError, InvalidIdError

from .codec import JsonValue, canonical_json, converter_for

ID_BYTES_MAX: Final = 1024
"""Longest id in UTF-8 bytes, as every store and server of the protocol accepts it."""

PREFIX_BYTES_MAX: Final = 160
"""A caller's id longer than this stands as its hash in the ids below it, so that depth does not lengthen ids."""

_CONTENT_HASH_BYTES: Final = 6
"""48 bits tell the calls of one caller apart: at 100,000 of one function, a clash in 56,000 runs, and then an error."""

_KEY_HASH_BYTES: Final = 16
"""128 bits tell all calls of a function apart, for ever."""

_HASHED: Final = "hash"


def check_id(id: str) -> str:
    """The id, if it can be one."""
    if not id:
        raise InvalidIdError("an id must not be empty")
    if "\0" in id:
        raise InvalidIdError(f"an id must not contain NUL: {id!r}")
    try:
        size = len(id.encode())
    except UnicodeEncodeError as error:
        raise InvalidIdError(f"an id must be valid Unicode: {error}") from None
    if size > ID_BYTES_MAX:
        raise InvalidIdError(
            f"an id may have {ID_BYTES_MAX} bytes, this one has {size}: {id[:60]!r}…. "
            "For long arguments use key=True or {name:hash} in the key."
        )
    return id


class KeyTemplate:
    """A key such as ``"render-{document_id}-{revision}"`` over a function's parameters.

    str, int, bool, UUID, date, datetime, Decimal, Enum and bytes (hex) are rendered; ``{name:hash}`` renders a hash of
    anything.
    """

    def __init__(self, template: str, function_name: str, parameter_names: tuple[str, ...]) -> None:
        self._template = template
        self._function = function_name
        self._parts = tuple(self._parse(parameter_names))

    @property
    def hashes(self) -> bool:
        """Whether rendering needs arguments as JSON."""
        return any(hashed for _, _, hashed in self._parts)

    def _parse(self, parameter_names: tuple[str, ...]) -> Iterator[tuple[str, str | None, bool]]:
        where = f"key {self._template!r} of {self._function}"
        try:
            parsed = list(Formatter().parse(self._template))
        except ValueError as error:
            raise DefinitionError(f"{where}: {error}") from None
        for text, name, spec, conversion in parsed:
            if name is None:
                yield text, None, False
                continue
            if name not in parameter_names:
                known = ", ".join(parameter_names) or "none"
                raise DefinitionError(f"{where} names {name!r}, which is not a parameter (they are: {known})")
            if conversion or spec not in ("", _HASHED):
                raise DefinitionError(f"{where}: write {{{name}}} or {{{name}:hash}}, nothing else is rendered")
            yield text, name, spec == _HASHED

    def render(self, named: dict[str, Any], trees: dict[str, Any]) -> str:
        """The id of the call with these arguments (as values, and as JSON)."""
        rendered: list[str] = []
        for text, name, hashed in self._parts:
            rendered.append(text)
            if name is not None:
                rendered.append(_digest(trees[name], _KEY_HASH_BYTES) if hashed else self._text(name, named[name]))
        return "".join(rendered)

    def _text(self, name: str, value: object) -> str:
        if type(value) is str:
            return value
        text = _render(value)
        if text is None:
            raise EncodingError(
                f"key {self._template!r} of {self._function}: {name!r} is a {type(value).__name__}, which has no "
                f"short text form; write {{{name}:hash}}, or key=True",
                f"$.{name}",
            )
        return text


def _render(value: object) -> str | None:
    match value:
        case Enum():
            return _render(value.value)
        case bool() | str() | UUID() | Decimal():
            return str(value)
        case int():
            return str(value) if value.bit_length() < 8 * ID_BYTES_MAX else None
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return None


class Caller(Struct, frozen=True):
    """Whose call it is: the caller's id, the id of its call tree's root."""

    id: str
    origin: str


def key_id(version: int, rendered: str) -> str:
    """The id of a keyed call; versions other than 1 are part of it.

    >>> key_id(2, "factorial-5")
    'factorial-5@2'
    """
    return check_id(rendered if version == 1 else f"{rendered}@{version}")


def hashed_key(name: str, args: list[JsonValue], kwargs: dict[str, JsonValue]) -> str:
    """The rendered key of ``key=True``: name and a hash of the canonical arguments."""
    return f"{name}-{_digest([args, kwargs], _KEY_HASH_BYTES)}"


def content(name: str, version: int, args: list[JsonValue], kwargs: dict[str, JsonValue]) -> str:
    """What a call is, in short: the function's name and a hash of version and arguments."""
    return f"{name}-{_digest([version, args, kwargs], _CONTENT_HASH_BYTES)}"


def content_id(caller: Caller, content: str, use: int) -> str:
    """The id of a call below its caller: by content and n-th use, not by position.

    >>> content_id(Caller("order-17", "order-17"), "charge-9f2c41a0b1c2", 1)
    'order-17.charge-9f2c41a0b1c2'
    >>> content_id(Caller("order-17", "order-17"), "charge-9f2c41a0b1c2", 2)
    'order-17.charge-9f2c41a0b1c2-2'
    """
    nth = content if use == 1 else f"{content}-{use}"
    return check_id(f"{_prefix(caller)}.{nth}")


def generation_id(base: str, generation: int) -> str:
    """The id of a keyed call after earlier ones have failed.

    >>> generation_id("factorial-5", 1), generation_id("factorial-5", 2)
    ('factorial-5', 'factorial-5~2')
    """
    return base if generation == 1 else check_id(f"{base}~{generation}")


def _prefix(caller: Caller) -> str:
    if len(caller.id.encode()) <= PREFIX_BYTES_MAX:
        return caller.id
    below = _digest(caller.id, _KEY_HASH_BYTES)
    origin = caller.origin
    return f"{origin}.{below}" if len(origin.encode()) <= PREFIX_BYTES_MAX else below


def _digest(tree: JsonValue, size: int) -> str:
    return blake2b(canonical_json(tree), digest_size=size).hexdigest()


ANYTHING: Final = converter_for(Any)
"""The converter of values without an annotation."""
