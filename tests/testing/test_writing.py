import asyncio

import pytest

from troth.machine.effects import AddCallback, PutPromise, PutSchedule
from troth.machine.footprint import PromiseQuery
from troth.protocol.records import PromiseState
from troth.stores.memory import MemoryStore
from troth.testing import writing
from troth.testing.samples import NOW, TARGET, promise, resolved, schedule, targeted, task
from troth.testing.writing import Pair


def test_what_is_written_is_found_by_every_way_of_reading():
    async def run():
        store = MemoryStore()
        await writing.create(store, targeted("p"), task("p"), resolved("q"))
        await writing.commit(store, AddCallback("p", "q"), PutSchedule(schedule("s")))
        await writing.mark(store, q=True)
        assert await writing.load(store, "p") == Pair(targeted("p"), task("p"))
        assert await writing.load_schedule(store, "s") == schedule("s")
        assert (await writing.subscriptions(store, "p")).awaiter_ids == ["q"]
        assert (await writing.due(store, NOW)).undrained_ids == ("q",)
        assert [each.task for each in await writing.runnable(store, TARGET, NOW)] == [task("p")]
        found = await writing.search(store, PromiseQuery(PromiseState.PENDING, (), "", 9, None))
        assert found.promises == (targeted("p"),)
        assert await writing.await_path(store, "p", "p") == ("p",)

    asyncio.run(run())


def test_a_refusal_is_told_from_a_write():
    async def run():
        store = MemoryStore()
        assert not await writing.refused(store, PutPromise(resolved("p")))
        assert await writing.refused(store, PutPromise(promise("p")))

    asyncio.run(run())


def test_a_promise_is_resolved_at_its_creation_unless_said_otherwise():
    born = promise()
    assert writing.resolve(born).settled_at == born.created_at
    assert writing.resolve(born, at=NOW).settled_at == NOW


def test_what_was_found_and_what_was_wanted_are_both_shown():
    writing.expect(1, 1)
    with pytest.raises(AssertionError, match=r"found   1\nwanted  2"):
        writing.expect(1, 2)
