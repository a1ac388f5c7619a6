"""A clock that stands still until it is told to move, so that a test of deadlines waits for nothing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Final

START: Final = 1_700_000_000_000
"""Where the clock stands at first: milliseconds since the epoch, a day in November 2023."""


class ManualAlarm:
    """A callback that has not run yet."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not run it."""
        self.callback = None


class ManualClock:
    """A `troth.kernel.clock.Clock` moved by hand. ``advance`` and ``jump_to_next`` run what has become due.

    An alarm set for an instant that has come already runs in the next turn of the event loop, as on the real
    clock; without a running loop, when the clock is moved next.
    """

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._alarms: list[tuple[int, int, ManualAlarm]] = []
        self._numbers = count()

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._now

    @property
    def next_at(self) -> int | None:
        """The instant of the earliest alarm; None if none is set."""
        while self._alarms and self._alarms[0][2].callback is None:
            heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def call_at(self, instant: int, callback: Callable[[], None]) -> ManualAlarm:
        """Run the callback once ``now() >= instant``; of several at one instant, the one set first."""
        alarm = ManualAlarm(callback)
        heappush(self._alarms, (instant, next(self._numbers), alarm))
        if instant <= self._now:
            with suppress(RuntimeError):  # no loop is running
                asyncio.get_running_loop().call_soon(self.advance, 0)
        return alarm

    def advance(self, ms: int) -> None:
        """Let so many milliseconds pass: each alarm rings at its own instant, also one that another has set."""
        assert ms >= 0, "time does not run backwards"
        end = self._now + ms
        while (instant := self.next_at) is not None and instant <= end:
            _, _, alarm = heappop(self._alarms)
            callback, alarm.callback = alarm.callback, None
            self._now = max(self._now, instant)
            if callback is not None:
                callback()
        self._now = max(self._now, end)

    def jump_to_next(self) -> int | None:
        """Let time pass until the earliest alarm rings; the instant, or None where none is set."""
        instant = self.next_at
        if instant is not None:
            self.advance(max(0, instant - self._now))
        return instant
