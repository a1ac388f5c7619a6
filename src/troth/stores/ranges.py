"""Ranges of ids. Ids are ordered by their UTF-8 bytes, which is also the order of their code points."""

from typing import Final

_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def first_id(prefix: str, cursor: str | None) -> str:
    r"""The smallest id that has the prefix and comes after the cursor.

    >>> first_id("a", None), first_id("a", "b"), first_id("b", "a")
    ('a', 'b\x00', 'b')
    """
    return prefix if cursor is None else max(prefix, cursor + "\0")


def end_id(prefix: str) -> str | None:
    r"""The smallest id after all that have the prefix; None if there is none.

    >>> end_id("factorial-"), end_id("a\U0010ffff"), end_id("")
    ('factorial.', 'b', None)
    """
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _LAST:
            return prefix[:at] + chr(following)
    return None
