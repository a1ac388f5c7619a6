"""A kernel to try things on: over each store, on a clock moved by hand, with workers that only take notes."""

import asyncio
from collections import deque
from contextlib import asynccontextmanager

import pytest

from troth.errors import StoreError
from troth.kernel.kernel import Kernel
from troth.protocol.answers import PromiseAnswer, TaskAnswer
from troth.protocol.records import NEVER, NO_VALUE, PromiseState, Tag, Value
from troth.protocol.requests import (
    CreatePromise,
    CreateTask,
    FulfillTask,
    GetPromise,
    GetTask,
    RegisterCallback,
    SettlePromise,
    SuspendTask,
)
from troth.stores.memory import MemoryStore
from troth.stores.sqlite import SqliteStore
from troth.testing.clock import ManualClock
from troth.testing.samples import TARGET

TTL_MS = 30_000


class Notary:
    """A worker that only notes what it is handed; each task takes room until it is marked as done."""

    def __init__(self, pid="worker", room=1, targets=(TARGET,), knows=lambda param: True):
        self.pid = pid
        self.ttl_ms = TTL_MS
        self.targets = targets
        self.knows = knows
        self.grants = []
        self._room = room

    def room(self):
        return self._room

    def accepts(self, param):
        return self.knows(param)

    def deliver(self, grant):
        self._room -= 1
        self.grants.append(grant)

    def done(self, count=1):
        """It has room again."""
        self._room += count

    @property
    def ids(self):
        return [grant.task.id for grant in self.grants]


class Spy:
    """A store that counts what is begun and what is committed, and holds back or fails commits when told to."""

    def __init__(self, store):
        self.store = store
        self.begun = 0
        self.ended = 0
        self.commits = 0
        self.failures = deque()
        """Raised by the next commits instead, one each."""
        self.budget = None
        """How many more commits go through; the next one waits until ``release``."""
        self.held = asyncio.Event()
        """Whether a commit waits."""
        self._released = asyncio.Event()

    def release(self):
        self.budget = None
        self._released.set()

    @asynccontextmanager
    async def transaction(self):
        self.begun += 1
        try:
            async with self.store.transaction() as inner:
                spied = _SpiedTransaction(inner)
                yield spied
                if spied.applied:
                    await self._commit()
        finally:
            self.ended += 1

    async def _commit(self):
        if self.budget == 0:
            self.held.set()
            await self._released.wait()
        if self.failures:
            raise self.failures.popleft()
        self.commits += 1
        if self.budget is not None:
            self.budget -= 1

    def __getattr__(self, name):
        return getattr(self.store, name)


class _SpiedTransaction:
    def __init__(self, inner):
        self._inner = inner
        self.applied = False

    async def apply(self, changes):
        self.applied = True
        await self._inner.apply(changes)

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Bench:
    """One kernel with short ways to ask it things."""

    def __init__(self, store):
        self.clock = ManualClock()
        self.store = Spy(store)
        self.kernel = Kernel(self.store, self.clock)
        self.reports = []
        """Defects that nobody's request was answered with."""

    @property
    def now(self):
        return self.clock.now()

    async def ask(self, *requests):
        """The data of the answers, in one batch."""
        responses = await self.kernel.submit(requests)
        return [response.data for response in responses]

    async def status(self, request):
        (response,) = await self.kernel.submit([request])
        return response.status

    async def settled_down(self):
        """Wait until the kernel has nothing left to do now: it begins no transaction for some turns of the loop."""
        begun, quiet_turns = -1, 0
        while quiet_turns < 10:
            await asyncio.sleep(0)
            quiet = self.store.begun == begun == self.store.ended
            begun, quiet_turns = self.store.begun, quiet_turns + 1 if quiet else 0

    async def pass_time(self, ms):
        """Let time pass, and the kernel do what has become due."""
        self.clock.advance(ms)
        await self.settled_down()

    async def create(self, *ids, tags=None, timeout_at=NEVER, param=NO_VALUE, **more):
        return await self.ask(*(CreatePromise(id, timeout_at, param, tags or {}, **more) for id in ids))

    async def create_targeted(self, *ids, tags=None, data=None, timeout_at=NEVER, **more):
        """Promises with a task."""
        tags = {Tag.TARGET: TARGET, **(tags or {})}
        return await self.create(*ids, tags=tags, param=Value(data=data), timeout_at=timeout_at, **more)

    async def hold(self, *ids, pid="client", ttl=TTL_MS, timeout_at=NEVER):
        """Promises with a task that is held at version 1."""
        tags = {Tag.TARGET: TARGET}
        return await self.ask(*(CreateTask(pid, ttl, CreatePromise(id, timeout_at, tags=tags)) for id in ids))

    async def suspend(self, *ids, on, timeout_at=NEVER):
        """New tasks that wait for a promise."""
        await self.hold(*ids, timeout_at=timeout_at)
        return await self.ask(*(SuspendTask(id, 1, (RegisterCallback(on, id),)) for id in ids))

    async def settle(self, *ids, data=None):
        return await self.ask(*(SettlePromise(id, PromiseState.RESOLVED, Value(data=data)) for id in ids))

    async def fulfill(self, id, version=1):
        return await self.ask(FulfillTask(id, version, SettlePromise(id, PromiseState.RESOLVED)))

    async def promise(self, id):
        (data,) = await self.ask(GetPromise(id))
        assert isinstance(data, PromiseAnswer), data
        return data.promise

    async def task(self, id):
        (data,) = await self.ask(GetTask(id))
        assert isinstance(data, TaskAnswer), data
        return data.task

    async def states(self, *ids):
        """What is stored of tasks, without touching them."""
        snapshot = await self.store.snapshot()
        stored = {task.id: str(task.state) for task in snapshot.tasks}
        return [stored[id] for id in ids]

    async def crash(self):
        """The process ends: what was not committed is gone."""
        (writer,) = (task for task in asyncio.all_tasks() if task.get_name() == "troth-kernel")
        writer.cancel()
        await asyncio.wait([writer])
        self.store.release()

    async def restart(self):
        """Another kernel on the same store."""
        self.kernel = Kernel(self.store, self.clock)
        await self.kernel.start()


@pytest.fixture
def worker():
    """Makes workers."""
    return Notary


@pytest.fixture(params=["memory", "sqlite"])
def play(request, tmp_path):
    """Plays a story, an async function of a `Bench`, over each store; it must leave no defect behind unnoticed."""

    def play(story):
        async def main():
            store = MemoryStore() if request.param == "memory" else SqliteStore.open(tmp_path / "troth.db")
            bench = Bench(store)
            asyncio.get_running_loop().set_exception_handler(lambda _, context: bench.reports.append(context))
            await bench.kernel.start()
            try:
                await asyncio.wait_for(story(bench), timeout=30)
            finally:
                bench.store.release()
                await bench.kernel.close()
                await store.close()
            assert bench.reports == []

        asyncio.run(main())

    return play


@pytest.fixture
def refused():
    """A store's refusal that leaves it usable."""
    return StoreError("not now")
