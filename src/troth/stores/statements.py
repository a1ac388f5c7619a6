"""The SQL of the SQLite store, read once from the ``.sql`` files that are part of the package."""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Final

_HEADING: Final = re.compile(r"^-- (name|fragment): (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*$\n?", re.MULTILINE)
_MIGRATION: Final = re.compile(r"^(\d{4})_\w+\.sql$")


def parse_statements(text: str) -> dict[str, str]:
    """The named statements of a file, fragments filled in.

    >>> parse_statements('''-- fragment: who
    ... id, name
    ... -- name: everybody
    ... SELECT {who} FROM people''')
    {'everybody': 'SELECT id, name FROM people'}
    """
    fragments: dict[str, str] = {}
    statements: dict[str, str] = {}
    _, *parts = _HEADING.split(text)
    for kind, name, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        sql = _COMMENT.sub("", body).strip()
        if kind == "fragment":
            fragments[name] = sql
        else:
            statements[name] = sql.format_map(fragments)
    return statements


def schema() -> str:
    """The whole schema as it is now."""
    return (resources.files("troth.stores") / "sql" / "schema.sql").read_text("utf-8")


def migrations() -> list[str]:
    """The migrations in order, which applied to an empty file give the schema. Number n stands at n - 1."""
    folder = resources.files("troth.stores") / "sql" / "migrations"
    numbered = {int(match[1]): file for file in folder.iterdir() if (match := _MIGRATION.match(file.name)) is not None}
    assert sorted(numbered) == list(range(1, len(numbered) + 1)), sorted(numbered)
    return [numbered[number].read_text("utf-8") for number in sorted(numbered)]


STATEMENTS: Final[Mapping[str, str]] = parse_statements(
    (resources.files("troth.stores") / "sql" / "queries.sql").read_text("utf-8")
)
"""Every statement by its name."""
