"""The group of all commands. A command's module is imported when it is called; help needs none of them."""

import importlib
import os
import sys
import threading
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any, Final, NoReturn

import click

from troth.errors import TrothError

from .failure import INTERRUPTED, Failure, failure_of, printable_streams, report
from .settings import Settings, shared_options

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Compute": {
        "run": "Call a durable function of a file and print its result.",
    },
    "Look (also while a program runs; nothing is ever changed)": {
        "get": "Show one promise: its call, its value or error, its times.",
        "tree": "Draw the calls below a promise.",
        "search": "List promises by the beginning of their ids, state, tags, function.",
    },
}
"""Heading → command → what it does. Each command is ``command`` in the module of its name."""

EXAMPLES: Final = (
    ("troth run examples/factorial.py:factorial 8", "compute it, or look it up"),
    ("troth tree factorial-8", "which calls it was made of"),
    ("troth search factorial- --state pending", "what is not finished yet"),
)


class Commands(click.Group):
    """Imports commands late, lists them by heading, and turns every error of troth into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, as help shows them."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"troth.cli.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; of an unknown one, the closest is suggested."""
        name = args[0]
        if not ctx.resilient_parsing and name not in self.list_commands(ctx):
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean `troth {close[0]}`?" if close else ""
            raise click.UsageError(f"there is no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The commands by heading, then the examples."""
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))
        with formatter.section("Examples"):
            formatter.write_dl(list(EXAMPLES), col_max=50)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line and leave the process with its exit code."""
        printable_streams()
        settings = Settings()
        extra |= {"standalone_mode": False, "obj": settings}
        try:
            code = super().main(*args, **extra) or 0
        except click.Abort:
            code = self._fail(Failure("interrupted.", INTERRUPTED), settings)
        except (TrothError, click.ClickException) as error:
            code = self._fail(failure_of(error), settings)
        sys.exit(code)

    def _fail(self, failure: Failure, settings: Settings) -> int:
        report(failure, details=settings.traceback or os.environ.get("TROTH_DEBUG") == "1")
        if failure.code == INTERRUPTED and _threads_run():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        return failure.code


def _threads_run() -> bool:
    """Whether Python would wait at its end for a function in a thread, which nothing can stop."""
    return any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"troth {version('troth')}")
        context.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the call failed or there is no such promise, 2 wrong usage, 3 the store cannot "
    "serve, 130 interrupted. `troth COMMAND --help` explains a command and its JSON.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Print the version.",
)
@shared_options
@click.pass_context
def main(context: click.Context) -> None:
    """Durable functions with a permanent memory.

    Every call of a durable function is a promise: written once, kept for ever, found again by its id. What was
    computed once is never computed again, and what was interrupted goes on where it stood.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
