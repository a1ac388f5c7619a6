"""The options that every command takes, before or after its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass
class Settings:
    """What was said for the whole command line; ``location`` is None where nothing was."""

    location: str | None = None
    as_json: bool = False
    traceback: bool = False


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Note an option on the settings that group and command share; one that was not given changes nothing."""
    assert parameter.name is not None
    if value:
        setattr(context.ensure_object(Settings), parameter.name, value)


def shared_options(command: Decorated) -> Decorated:
    """Let a command take them. They end up on `Settings`, the context's object."""
    command = click.option(
        "--traceback", is_flag=True, expose_value=False, callback=_keep, help="Show the traceback of an error."
    )(command)
    command = click.option(
        "--json",
        "as_json",
        is_flag=True,
        expose_value=False,
        callback=_keep,
        help="Print JSON, for scripts.",
    )(command)
    return click.option(
        "-l",
        "--location",
        metavar="PLACE",
        expose_value=False,
        callback=_keep,
        help="The store: a file, or sqlite:///path. [default: $TROTH_URL, else .troth/troth.db]",
    )(command)
