"""Ids for calls that have neither key nor caller."""

import secrets
from collections.abc import Callable


class FreshIds:
    """Short texts that are never repeated: time first, so that they sort by age and stay together in an index."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def __call__(self) -> str:
        """Eleven digits of time in milliseconds, ten of chance, in hexadecimal."""
        return f"{self._now():011x}{secrets.token_hex(5)}"
