"""``troth get``: one promise."""

from collections.abc import Iterator
from typing import Any

import click
from msgspec import Struct

from troth.protocol.records import NEVER, Promise, PromiseState, Task

from .reading import Look, Stored, look, wire_json
from .render import appearance, dim, instant, say, say_json, span
from .settings import Settings, shared_options
from .values import printed, visible

_LABEL_WIDTH = 10


class Found(Struct, frozen=True):
    """Everything about one promise."""

    stored: Stored
    callers: tuple[Promise, ...]
    callees: tuple[Promise, ...]
    now: int


@click.command("get")
@shared_options
@click.argument("id")
@click.pass_obj
def command(settings: Settings, id: str) -> None:
    """Show the promise ID: its call, its value or error, when, how long, and how far its work is.

    Callers and callees are counted here; `troth tree` shows who they are.

    \b
    JSON: {"id", "state", "function", "version", "args", "kwargs", "value", "error": {"type",
    "message", "traceback"}, "createdAt", "settledAt", "durationMs", "callers", "callees",
    "promise", "task"}. Members are null where there is nothing. "promise" and "task" are the
    records as the protocol defines them; the rest is decoded, integers of more than 600 digits
    as text. States: pending, resolved, rejected, rejected_canceled, rejected_timedout. Instants
    are milliseconds since 1970.
    """  # noqa: D301 - click's own escape
    found = look(settings, lambda store: _find(store, id))
    if settings.as_json:
        say_json(_as_json(found))
        return
    for line in _lines(found, traceback=settings.traceback):
        say(line)


async def _find(store: Look, id: str) -> Found:
    stored = await store.stored(id)
    task = stored.task or await store.task(id)
    whole = Stored(stored.promise, task)
    return Found(whole, await store.callers(id), await store.callees(id), store.now)


def _as_json(found: Found) -> dict[str, Any]:
    return {
        **found.stored.as_json(),
        "callers": len(found.callers),
        "callees": len(found.callees),
        "promise": wire_json(found.stored.promise),
        "task": wire_json(found.stored.task),
    }


def _lines(found: Found, *, traceback: bool) -> Iterator[str]:
    stored, promise = found.stored, found.stored.promise
    state = appearance(promise, stored.task)
    title = click.style(f"{state.symbol} {state.word}", fg=state.colour)
    yield f"{title}  {click.style(visible(promise.id), bold=True)}"
    if stored.invocation is not None:
        yield _field("call", visible(stored.call()))
    if promise.state is PromiseState.RESOLVED:
        yield _field("value", printed(stored.value))
    elif (failed := stored.failed) is not None:
        yield _field("error", str(failed))
        if failed.traceback and traceback:
            yield _field("", failed.traceback.rstrip("\n"))
        elif failed.traceback:
            yield _field("", dim("--traceback shows where it was raised"))
    yield _field("created", f"{instant(promise.created_at)}  {dim(f'{span(found.now - promise.created_at)} ago')}")
    if promise.settled_at is not None and stored.took_ms is not None:
        yield _field("settled", f"{instant(promise.settled_at)}  {dim(f'took {span(stored.took_ms)}')}")
    elif promise.timeout_at < NEVER:
        yield _field("deadline", f"{instant(promise.timeout_at)}  {dim(f'in {span(promise.timeout_at - found.now)}')}")
    if stored.task is not None:
        yield _field("task", _task(stored.task))
    yield _field("callers", _named(found.callers))
    yield _field("callees", _named(found.callees))
    for name, text in promise.tags.items():
        yield _field("tag", f"{visible(name)}={visible(text)}")


def _task(task: Task) -> str:
    held = "" if task.pid is None else f", held by {visible(task.pid)}"
    times = "once" if task.version == 1 else f"{task.version} times"
    return f"{task.state.value}{held}, " + ("not started yet" if task.version == 0 else f"handed out {times}")


def _named(promises: tuple[Promise, ...]) -> str:
    if not promises:
        return "none"
    first = ", ".join(visible(promise.id) for promise in promises[:3])
    return f"{len(promises):,}  {dim(first + (', …' if len(promises) > 3 else ''))}"


def _field(label: str, text: str) -> str:
    """A labelled text; further lines of it are set below the first."""
    return f"  {dim(label.ljust(_LABEL_WIDTH))}{text.replace(chr(10), chr(10) + ' ' * (_LABEL_WIDTH + 2))}"
