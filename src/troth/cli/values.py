"""Stored values for people and for scripts, without the program that wrote them."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from msgspec import Struct

from troth.errors import DecodingError, RemoteError
from troth.protocol.records import Promise, PromiseState
from troth.sdk.codec import JsonValue, decode_base64, decode_error, decode_json

TAG: Final = "$troth"
"""The key of an object that says what plain JSON cannot: ``{"$troth": "tuple", "value": [1, 2]}``."""

INT_JSON_MAX: Final = 10**600
"""Integers from here on are text in JSON. The interpreter may be set to refuse more than 640 digits, others do too."""

_DIGITS_PER_BIT: Final = math.log10(2)

_REMOTE: Final = "Traceback where it was raised:\n"

_BRACKETS: Final = {"tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}


class Failed(Struct, frozen=True):
    """What a call failed with. ``type`` is the exception's, without the module if it is a builtin."""

    type: str
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


def stored_tree(data: str | None) -> JsonValue:
    """The JSON that a payload holds; what is none (another SDK's, or damaged) stays the text it is."""
    if not data:
        return None
    try:
        return decode_json(decode_base64(data))
    except DecodingError:
        return data


def failed_with(record: Promise) -> Failed | None:
    """What the promise failed with; None unless it did."""
    match record.state:
        case PromiseState.PENDING | PromiseState.RESOLVED:
            return None
        case PromiseState.TIMED_OUT:
            return Failed("CallTimedOutError", "it did not finish before its deadline")
        case PromiseState.CANCELED:
            return Failed("CallCanceledError", "it was canceled")
        case PromiseState.REJECTED:
            return _rejected_with(record)


def _rejected_with(record: Promise) -> Failed:
    error = decode_error(record.value.data, {}, record.id)
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    traceback = "".join(note.removeprefix(_REMOTE) for note in notes if note.startswith(_REMOTE))
    said = [note for note in notes if not note.startswith(_REMOTE)]
    if isinstance(error, RemoteError):
        return Failed(error.type_name, "\n".join([error.message, *said]), traceback)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Failed(name, "\n".join([str(error), *said]), traceback)


# --- for scripts


def plain(tree: JsonValue) -> JsonValue:
    """The value as plain JSON: troth's tags are taken off, and integers of more than 600 digits are text.

    >>> plain({"$troth": "tuple", "value": [1, {"$troth": "date", "value": "2026-01-31"}]})
    [1, '2026-01-31']
    """
    if type(tree) is int:
        return tree if -INT_JSON_MAX < tree < INT_JSON_MAX else digits(tree)
    if type(tree) is list:
        return [plain(part) for part in tree]
    if type(tree) is not dict:
        return tree
    tag, inner = tagged(tree)
    if tag is None:
        return {key: plain(part) for key, part in tree.items()}
    if tag == "int" and type(inner) is str:
        return digits(_integer(inner))
    if tag == "dict" and type(inner) is dict:  # an object of the user's own keys
        return {key: plain(part) for key, part in inner.items()}
    return plain(inner)


def tagged(tree: dict[str, JsonValue]) -> tuple[str | None, JsonValue]:
    """An object's tag and what it holds; no tag where it is an ordinary object."""
    tag = tree.get(TAG)
    return (tag, tree["value"]) if type(tag) is str and tree.keys() == {TAG, "value"} else (None, tree)


def digits(value: int) -> str:
    """The decimal text of any integer, whatever the interpreter's limit for such texts.

    >>> digits(-12), len(digits(10**5000))
    ('-12', 5001)
    """
    return str(value) if -INT_JSON_MAX < value < INT_JSON_MAX else f"{Decimal(value):f}"


def _integer(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


# --- for people


def printed(tree: JsonValue) -> str:
    r"""The value whole, as ``print`` would show it: a text without quotes.

    >>> printed("two\nlines") == "two\nlines", printed([1, None])
    (True, '[1, None]')
    """
    return tree if type(tree) is str else shown(tree)


def brief(tree: JsonValue, width: int) -> str:
    """The value on one line in at most ``width`` characters."""
    number = _huge(tree)
    return cut(shown(tree, about), width) if number is None else about(number, width)


def shown(tree: JsonValue, number: Callable[[int], str] = digits) -> str:
    """The value on one line, much as Python writes it; ``number`` writes the integers.

    >>> shown({"when": {"$troth": "date", "value": "2026-01-31"}, "ok": True})
    "{'when': date('2026-01-31'), 'ok': True}"
    """
    if type(tree) is int:
        return number(tree)
    if type(tree) is list:
        return f"[{_joined(tree, number)}]"
    if type(tree) is not dict:
        return repr(tree)
    tag, inner = tagged(tree)
    return _shown_object(tree, number) if tag is None else _shown_tagged(tag, inner, number)


def _shown_tagged(tag: str, inner: JsonValue, number: Callable[[int], str]) -> str:
    match tag, inner:
        case ("tuple", [only]):
            return f"({shown(only, number)},)"
        case (("tuple" | "set" | "frozenset"), list(parts)):
            left, right = _BRACKETS[tag]
            return f"{left}{_joined(parts, number)}{right}" if parts or tag == "tuple" else f"{tag}()"
        case ("int", str(text)):
            return number(_integer(text))
        case ("float", str(text)):
            return text
        case ("dict", dict(members)):
            return _shown_object(members, number)
        case ("map", dict(members)):
            return _shown_object(members, number, _key)
        case _:
            return f"{tag}({shown(inner, number)})"


def _shown_object(members: dict[str, JsonValue], number: Callable[[int], str], key: Callable[[str], str] = repr) -> str:
    return "{" + ", ".join(f"{key(name)}: {shown(part, number)}" for name, part in members.items()) + "}"


def _joined(parts: list[JsonValue], number: Callable[[int], str]) -> str:
    return ", ".join(shown(part, number) for part in parts)


def _key(text: str) -> str:
    """A key that is no text stands as JSON in the object's key."""
    try:
        return shown(decode_json(text.encode()))
    except DecodingError:
        return repr(text)


def _huge(tree: JsonValue) -> int | None:
    match tree:
        case {"$troth": "int", "value": str(text)}:
            return _integer(text)
        case _:
            return None


def about(value: int, width: int = 40) -> str:
    """An integer; of a huge one the first digits and how many there are, without computing the others.

    >>> about(12), about(7 * 10**2000, 24)
    ('12', '70000000… (2,001 digits)')
    """
    if -INT_JSON_MAX < value < INT_JSON_MAX:
        return str(value)
    left_out = int((abs(value).bit_length() - 1) * _DIGITS_PER_BIT) - width
    first = str(abs(value) // 10**left_out)
    return _with_size(("-" if value < 0 else "") + first, len(first) + left_out, width)


def _with_size(first: str, count: int, width: int) -> str:
    size = f"… ({count:,} digits)"
    return first[: max(1, width - len(size))] + size


def cut(text: str, width: int) -> str:
    """The text on one line in at most ``width`` characters; of a long number, its beginning and how long it is.

    >>> cut("abcdef", 4), cut("1234567890" * 5, 24)
    ('abc…', '12345678901… (50 digits)')
    """
    if len(text) <= width and text.isprintable():
        return text
    if text.lstrip("-").isdigit():
        return _with_size(text, len(text.lstrip("-")), width)
    text = visible(text[: width + 1])
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def visible(text: str) -> str:
    r"""The text with what a terminal would obey, or not show, as escapes.

    >>> visible("a\x1b[2J\nb")
    'a\\x1b[2J\\nb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
