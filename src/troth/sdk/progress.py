"""A line on the terminal while somebody waits for a long run."""

import asyncio
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TextIO

FIRST_S: Final = 1.0
"""Calls shorter than this show nothing."""

EVERY_S: Final = 0.2
_CLEAR_LINE: Final = "\r\x1b[K"


class Progress:
    """Shows what ``describe`` says, on a terminal only; anywhere else it does nothing."""

    def __init__(self, stream: TextIO | None = None, *, wanted: bool = True) -> None:
        self._stream = stream or sys.stderr
        self._wanted = wanted
        self._shown = 0

    @contextmanager
    def shown(self, describe: Callable[[float], str]) -> Generator[None]:
        """While the block runs, show what ``describe`` says, given the seconds since it began; only the outermost."""
        if not self._wanted or self._shown or not self._stream.isatty():
            yield
            return
        self._shown += 1
        line = _Line(self._stream, describe)
        try:
            yield
        finally:
            line.end()
            self._shown -= 1


class _Line:
    """The line, repeated until it ends."""

    def __init__(self, stream: TextIO, describe: Callable[[float], str]) -> None:
        self._stream = stream
        self._describe = describe
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._drawn = False
        self._next = self._loop.call_later(FIRST_S, self._draw)

    def _draw(self) -> None:
        text = self._describe(self._loop.time() - self._began)
        self._stream.write(_CLEAR_LINE + text)
        self._stream.flush()
        self._drawn = True
        self._next = self._loop.call_later(EVERY_S, self._draw)

    def end(self) -> None:
        """Wipe the line."""
        self._next.cancel()
        if self._drawn:
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()
