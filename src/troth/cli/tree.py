"""``troth tree``: the calls below a promise."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import click
from msgspec import Struct

from troth.protocol.records import Promise

from .reading import Look, Stored, look
from .render import appearance, call, dim, outcome, say, say_json, span, width
from .settings import Settings, shared_options
from .values import visible

INDENTED_MAX: Final = 12
"""Levels drawn by indentation; from there on a line says its level as a number, or deep trees would leave the page."""

COUNTED_MAX: Final = 100_000
"""Calls beyond the limit that are walked to say how many there are."""

_CALL_SHARE: Final = 0.5
"""Of a line's columns, what the call may take."""


class Row(Struct, frozen=True):
    """A call in the tree. ``last`` says of each level whether it ends there, the outermost first and 12 at most.

    ``shared``: the promise was met before, what it called is not walked again.
    """

    stored: Stored
    callees: tuple[Promise, ...]
    depth: int
    last: tuple[bool, ...]
    shared: bool
    folded: bool
    """It has callees, but lies as deep as was asked for."""


class Walked(Struct, frozen=True):
    """The rows up to the limit, and how many calls and how many promises more there are."""

    rows: list[Row]
    more_calls: int
    more_promises: int


@click.command("tree")
@shared_options
@click.argument("id")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Levels below ID.  [default: all]")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    metavar="N",
    help="Lines at most; in JSON, promises.",
)
@click.pass_obj
def command(settings: Settings, id: str, depth: int | None, limit: int) -> None:
    """Draw the calls below the promise ID: who called what, in the order of the calls.

    A line is state, call, = value or ! error, how long it took, and the id. A promise that was called more than
    once is unfolded where it comes first; afterwards it is marked "shared".

    \b
    ✓ resolved   ✗ rejected   ⊘ canceled   ⧖ timed out
    ● running    ◌ waiting for a call   ○ queued   ■ halted
    ◇ pending without a task: a call that runs in its caller's, or one that is settled from outside

    \b
    JSON: {"root", "nodes": {id: {"id", "state", "function", "version", "args", "kwargs", "value",
    "error", "createdAt", "settledAt", "durationMs", "callees": [id, …]}}, "omitted"}. "omitted"
    counts the promises beyond --limit (at most 100000 of them); those and the ones below --depth
    are named as callees without being nodes.
    """  # noqa: D301 - click's own escape
    walked = look(settings, lambda store: _walk(store, id, depth, limit, lines=not settings.as_json))
    if settings.as_json:
        say_json(_as_json(id, walked))
        return
    for line in _drawn(walked, width()):
        say(line)
    if walked.more_calls:
        count = f"more than {COUNTED_MAX:,}" if walked.more_calls >= COUNTED_MAX else f"{walked.more_calls:,}"
        say(dim(f"… {count} more calls are not shown: --limit {limit + walked.more_calls} or --depth N."))


async def _walk(store: Look, id: str, depth: int | None, limit: int, *, lines: bool) -> Walked:
    """The tree's rows; ``lines``: the limit counts rows, else promises. Beyond it they are only counted."""
    rows: list[Row] = []
    promises = more_calls = more_promises = 0
    async for row in _rows(store, await store.stored(id), depth):
        if (len(rows) if lines else promises) < limit:
            rows.append(row)
            promises += not row.shared
        else:
            more_calls += 1
            more_promises += not row.shared
            if more_calls >= COUNTED_MAX:
                break
    return Walked(rows, more_calls, more_promises)


async def _rows(store: Look, root: Stored, depth_max: int | None) -> AsyncIterator[Row]:
    """Depth first, with a stack of our own: a call tree may be deeper than Python's."""
    seen: set[str] = set()
    open_levels: list[Iterator[tuple[Promise, bool]]] = []
    ends: list[bool] = []
    stored, last = root, True
    while True:
        shared = stored.promise.id in seen
        seen.add(stored.promise.id)
        callees = () if shared else await store.callees(stored.promise.id)
        depth = len(open_levels)
        folded = bool(callees) and depth_max is not None and depth >= depth_max
        outer = tuple(ends[1:INDENTED_MAX])
        yield Row(stored, callees, depth, (*outer, last) if depth else (), shared, folded)
        open_levels.append(iter(()) if folded else _with_ends(callees))
        ends.append(last)
        following = None
        while open_levels and (following := next(open_levels[-1], None)) is None:
            open_levels.pop()
            ends.pop()
        if following is None:
            return
        stored, last = await store.with_task(following[0]), following[1]


def _with_ends(callees: tuple[Promise, ...]) -> Iterator[tuple[Promise, bool]]:
    return ((promise, number == len(callees)) for number, promise in enumerate(callees, 1))


def _as_json(root_id: str, walked: Walked) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        row.stored.promise.id: {**row.stored.as_json(), "callees": [callee.id for callee in row.callees]}
        for row in walked.rows
        if not row.shared
    }
    return {"root": root_id, "nodes": nodes, "omitted": walked.more_promises}


# --- drawing


def _drawn(walked: Walked, columns: int) -> Iterator[str]:
    for row in walked.rows:
        yield _line(row, columns)


def _line(row: Row, columns: int) -> str:
    """The id is never cut, for it is there to be copied; call and outcome are cut to what it leaves."""
    stored, prefix = row.stored, _prefix(row)
    id = visible(stored.promise.id)
    state = appearance(stored.promise, stored.task)
    after = _after(row)
    room = max(30, columns - len(prefix) - len(state.symbol) - len(after) - len(id) - 6)
    said = call(stored, max(20, int(room * _CALL_SHARE)))
    end = outcome(stored, room - len(said) - 1) or click.style(state.word, fg=state.colour)
    symbol = click.style(state.symbol, fg=state.colour)
    if stored.failed is not None:
        end = click.style(end, fg=state.colour)
    return f"{dim(prefix)}{symbol} {said} {end}  {dim(f'{after}  {id}' if after else id)}"


def _after(row: Row) -> str:
    if row.shared:
        return "shared, see above"
    took = "" if row.stored.took_ms is None else span(row.stored.took_ms)
    below = f"{len(row.callees):,} calls below" if row.folded else ""
    return ", ".join(part for part in (took, below) if part)


def _prefix(row: Row) -> str:
    """The lines that lead to the row.

    >>> from troth.protocol.records import NO_VALUE, Promise, PromiseState
    >>> stored = Stored(Promise("a", PromiseState.PENDING, NO_VALUE, NO_VALUE, {}, 0, 0))
    >>> _prefix(Row(stored, (), 2, (False, True), False, False))
    '│  └─ '
    """
    if not row.last:
        return ""
    corner = "└─ " if row.last[-1] else "├─ "
    if row.depth > INDENTED_MAX:
        return f"{row.depth:>{3 * INDENTED_MAX - 6},} ⋯ {corner}"
    return "".join("   " if ended else "│  " for ended in row.last[:-1]) + corner
