import asyncio

import pytest

from troth.embedded.location import Location
from troth.embedded.transport import PID_PREFIX, EmbeddedTransport
from troth.errors import ClosedError, StoreFullError
from troth.protocol.answers import PromiseAnswer, TaskAnswer
from troth.protocol.records import NEVER, PromiseState, Tag, TaskState
from troth.protocol.requests import CreatePromise, CreateTask, GetPromise, GetTask, SettlePromise
from troth.sdk.transport.base import Transport
from troth.stores.memory import MemoryStore
from troth.testing.clock import ManualClock
from troth.testing.samples import TARGET

TTL_MS = 30_000


class Kept(MemoryStore):
    """A memory that outlives its closing, as a file does."""

    closings = 0
    failure = None

    async def close(self):
        self.closings += 1

    def transaction(self):
        if self.failure is not None:
            raise self.failure
        return super().transaction()


class Taker:
    """A worker that takes notes."""

    ttl_ms = TTL_MS
    targets = (TARGET,)

    def __init__(self, pid="taker", room=1):
        self.pid = pid
        self.ids = []
        self.free = room

    def room(self):
        return self.free

    def accepts(self, param):
        return True

    def deliver(self, grant):
        self.free -= 1
        self.ids.append(grant.task.id)


def transport_of(store, clock=None):
    async def open_store():
        return store

    return EmbeddedTransport(open_store, clock or ManualClock())


def held_by(pid, *ids):
    tags = {Tag.TARGET: TARGET}
    return [CreateTask(pid, TTL_MS, CreatePromise(id, NEVER, tags=tags)) for id in ids]


def pending(*ids):
    return [CreatePromise(id, NEVER, tags={Tag.TARGET: TARGET}) for id in ids]


async def task(transport, id):
    (response,) = await transport.submit([GetTask(id)])
    assert isinstance(response.data, TaskAnswer)
    return response.data.task


def test_requests_are_answered_in_order():
    async def main():
        transport: Transport = transport_of(MemoryStore())
        await transport.open()
        created, found = await transport.submit([CreatePromise("p", NEVER), GetPromise("p")])
        assert isinstance(created.data, PromiseAnswer)
        assert found.data == created.data
        await transport.close()

    asyncio.run(main())


def test_before_it_is_open_nothing_can_be_sent():
    with pytest.raises(AssertionError, match="not open"):
        transport_of(MemoryStore()).submit([])


def test_its_time_is_the_clocks():
    clock = ManualClock(5)
    assert transport_of(MemoryStore(), clock).now() == 5


def test_what_is_stored_in_a_file_is_there_after_closing(tmp_path):
    async def main():
        location = Location(tmp_path / "troth.db")
        for expected in (404, 200):
            transport = EmbeddedTransport(location.open, ManualClock())
            await transport.open()
            found, _ = await transport.submit([GetPromise("p"), CreatePromise("p", NEVER)])
            assert found.status == expected
            await transport.close()

    asyncio.run(main())


def test_a_watcher_is_told_and_one_taken_back_is_not():
    async def main():
        transport = transport_of(MemoryStore())
        await transport.open()
        told, not_told = [], []
        transport.watch("p", told.append)
        transport.watch("p", not_told.append)
        transport.unwatch("p", not_told.append)
        await transport.submit([CreatePromise("p", NEVER), SettlePromise("p", PromiseState.RESOLVED)])
        assert ([record.state for record in told], not_told) == ([PromiseState.RESOLVED], [])
        await transport.close()

    asyncio.run(main())


def test_a_connected_worker_is_handed_tasks_until_it_is_disconnected():
    async def main():
        transport = transport_of(MemoryStore())
        await transport.open()
        taker = Taker(room=1)
        transport.connect(taker)
        await transport.submit(pending("a", "b"))
        assert taker.ids == ["a"]
        taker.free = 1
        transport.poke()
        await transport.submit([])
        assert taker.ids == ["a", "b"]
        taker.free = 1
        transport.disconnect(taker)
        await transport.submit(pending("c"))
        assert taker.ids == ["a", "b"]
        await transport.close()

    asyncio.run(main())


def test_tasks_of_the_last_owner_of_the_store_are_taken_back_at_opening():
    async def main():
        store = Kept()
        before = transport_of(store)
        await before.open()
        await before.submit([*held_by(f"{PID_PREFIX}1:dead", "a", "b"), *held_by("elsewhere", "c")])
        await before.close()
        transport = transport_of(store)
        await transport.open()
        states = [(await task(transport, id)).state for id in "abc"]
        assert states == [TaskState.PENDING, TaskState.PENDING, TaskState.ACQUIRED]
        assert (await task(transport, "a")).version == 1
        await transport.close()

    asyncio.run(main())


def test_more_tasks_than_fit_one_page_are_taken_back():
    async def main():
        store, ids = Kept(), [f"t{n:04}" for n in range(2_100)]
        before = transport_of(store)
        await before.open()
        await before.submit(held_by(f"{PID_PREFIX}1:dead", *ids))
        await before.close()
        transport = transport_of(store)
        await transport.open()
        assert {stored.state for stored in (await store.snapshot()).tasks} == {TaskState.PENDING}
        await transport.close()

    asyncio.run(main())


def test_closing_answers_what_was_sent_and_closes_the_store_once():
    async def main():
        store = Kept()
        transport = transport_of(store)
        await transport.open()
        sent = [transport.submit([CreatePromise(f"p{n}", NEVER)]) for n in range(3)]
        await transport.close()
        assert all(answer.result()[0].ok for answer in sent)
        await transport.close()
        assert store.closings == 1

    asyncio.run(main())


def test_what_may_come_late_does_no_harm_after_closing():
    async def main():
        transport = transport_of(MemoryStore())
        taker = Taker()
        await transport.open()
        transport.connect(taker)
        await transport.close()
        transport.unwatch("p", print)
        transport.disconnect(taker)
        transport.poke()
        with pytest.raises(ClosedError):
            await transport.submit([])

    asyncio.run(main())


def test_a_transport_whose_loop_is_gone_can_still_let_go_of_its_store():
    store = Kept()
    transport = transport_of(store)
    asyncio.run(transport.open())
    asyncio.run(transport.abandon())
    assert store.closings == 1


def test_a_store_that_fails_at_opening_is_closed_again(tmp_path):
    """Else the file would stay owned by a process that cannot use it."""

    async def main():
        location = Location(tmp_path / "troth.db")

        async def open_full():
            store = await location.open()

            def full():
                raise StoreFullError("no space left")

            store.transaction = full
            return store

        with pytest.raises(StoreFullError):
            await EmbeddedTransport(open_full, ManualClock()).open()
        transport = EmbeddedTransport(location.open, ManualClock())
        await transport.open()
        await transport.close()

    asyncio.run(main())


def test_whoever_sends_on_while_it_closes_is_told():
    async def main():
        store = Kept()
        transport = transport_of(store)
        await transport.open()

        async def caller():
            while True:
                await transport.submit([CreatePromise("p", NEVER)])

        calling = asyncio.ensure_future(caller())
        await transport.submit([])
        await transport.close()
        (result,) = await asyncio.gather(calling, return_exceptions=True)
        assert isinstance(result, ClosedError)

    asyncio.run(main())
