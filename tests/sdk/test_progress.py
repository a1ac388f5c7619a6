"""The line for whoever waits at a terminal."""

import asyncio
import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from troth.sdk.progress import EVERY_S, FIRST_S, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Timers:
    """Stands in for the loop's ``call_later``: a test fires what is due."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.set: list[tuple[float, Callable[[], None], Handle]] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr(loop, "call_later", self.call_later)

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Handle":
        handle = Handle()
        self.set.append((self.now + delay, callback, handle))
        return handle

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.set if timer[0] <= self.now]
        self.set = [timer for timer in self.set if timer[0] > self.now]
        for _, callback, handle in due:
            if not handle.cancelled:
                callback()


class Handle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def seconds(elapsed_s: float) -> str:
    return f"{elapsed_s:.1f} s"


def test_a_long_call_shows_a_line_that_is_wiped_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        terminal, timers = Terminal(), Timers(monkeypatch)
        with Progress(terminal).shown(seconds):
            assert terminal.getvalue() == ""
            timers.advance(FIRST_S)
            assert terminal.getvalue() == "\r\x1b[K1.0 s"
            timers.advance(EVERY_S)
            assert terminal.getvalue() == "\r\x1b[K1.0 s\r\x1b[K1.2 s"
        assert terminal.getvalue().endswith("1.2 s\r\x1b[K")
        written = terminal.getvalue()
        timers.advance(10)
        assert terminal.getvalue() == written

    asyncio.run(story())


def test_a_short_call_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        terminal, timers = Terminal(), Timers(monkeypatch)
        with Progress(terminal).shown(seconds):
            timers.advance(FIRST_S / 2)
        timers.advance(FIRST_S)
        assert terminal.getvalue() == ""

    asyncio.run(story())


def test_only_the_outermost_call_shows_and_then_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        terminal, timers = Terminal(), Timers(monkeypatch)
        progress = Progress(terminal)
        with progress.shown(lambda _: "outer"):
            with progress.shown(lambda _: "inner"):
                timers.advance(FIRST_S)
            timers.advance(EVERY_S)
        assert "inner" not in terminal.getvalue()
        assert terminal.getvalue().count("outer") == 2
        with suppress(LookupError), progress.shown(lambda _: "next"):
            timers.advance(FIRST_S)
            raise LookupError
        assert terminal.getvalue().endswith("next\r\x1b[K")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)], ids=["no terminal", "not wanted"]
)
def test_otherwise_it_does_nothing(stream: Any, wanted: bool) -> None:
    with Progress(stream, wanted=wanted).shown(seconds):  # needs no loop
        pass
    assert stream.getvalue() == ""
