"""Trees as JSON text, and as the base64 of it that the protocol's values carry (protocol §8)."""

import math
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Any, Final

from msgspec import MsgspecError
from msgspec.json import Decoder, Encoder

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.tree import DEPTH_MAX, AnyValue, JsonValue, depth_within, parts_of

_write: Final = Encoder().encode
_write_sorted: Final = Encoder(order="sorted").encode
_read: Final = Decoder().decode

_TOO_DEEP: Final = f"$: expected at most {DEPTH_MAX} levels of arrays and objects"


def encode(value: AnyValue, converter: Converter[Any]) -> str | None:
    """A value as a protocol value's ``data``; None is no data."""
    tree = converter.dump(value)
    if tree is None:
        return None
    return to_base64(_encode_dumped(tree))


def decode(data: str | None, converter: Converter[Any]) -> AnyValue:
    """A protocol value's ``data`` as a value; no data and empty data are None."""
    return converter.load(decode_json(decode_base64(data)) if data else None)


def to_base64(data: bytes) -> str:
    """Bytes as a protocol value's ``data``: standard base64, padded, on one line.

    >>> to_base64(b"troth")
    'dHJvdGg='
    """
    return b2a_base64(data, newline=False).decode()


def decode_base64(data: str) -> bytes:
    """The bytes of a protocol value's ``data``."""
    try:
        return a2b_base64(data, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise DecodingError(f"$: expected base64 text: {error}") from None


def encode_json(tree: JsonValue) -> bytes:
    """A tree as JSON text. A NaN or infinity that no converter dumped is refused: it would become null."""
    raw = _encode_dumped(tree)
    if b"null" in raw and not _finite(tree):
        raise EncodingError("$: expected finite numbers in a tree; NaN and infinities go through Converter.dump")
    return raw


def decode_json(raw: bytes) -> JsonValue:
    """JSON text as a tree; integers are exact. Of a key given twice the last one counts."""
    try:
        tree = _read(raw)
    except (MsgspecError, ValueError) as error:
        raise DecodingError(f"$: expected JSON: {error}") from None
    except RecursionError:
        raise DecodingError(_TOO_DEEP) from None
    if _may_be_deep(raw) and not depth_within(tree, DEPTH_MAX):
        raise DecodingError(_TOO_DEEP)
    return tree


def canonical_json(tree: JsonValue) -> bytes:
    """The one text of a tree, keys sorted at every level: for hashing and comparing."""
    try:
        return _write_sorted(tree)
    except RecursionError:
        raise EncodingError(_TOO_DEEP) from None


def _encode_dumped(tree: JsonValue) -> bytes:
    try:
        raw = _write(tree)
    except ValueError as error:
        raise EncodingError(f"$: expected a tree that JSON can hold: {error}. Make it with Converter.dump") from None
    except RecursionError:
        raise EncodingError(f"{_TOO_DEEP}. Store a flat list of parts that name each other") from None
    if _may_be_deep(raw) and not depth_within(tree, DEPTH_MAX):
        raise EncodingError(f"{_TOO_DEEP}. Store a flat list of parts that name each other")
    return raw


def _may_be_deep(raw: bytes) -> bool:
    """Counting brackets costs next to nothing, and nearly all texts have too few of them to be deep."""
    return len(raw) > 2 * DEPTH_MAX and raw.count(b"[") + raw.count(b"{") > DEPTH_MAX


def _finite(tree: JsonValue) -> bool:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if type(node) is float and not math.isfinite(node):
            return False
        nodes.extend(parts_of(node))
    return True
