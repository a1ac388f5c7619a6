"""How the commands show things at a terminal: symbols, colours, spans, instants; and JSON for scripts."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from typing import Any, Final

import click
from msgspec import Struct

from troth.protocol.records import NEVER, Promise, PromiseState, Task, TaskState

from .reading import Stored
from .values import about, brief, cut

PIPED_WIDTH: Final = 160
"""Columns when the output is no terminal."""


class Look(Struct, frozen=True):
    """How a state appears."""

    symbol: str
    word: str
    colour: str


_SETTLED: Final = {
    PromiseState.RESOLVED: Look("✓", "resolved", "green"),
    PromiseState.REJECTED: Look("✗", "rejected", "red"),
    PromiseState.CANCELED: Look("⊘", "canceled", "yellow"),
    PromiseState.TIMED_OUT: Look("⧖", "timed out", "yellow"),
}
_AT_WORK: Final = {
    TaskState.PENDING: Look("○", "queued", "blue"),
    TaskState.ACQUIRED: Look("●", "running", "cyan"),
    TaskState.SUSPENDED: Look("◌", "waiting", "blue"),
    TaskState.HALTED: Look("■", "halted", "yellow"),
}
_PENDING: Final = Look("◇", "pending", "blue")


def appearance(promise: Promise, task: Task | None) -> Look:
    """How the promise appears: by its state and, while it is pending, by that of its task."""
    settled = _SETTLED.get(promise.state)
    if settled is not None:
        return settled
    return _PENDING if task is None else _AT_WORK.get(task.state, _PENDING)


def outcome(stored: Stored, width: int) -> str:
    """``= value`` or ``! error`` in at most ``width`` characters; empty while pending."""
    room = max(8, width - 2)
    if stored.promise.state is PromiseState.RESOLVED:
        return f"= {brief(stored.value, room)}"
    failed = stored.failed
    return "" if failed is None else f"! {cut(str(failed), room)}"


def call(stored: Stored, width: int) -> str:
    """The call in at most ``width`` characters."""
    return cut(stored.call(about), width)


def say(line: str = "") -> None:
    """Print a line; its colours only to a terminal, and not where NO_COLOR is set."""
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def dim(text: str) -> str:
    """Less important."""
    return click.style(text, dim=True) if text else ""


def width() -> int:
    """The columns of the terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED_WIDTH


def say_json(tree: Any) -> None:
    """Print JSON."""
    utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    click.echo(json.dumps(tree, indent=2, ensure_ascii=not utf8))


_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def span(ms: int) -> str:
    """A span in its two largest units.

    >>> span(7), span(1_240), span(59_960), span(125_000), span(90_000_000)
    ('7 ms', '1.2 s', '60.0 s', '2 min 5 s', '1 d 1 h')
    """
    if ms < 1_000:
        return f"{max(0, ms)} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    rest, parts = ms // 1000, list[str]()
    for size, unit in (*_UNITS, (1, "s")):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def instant(ms: int) -> str:
    """An instant in the time zone of the reader."""
    if ms >= NEVER:
        return "never"
    try:
        at = datetime.fromtimestamp(ms / 1000, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms after 1970"
    return f"{at:%Y-%m-%d %H:%M:%S}.{ms % 1000:03d} {at:%z}"
