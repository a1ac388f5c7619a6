"""What a failed command says, and the code it ends with."""

import sys
import traceback
from typing import Final

import click

from troth.errors import NotFoundError, StoreError, TrothError, UsageError

CALL_FAILED: Final = 1
USAGE: Final = 2
STORE: Final = 3
INTERRUPTED: Final = 130
"""128 and the number of the signal, as shells report it."""


class Failure(click.ClickException):
    """A failure said in one line that ends with the next step; ``details`` are shown with ``--traceback``."""

    def __init__(self, message: str, code: int, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.details = details


def failure_of(error: TrothError | click.ClickException) -> Failure:
    """An error as a failure of the command."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, click.UsageError):
        return Failure(_with_help(error), USAGE, traceback_of(error))
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), error.exit_code, traceback_of(error))
    return Failure(str(error) or type(error).__name__, _exit_code(error), traceback_of(error))


def report(failure: Failure, *, details: bool) -> None:
    """Say it on stderr."""
    if details and failure.details:
        click.echo(failure.details.rstrip("\n"), err=True)
    click.echo(f"troth: {failure.message}", err=True)


def _exit_code(error: TrothError) -> int:
    if isinstance(error, StoreError):
        return STORE
    return USAGE if isinstance(error, UsageError) and not isinstance(error, NotFoundError) else CALL_FAILED


def _with_help(error: click.UsageError) -> str:
    """The message, and where the command's arguments are explained."""
    message = error.format_message()
    if error.ctx is None:
        return message
    return f"{message.rstrip('.')}. See `{error.ctx.command_path} --help`."


def traceback_of(error: BaseException) -> str:
    """Where it was raised, and what caused it."""
    return "".join(traceback.format_exception(error))


def printable_streams() -> None:
    """Let no character that the terminal lacks end the command: it is shown as its escape instead."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
