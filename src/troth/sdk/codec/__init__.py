"""Python values as JSON and back, exactly, as their annotations direct (protocol §8).

The permanent memory goes through here: what would not come back equal is refused at the call, never stored.
"""

from troth.sdk.codec.compiler import converter_for
from troth.sdk.codec.converter import Converter
from troth.sdk.codec.failures import decode_error, encode_error
from troth.sdk.codec.text import (
    canonical_json,
    decode,
    decode_base64,
    decode_json,
    encode,
    encode_json,
    to_base64,
)
from troth.sdk.codec.tree import JsonValue

__all__ = [
    "Converter",
    "JsonValue",
    "canonical_json",
    "converter_for",
    "decode",
    "decode_base64",
    "decode_error",
    "decode_json",
    "encode",
    "encode_error",
    "encode_json",
    "to_base64",
]
