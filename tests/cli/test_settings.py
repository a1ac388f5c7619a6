"""The options every command takes."""

import click
from click.testing import CliRunner

from troth.cli.settings import Settings, shared_options


@click.group()
@shared_options
def outer() -> None: ...


@outer.command()
@shared_options
@click.pass_obj
def inner(settings: Settings) -> None:
    click.echo(repr(settings))


def said(*words: str) -> str:
    return CliRunner().invoke(outer, words, obj=Settings()).stdout.strip()


def test_either_place_counts_and_the_later_one_wins() -> None:
    assert said("inner") == repr(Settings())
    assert said("-l", "a", "--json", "inner") == repr(Settings("a", as_json=True))
    assert said("-l", "a", "inner", "--location", "b", "--traceback") == repr(Settings("b", traceback=True))
