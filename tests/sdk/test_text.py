"""Base64 as every SDK of the protocol writes it."""

from base64 import b64decode

import pytest

from troth.sdk.text import to_base64


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", b"\xff\xfe\xfb\xef" * 3, b"x" * 10_000])
def test_bytes_come_back(data: bytes) -> None:
    assert b64decode(to_base64(data), validate=True) == data


def test_the_alphabet_is_the_standard_one_padded_and_on_one_line() -> None:
    assert to_base64(b"\xfb\xef\xff\x00") == "++//AA=="
    assert "\n" not in to_base64(b"x" * 10_000)
