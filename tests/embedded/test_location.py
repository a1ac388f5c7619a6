import asyncio
from pathlib import Path

import pytest

from troth.embedded.location import DEFAULT_PATH, Location, parse_location
from troth.errors import LocationError, StoreOwnedError
from troth.stores.memory import MemoryStore
from troth.stores.sqlite import SqliteStore


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_is_the_default_file(text):
    assert parse_location(text) == Location(DEFAULT_PATH) == Location(Path(".troth/troth.db"))


@pytest.mark.parametrize("text", [":memory:", "sqlite:///:memory:"])
def test_memory(text):
    assert parse_location(text) == Location(None)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("jobs.db", "jobs.db"),
        ("data/jobs.db", "data/jobs.db"),
        ("/var/jobs.db", "/var/jobs.db"),
        ("sqlite:///jobs.db", "jobs.db"),
        ("sqlite:////var/jobs.db", "/var/jobs.db"),
        ("sqlite:///my%20jobs.db", "my jobs.db"),
        ("my%20jobs.db", "my%20jobs.db"),
    ],
)
def test_a_file(text, path):
    assert parse_location(text) == Location(Path(path))


@pytest.mark.parametrize("text", ["http://host:8001", "https://host", "postgresql://host/db", "postgres://host/db"])
def test_what_is_not_served_yet_is_said_so(text):
    with pytest.raises(LocationError, match="not served by this version"):
        parse_location(text)


@pytest.mark.parametrize("text", ["redis://host", "sqlite://jobs.db", "sqlite:///", "sqlite://", "://x"])
def test_what_names_no_store_is_refused_with_what_to_write(text):
    with pytest.raises(LocationError, match=r"sqlite:///relative/path\.db"):
        parse_location(text)


@pytest.mark.parametrize("text", [":memory:", "data/jobs.db"])
def test_it_reads_as_it_was_written(text):
    assert str(parse_location(text)) == text


def test_opening_memory_makes_a_store_of_its_own_each_time():
    async def main():
        location = Location(None)
        first, second = await location.open(), await location.open()
        assert isinstance(first, MemoryStore)
        assert first is not second

    asyncio.run(main())


def test_opening_a_file_owns_it(tmp_path):
    async def main():
        location = Location(tmp_path / "folder" / "troth.db")
        store = await location.open()
        assert isinstance(store, SqliteStore)
        with pytest.raises(StoreOwnedError):
            await location.open()
        await store.close()
        await (await location.open()).close()

    asyncio.run(main())
