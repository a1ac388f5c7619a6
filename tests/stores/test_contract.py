import asyncio

import pytest

from troth.stores.memory import MemoryStore
from troth.stores.sqlite import SqliteStore
from troth.testing.contract import CONTRACT, Check


def _name(check: Check) -> str:
    return getattr(check, "__name__", repr(check))


@pytest.mark.parametrize("check", CONTRACT, ids=_name)
def test_memory(check):
    asyncio.run(check(MemoryStore()))


@pytest.mark.parametrize("check", CONTRACT, ids=_name)
def test_sqlite(check, tmp_path):
    async def run():
        store = SqliteStore.open(tmp_path / "troth.db")
        try:
            await check(store)
        finally:
            await store.close()

    asyncio.run(run())
