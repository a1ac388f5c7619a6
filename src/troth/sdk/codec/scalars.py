"""Values without parts: numbers, text, bytes, times, UUIDs. Each pair of functions is exact or refuses."""

import math
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import ValidationError, convert, to_builtins

from troth.sdk.codec.converter import Converter
from troth.sdk.codec.tree import JsonValue, payload, shape_of, tagged, wrong_data, wrong_value

INT_PLAIN: Final = 10**600
"""Smaller integers are plain JSON; the interpreter's limit for their text may be set as low as 640 digits."""

_INT_LEAST: Final = -INT_PLAIN

_HEX: Final = re.compile(r"-?0x[0-9a-f]+\Z")
_ZONED: Final = re.compile(r"(.+)\[([^\[\]]+)\]\Z")


def dump_none(value: None) -> JsonValue:
    """None is null."""
    if value is not None:
        raise wrong_value("None", value)


def load_none(tree: JsonValue) -> None:
    """Null."""
    if tree is not None:
        raise wrong_data("null", tree)


def dump_bool(value: bool) -> JsonValue:
    """True or false."""
    if value is True or value is False:
        return value
    raise wrong_value("bool", value)


def load_bool(tree: JsonValue) -> bool:
    """True or false."""
    if tree is True or tree is False:
        return tree
    raise wrong_data("true or false", tree)


def dump_int(value: int) -> JsonValue:
    """A JSON integer; a huge one as hexadecimal text, which has no limit and takes linear time."""
    if type(value) is int:
        if _INT_LEAST < value < INT_PLAIN:
            return value
        return tagged("int", hex(value))
    raise wrong_value("int", value)


def load_int(tree: JsonValue) -> int:
    """An integer in either form."""
    if type(tree) is int:
        return tree
    if shape_of(tree) == "int":
        text = payload(tree)
        if type(text) is str and _HEX.match(text):
            return int(text, 16)
    raise wrong_data("an integer", tree)


def dump_float(value: float) -> JsonValue:
    """A JSON number; NaN and the infinities as text, because JSON has no words for them."""
    if type(value) is float:
        if math.isfinite(value):
            return value
        return tagged("float", repr(value))
    if type(value) is int:
        return _dump_int_as_float(value)
    raise wrong_value("float", value)


def _dump_int_as_float(value: int) -> JsonValue:
    try:
        exact = float(value)
    except OverflowError:
        exact = math.inf
    if exact != value:
        raise wrong_value("float", value, "No float is equal to it: annotate it as int, or round it before the call")
    return exact


def load_float(tree: JsonValue) -> float:
    """A number; another program may have written 1.0 as 1."""
    if type(tree) is float:
        return tree
    if type(tree) is int:
        try:
            if (exact := float(tree)) == tree:
                return exact
        except OverflowError:
            pass
    elif shape_of(tree) == "float" and payload(tree) in ("nan", "inf", "-inf"):
        return float(str(payload(tree)))  # a new NaN each time: a set holds several of them, but not one twice
    raise wrong_data("a number that a float can hold", tree)


def dump_str(value: str) -> JsonValue:
    """Text. A lone surrogate has no UTF-8 form, so JSON cannot carry it."""
    if type(value) is not str:
        raise wrong_value("str", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise wrong_value(
                "str",
                value,
                "It has a surrogate without its other half: decode the text properly, or pass bytes",
            ) from None
    return value


def load_str(tree: JsonValue) -> str:
    """Text."""
    if type(tree) is str:
        return tree
    raise wrong_data("a string", tree)


def _dump_bytes(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()


def _load_bytes(text: str) -> bytes:
    return a2b_base64(text, strict_mode=True)


def _dump_datetime(value: datetime) -> str:
    """ISO 8601; a named zone follows in brackets (RFC 9557): its rules decide what a day later means."""
    zone = value.tzinfo
    text = value.isoformat()
    if isinstance(zone, ZoneInfo):
        if zone.key is None:  # pyright: ignore[reportUnnecessaryComparison] - a zone read from a file has none
            raise wrong_value("datetime", value, "Its time zone has no name: use ZoneInfo(name) or an offset")
        text = f"{text}[{zone.key}]"
    elif zone is not None and zone.utcoffset(None) is None:
        raise wrong_value("datetime", value, f"Its time zone is a {type(zone).__qualname__}: use zoneinfo or an offset")
    try:
        back = _load_datetime(text)
    except OverflowError:
        raise wrong_value("datetime", value, "Its zone takes it out of the years 1 to 9999: use UTC") from None
    if back.replace(tzinfo=None) != value.replace(tzinfo=None) or back.fold != value.fold:
        raise wrong_value("datetime", value, "Its clock skips or repeats this time: use UTC")
    return text


def _load_datetime(text: str) -> datetime:
    if text.endswith("]") and (parts := _ZONED.match(text)):
        return datetime.fromisoformat(parts[1]).astimezone(ZoneInfo(parts[2]))
    return datetime.fromisoformat(text)


def _dump_time(value: time) -> str:
    zone = value.tzinfo
    if isinstance(zone, ZoneInfo) or (zone is not None and zone.utcoffset(None) is None):
        raise wrong_value("time", value, "A time without its date has no named zone: use an offset or a datetime")
    if value.fold:
        raise wrong_value("time", value, "Its fold would be lost: use a datetime with a zone")
    return value.isoformat()


def _dump_timedelta(value: timedelta) -> str:
    return str(to_builtins(value))


def _load_timedelta(text: str) -> timedelta:
    return convert(text, timedelta)


def _by_text(
    kind: type, tag: str, write: Callable[[Any], str], read: Callable[[str], Any], expected: str
) -> Converter[Any]:
    """A type whose values have one exact text."""

    def dump(value: object) -> JsonValue:
        if type(value) is kind:
            return write(value)
        raise wrong_value(kind.__qualname__, value)

    def load(tree: JsonValue) -> object:
        if type(tree) is str:
            try:
                return read(tree)
            except (
                ValueError,
                InvalidOperation,
                OverflowError,
                LookupError,
                Base64Error,
                ValidationError,
                OSError,
            ):
                raise wrong_data(expected, tree) from None
        raise wrong_data(expected, tree)

    return Converter(kind.__qualname__, dump, load, frozenset({kind}), frozenset({str}), tag)


def _plain(kind: type, dump: Callable[[Any], JsonValue], load: Callable[[JsonValue], Any]) -> Converter[Any]:
    name = "None" if kind is NoneType else kind.__name__
    return Converter(name, dump, load, frozenset({kind}), frozenset({kind}), name, native=True)


SCALARS: Final[dict[object, Converter[Any]]] = {
    NoneType: _plain(NoneType, dump_none, load_none),
    bool: _plain(bool, dump_bool, load_bool),
    str: _plain(str, dump_str, load_str),
    int: Converter("int", dump_int, load_int, frozenset({int}), frozenset({int, "int"}), "int", native=True),
    float: Converter(
        "float",
        dump_float,
        load_float,
        frozenset({float}),
        frozenset({float, "float"}),
        "float",
        native=True,
        also_types=frozenset({int}),
        also_shapes=frozenset({int}),
    ),
    bytes: _by_text(bytes, "bytes", _dump_bytes, _load_bytes, "base64 text"),
    datetime: _by_text(datetime, "datetime", _dump_datetime, _load_datetime, "an ISO 8601 date and time"),
    date: _by_text(date, "date", date.isoformat, date.fromisoformat, "an ISO 8601 date"),
    time: _by_text(time, "time", _dump_time, time.fromisoformat, "an ISO 8601 time"),
    timedelta: _by_text(timedelta, "timedelta", _dump_timedelta, _load_timedelta, "an ISO 8601 duration"),
    UUID: _by_text(UUID, "uuid", str, UUID, "a UUID"),
    Decimal: _by_text(Decimal, "decimal", str, Decimal, "a decimal number as text"),
}
"""The converters that need no compiling, by annotation."""
