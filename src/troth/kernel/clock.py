"""Where time comes from. The machine and the stores never ask; they are told."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

_SLEEP_MAX_S: Final = 30.0
"""Longest single wait: after a suspended laptop or a stepped clock, deadlines are late by at most this."""


class Alarm(Protocol):
    """A callback that has not run yet."""

    def cancel(self) -> None:
        """Do not run it."""
        ...


class Clock(Protocol):
    """Wall time in milliseconds since the epoch, and callbacks at an instant of it."""

    def now(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def call_at(self, instant: int, callback: Callable[[], None]) -> Alarm:
        """Run the callback once ``now() >= instant``; it may run early, so it must look at the clock itself."""
        ...


class SystemClock:
    """The machine's clock, on the running event loop."""

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def call_at(self, instant: int, callback: Callable[[], None]) -> Alarm:
        """Run the callback at the instant or, for far ones, early after half a minute."""
        delay_s = max(0.0, (instant - self.now()) / 1000)
        return asyncio.get_running_loop().call_later(min(delay_s, _SLEEP_MAX_S), callback)
