import asyncio

import pytest

from troth.stores.memory import MemoryStore


@pytest.fixture
def failing():
    """Tell which checks a store, or a memory store with other transactions, does not pass."""

    def find(checks, defect):
        store_class = defect if issubclass(defect, MemoryStore) else _with(defect)
        return [check.__name__ for check in checks if not _passes(check, store_class)]

    return find


def _with(transaction):
    class Broken(MemoryStore):
        def transaction(self):
            return transaction(self._open_tables(), self._turn)

    return Broken


def _passes(check, store_class):
    try:
        asyncio.run(check(store_class()))
    except Exception:  # noqa: BLE001 - however a defect shows, it was found
        return False
    return True
