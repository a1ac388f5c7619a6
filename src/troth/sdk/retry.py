"""When a failed attempt is made again."""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

_DOUBLINGS_MAX: Final = 60
"""Beyond it every pause is as long as ``delay_max`` allows; and a float holds it."""


class Retry(Struct, frozen=True):
    """Up to ``attempts`` tries; between them ``delay`` seconds, growing as ``backoff`` says, ``delay_max`` at most.

    Only exceptions of the types in ``on`` are retried. ``Retry()`` is three tries, one and two seconds apart.
    """

    attempts: int = 3
    delay: float = 1.0
    backoff: Literal["constant", "linear", "exponential"] = "exponential"
    delay_max: float = 60.0
    on: tuple[type[Exception], ...] = (Exception,)

    def delays(self) -> Iterator[float]:
        """The pauses in seconds between the attempts.

        >>> list(Retry(attempts=4, delay=1, delay_max=3).delays())
        [1, 2, 3]
        """
        for failed in range(1, self.attempts):
            grown = {"constant": 1, "linear": failed, "exponential": 2 ** min(failed - 1, _DOUBLINGS_MAX)}[self.backoff]
            yield min(self.delay * grown, self.delay_max)


ONCE = Retry(attempts=1)
"""No second attempt."""
