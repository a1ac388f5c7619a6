"""``troth run``: a durable call from the command line."""

import asyncio
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import click
from msgspec import Struct

from troth.embedded.location import parse_location
from troth.protocol.records import Promise, PromiseState
from troth.sdk.signature import Arguments

from .arguments import parse_arguments
from .failure import CALL_FAILED, INTERRUPTED, Failure
from .reading import error_json
from .render import say_json
from .settings import Settings, shared_options
from .target import Target, find_target
from .values import failed_with, plain, printed, stored_tree

_NEGATIVE: Final = re.compile(r"-\.?\d.*")
_SHIELD: Final = "\0"
"""Stands before a negative number while click looks for options; no argument can contain it."""


class _RunCommand(click.Command):
    """Takes ``-5`` for an argument, not for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with negative numbers shielded unless an option before them takes them."""
        takers = {name for p in self.params if isinstance(p, click.Option) and not p.is_flag for name in p.opts}
        shielded = [
            _SHIELD + text if _NEGATIVE.fullmatch(text) and before not in takers else text
            for before, text in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, shielded)


class _Wish(Struct):
    """What was asked for, and once the call has begun, its id."""

    target: Target
    arguments: Arguments
    id: str | None
    timeout_s: float | None
    begun_id: str | None = None


@click.command("run", cls=_RunCommand)
@shared_options
@click.option("--id", metavar="ID", help="The call's id, instead of the one its function's key gives it.")
@click.option("--timeout", type=float, metavar="SECONDS", help="From now to the call's deadline.")
@click.argument("target", metavar="FILE:FUNCTION")
@click.argument("texts", nargs=-1, metavar="[ARGS]...")
@click.pass_obj
def command(settings: Settings, id: str | None, timeout: float | None, target: str, texts: tuple[str, ...]) -> None:
    """Call FUNCTION of the Python file FILE durably and print its result.

    A call that was made before is answered from the store, one that was interrupted goes on where it stood. FUNCTION
    is the name in the file or the registered one; the app is the one in the file, with its own location unless
    --location names another.

    ARGS are read by the function's annotations: as JSON where they are JSON and the parameter is no str, else as
    text. NAME=ARG gives an argument by name. What looks like an option goes behind a --.

    \b
      troth run jobs.py:factorial 8
      troth run jobs.py:report "first quarter" pages='[1, 2]'
      troth run --id order-17 shop.py:checkout '{"sku": "a1", "count": 2}'

    \b
    JSON: {"id", "value"}, or {"id", "error": {"type", "message", "traceback"}} with exit code 1.
    What the program itself prints then goes to stderr.
    """  # noqa: D301 - click's own escape
    with _quiet(wanted=settings.as_json):
        found = find_target(target)
        arguments = parse_arguments(found.function, [text.removeprefix(_SHIELD) for text in texts])
        wish = _Wish(found, arguments, id, timeout)
        if settings.location is not None:
            found.app.location = parse_location(settings.location)
        try:
            record = asyncio.run(_call(wish))
        except KeyboardInterrupt:
            raise _interrupted(wish) from None
    _report(record, settings)


@contextmanager
def _quiet(*, wanted: bool) -> Generator[None]:
    """Keep what the program prints out of what we print."""
    if not wanted:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


async def _call(wish: _Wish) -> Promise:
    """The call's promise, once it is settled."""
    app, function = wish.target.app, wish.target.function
    args, kwargs = wish.arguments.positional, wish.arguments.keyword
    async with app:
        handle: Any = await app.options(id=wish.id, timeout=wish.timeout_s).start(function, *args, **kwargs)
        wish.begun_id = handle.id
        try:
            await app.options(id=handle.id).rpc(function, *args, **kwargs)
        except Exception:
            record = await handle.record()
            if record.state is PromiseState.PENDING:
                raise
            return record
        return await handle.record()


def _report(record: Promise, settings: Settings) -> None:
    failed = failed_with(record)
    if failed is None:
        tree = stored_tree(record.value.data)
        if settings.as_json:
            say_json({"id": record.id, "value": plain(tree)})
        else:
            click.echo(printed(tree))
        return
    if settings.as_json:
        say_json({"id": record.id, "error": error_json(failed)})
    hint = "" if settings.traceback or not failed.traceback else " (--traceback shows where)"
    raise Failure(f"{record.id} failed with {failed}{hint}", CALL_FAILED, failed.traceback)


def _interrupted(wish: _Wish) -> Failure:
    if wish.begun_id is None:
        return Failure("interrupted before the call had begun.", INTERRUPTED)
    found_again = wish.id is not None or wish.target.function.keyed
    resume = "the same command" + ("" if found_again else f" with --id {wish.begun_id}")
    return Failure(f"interrupted. The run {wish.begun_id} is kept; {resume} resumes it.", INTERRUPTED)
