"""What a location means: which store, where."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from troth.errors import LocationError
from troth.stores.base import Store
from troth.stores.memory import MemoryStore
from troth.stores.sqlite import SqliteStore

DEFAULT_PATH: Final = Path(".troth/troth.db")
"""Where an app keeps its promises unless told otherwise, below the working directory."""

MEMORY: Final = ":memory:"


class Location(Struct, frozen=True):
    """A store in this process: a SQLite file, or memory where ``path`` is None."""

    path: Path | None

    async def open(self) -> Store:
        """The store, owned by this process."""
        return MemoryStore() if self.path is None else SqliteStore.open(self.path)

    def __str__(self) -> str:
        return MEMORY if self.path is None else str(self.path)


def parse_location(text: str | None) -> Location:
    """The location that a text names: ``sqlite:///path``, a path, ``:memory:``; None is the default file.

    >>> str(parse_location("sqlite:///data/jobs.db")), str(parse_location("sqlite:////var/jobs.db"))
    ('data/jobs.db', '/var/jobs.db')
    """
    if not text:
        return Location(DEFAULT_PATH)
    if text in (MEMORY, "sqlite:///:memory:"):
        return Location(None)
    scheme, colon, rest = text.partition("://")
    if not colon:
        return Location(Path(text))
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return Location(Path(unquote(rest[1:])))
    if scheme in ("http", "https", "postgresql", "postgres"):
        raise LocationError(
            f"{scheme}:// locations are not served by this version yet; use sqlite:///path/to/troth.db or :memory:"
        )
    raise LocationError(
        f"{text!r} is no location. Write sqlite:///relative/path.db, sqlite:////absolute/path.db, a path, or :memory:"
    )
