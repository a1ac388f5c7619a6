"""Bytes as the base64 text that a Value's data is (protocol §8)."""

import binascii


def to_base64(data: bytes) -> str:
    """Standard base64, padded, on one line.

    >>> to_base64(b"troth")
    'dHJvdGg='
    """
    return binascii.b2a_base64(data, newline=False).decode("ascii")
