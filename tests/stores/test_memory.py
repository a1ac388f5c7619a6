import asyncio

import pytest

from troth.errors import StoreError
from troth.machine.effects import PutPromise
from troth.stores.memory import MemoryStore
from troth.testing.samples import promise, resolved
from troth.testing.writing import commit, create, load, put


def test_what_is_refused_is_named():
    async def run():
        store = MemoryStore()
        await create(store, resolved("p"))
        with pytest.raises(StoreError, match="'p' is settled, and settled is permanent"):
            await commit(store, PutPromise(promise("p")))

    asyncio.run(run())


def test_an_error_between_two_writes_takes_both_back():
    async def write(store):
        async with store.transaction() as tx:
            await put(tx, PutPromise(promise("a")))
            await put(tx, PutPromise(promise("b")))
            raise ZeroDivisionError

    async def run():
        store = MemoryStore()
        with pytest.raises(ZeroDivisionError):
            await write(store)
        await create(store, promise("c"))
        return [each.id for each in (await store.snapshot()).promises]

    assert asyncio.run(run()) == ["c"]


def test_who_is_cancelled_while_waiting_takes_no_turn():
    async def run():
        store = MemoryStore()
        async with store.transaction():
            waiting = asyncio.create_task(create(store, promise("a")))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await create(store, promise("b"))
        return (await load(store, "a")).promise, (await load(store, "b")).promise

    assert asyncio.run(run()) == (None, promise("b"))
