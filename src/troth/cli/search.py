"""``troth search``: promises by id."""

import shlex
from typing import Final

import click
from msgspec import Struct

from troth.protocol.records import Promise, PromiseState
from troth.protocol.requests import SearchPromises
from troth.sdk.signature import decode_invocation

from .reading import Look, Stored, look
from .render import appearance, call, dim, outcome, say, say_json, span, width
from .settings import Settings, shared_options
from .values import visible

PAGE: Final = 1_000
"""Promises read at once when the filter is ours, not the store's; the protocol allows no more."""

STATES: Final = {
    "pending": PromiseState.PENDING,
    "resolved": PromiseState.RESOLVED,
    "rejected": PromiseState.REJECTED,
    "canceled": PromiseState.CANCELED,
    "timedout": PromiseState.TIMED_OUT,
}

_CALL_SHARE: Final = 0.45
"""Of the columns that state, id and times leave, what the call may take; its outcome gets the rest."""


class Wanted(Struct, frozen=True):
    """What is searched for."""

    prefix: str
    state: PromiseState | None
    tags: dict[str, str]
    function: str | None
    limit: int
    cursor: str | None


class Found(Struct, frozen=True):
    """What was found; ``cursor`` continues it, None at the end."""

    promises: list[Stored]
    cursor: str | None
    now: int


def _parse_tags(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is no tag: write NAME=VALUE")
        tags[name] = value
    return tags


@click.command("search")
@shared_options
@click.argument("prefix", default="")
@click.option("--state", type=click.Choice(list(STATES)), help="Only promises in this state.")
@click.option(
    "--tag", "tags", multiple=True, callback=_parse_tags, metavar="NAME=VALUE", help="Only with this tag; repeatable."
)
@click.option("--function", metavar="NAME", help="Only calls of this function. Reads every promise of the prefix.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", metavar="ID", help="Go on behind this id; a search that found more says which.")
@click.pass_obj
def command(
    settings: Settings,
    prefix: str,
    state: str | None,
    tags: dict[str, str],
    function: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List promises whose ids begin with PREFIX (all, without one), in the order of their ids.

    AGE is the time since a promise was created, TOOK the time from then until it settled.

    \b
    JSON: {"promises": [{"id", "state", "function", "version", "args", "kwargs", "value", "error",
    "createdAt", "settledAt", "durationMs"}], "cursor"}, as `troth get` has them. "cursor" is null
    on the last page, else what --cursor takes.
    """  # noqa: D301 - click's own escape
    wanted = Wanted(prefix, None if state is None else STATES[state], tags, function, limit, cursor)
    found = look(settings, lambda store: _find(store, wanted))
    if settings.as_json:
        say_json({"promises": [stored.as_json() for stored in found.promises], "cursor": found.cursor})
        return
    _show(found, wanted)


async def _find(store: Look, wanted: Wanted) -> Found:
    """As many as wanted: straight from the store, or page by page where only we can tell which."""
    found: list[Promise] = []
    cursor = wanted.cursor
    while True:
        size = PAGE if wanted.function is not None else min(PAGE, wanted.limit - len(found))
        page = await store.search(SearchPromises(wanted.state, wanted.tags, size, cursor, wanted.prefix))
        found += [promise for promise in page.promises if _is_call_of(wanted.function, promise)]
        cursor = page.cursor
        if len(found) > wanted.limit:
            found = found[: wanted.limit]
            cursor = found[-1].id
        if cursor is None or len(found) == wanted.limit:
            return Found([await store.with_task(promise) for promise in found], cursor, store.now)


def _is_call_of(function: str | None, promise: Promise) -> bool:
    if function is None:
        return True
    invocation = decode_invocation(promise.param.data)
    return invocation is not None and invocation.function == function


def _show(found: Found, wanted: Wanted) -> None:
    if not found.promises:
        say("no promises found.")
        return
    for line in _table(found):
        say(line)
    if found.cursor is not None:
        say(dim(f"more: add --cursor {shlex.quote(visible(found.cursor))}, or --limit {wanted.limit * 10}"))


def _table(found: Found) -> list[str]:
    """Ids are never cut, for they are there to be copied; calls and outcomes are cut to what is left."""
    ids = [visible(stored.promise.id) for stored in found.promises]
    id_width = max(len("ID"), *map(len, ids))
    room = max(40, width() - id_width - 2 - 11 - 2 - 2 * 13)
    calls = [call(stored, int(room * _CALL_SHARE)) for stored in found.promises]
    call_width = max(len("CALL"), *map(len, calls))
    ends = [outcome(stored, room - call_width - 2) for stored in found.promises]
    end_width = max(len("OUTCOME"), *map(len, ends))
    lines = [
        dim(f"{'STATE':<11}  {'ID':<{id_width}}  {'CALL':<{call_width}}  {'OUTCOME':<{end_width}}  {'AGE':<11}  TOOK")
    ]
    for stored, id, said, end in zip(found.promises, ids, calls, ends, strict=True):
        state = appearance(stored.promise, stored.task)
        age = span(found.now - stored.promise.created_at)
        took = "" if stored.took_ms is None else span(stored.took_ms)
        shown = click.style(f"{state.symbol} {state.word:<9}", fg=state.colour)
        lines.append(
            f"{shown}  {id:<{id_width}}  {said:<{call_width}}  {end:<{end_width}}  {dim(f'{age:<11}')}  {took}".rstrip()
        )
    return lines
