"""One workload, three implementations: the model, a kernel over memory and a kernel over SQLite must agree.

The model and the kernels share the rules; what is compared here is everything around them: what stores keep, order,
find and forget, and how the kernel folds, settles, drains and ticks.
"""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from troth.kernel.kernel import Kernel
from troth.machine.properties import State
from troth.protocol.answers import Refusal
from troth.protocol.requests import EXTENSIONS, KINDS
from troth.stores.memory import MemoryStore
from troth.stores.sqlite import SqliteStore
from troth.testing.model import Model
from troth.testing.samples import NOW
from troth.testing.workload import Workload

REQUESTS = 400
SEEDS_MAX = 60
NAMES = {**KINDS, **EXTENSIONS}

ANSWERS = {
    (kind, status)
    for kinds, statuses in {
        "promise.callees promise.callers": (200, 400),
        "promise.search task.search schedule.search": (200, 400),
        "promise.create": (200, 400, 422),
        "promise.get promise.settle promise.register_listener": (200, 400, 404),
        "promise.register_callback": (200, 400, 404, 422),
        "task.create": (200, 400, 409, 422),
        "task.get": (200, 400, 404),
        "task.acquire task.fence task.fulfill task.release task.halt task.continue": (200, 400, 404, 409),
        "task.suspend": (200, 300, 400, 404, 409, 422),
        "task.heartbeat": (200, 400),
        "schedule.create": (200, 400),
        "schedule.get schedule.delete": (200, 400, 404),
    }.items()
    for kind in kinds.split()
    for status in statuses
}
"""Every kind of request with every status it can be answered with (protocol §4 to §6)."""


class HeldClock:
    """Stands still until told, and holds its alarms back until asked, so that deadlines can lie overdue."""

    def __init__(self):
        self._now = NOW
        self._alarms = []

    def now(self):
        return self._now

    def advance(self, span_ms):
        self._now += span_ms

    def call_at(self, instant, callback):
        alarm = Alarm(instant, callback)
        self._alarms.append(alarm)
        return alarm

    def ring(self):
        """Whether any alarm was due."""
        due = [alarm for alarm in self._alarms if alarm.instant <= self._now]
        self._alarms = [alarm for alarm in self._alarms if alarm.instant > self._now]
        for alarm in due:
            alarm.ring()
        return bool(due)


class Alarm:
    def __init__(self, instant, callback):
        self.instant = instant
        self._callback = callback

    def cancel(self):
        self._callback = None

    def ring(self):
        if self._callback is not None:
            self._callback()


class Subject:
    """A kernel over a store, driven by hand."""

    def __init__(self, store):
        self.clock = HeldClock()
        self._store = store
        self.kernel = Kernel(store, self.clock)

    async def run(self, *requests):
        return await self.kernel.submit(requests)

    async def tick(self):
        while self.clock.ring():
            await self.run()

    async def state(self):
        snapshot = await self._store.snapshot()
        return State(**{name: getattr(snapshot, name) for name in snapshot.__struct_fields__})


@asynccontextmanager
async def subjects(folder):
    """One kernel over each store."""
    stores = {"memory": MemoryStore(), "sqlite": SqliteStore.open(folder / "troth.db")}
    stores["sqlite"]._database.set_pragma("synchronous", 0)  # what a power cut would leave is tested elsewhere
    started = {name: Subject(store) for name, store in stores.items()}
    for subject in started.values():
        await subject.kernel.start()
        await subject.run()
    yield started
    for subject in started.values():
        await subject.kernel.close()
    for store in stores.values():
        await store.close()


def by_id(state):
    """The same state with its rows by id; relations keep their order, which has a meaning."""
    rows = {
        name: tuple(sorted(getattr(state, name), key=lambda row: row.id)) for name in ("promises", "tasks", "schedules")
    }
    return State(callbacks=state.callbacks, listeners=state.listeners, calls=state.calls, **rows)


def comparable(response):
    """Of several shortest cycles any may be named; a refusal's wording is the machine's."""
    data = response.data
    return (response.status, (data.reason, len(data.cycle)) if isinstance(data, Refusal) else data)


async def agree(folder, seed):
    """Run one seed; the (kind, status) pairs it has seen."""
    seen = set()
    random, model, now = Random(seed), Model(), NOW
    workload = Workload(Random(seed))
    async with subjects(folder) as started:
        for number in range(REQUESTS):
            pause_ms = random.randint(1000, 3000) if random.random() < 0.02 else workload.pause_ms()
            now += pause_ms
            ticks = random.random() < 0.7
            if ticks:
                model.tick(now)
            for subject in started.values():
                subject.clock.advance(pause_ms)
                if ticks:
                    await subject.tick()
            request = workload.draw(model.state, now)
            wanted = model.run(request, now)
            seen.add((NAMES[type(request)], wanted.status))
            for name, subject in started.items():
                (found,) = await subject.run(request)
                assert comparable(found) == comparable(wanted), (seed, number, name, request)
            state = by_id(model.state)
            assert by_id(await started["memory"].state()) == state, (seed, number, "memory", request)
            if number % 20 == 19:
                assert by_id(await started["sqlite"].state()) == state, (seed, number, "sqlite", request)
    return seen


def test_every_store_answers_like_the_model_until_every_answer_was_seen(tmp_path):
    seen = set()
    for seed in range(SEEDS_MAX):
        seen |= asyncio.run(agree(tmp_path / str(seed), seed))
        if seen >= ANSWERS:
            break
    assert seen == ANSWERS


@pytest.mark.parametrize("seed", range(3))
def test_batches_agree_over_every_store(tmp_path, seed):
    """Requests that share a commit; what the model cannot tell, the two stores must still tell alike."""

    async def run():
        random, workload = Random(seed), Workload(Random(seed))
        async with subjects(tmp_path) as started:
            memory, sqlite = started.values()
            for number in range(REQUESTS // 4):
                pause_ms = random.randint(1000, 3000) if random.random() < 0.1 else workload.pause_ms()
                state = await memory.state()
                requests = [workload.draw(state, memory.clock.now() + pause_ms) for _ in range(random.randint(1, 9))]
                answers = []
                for subject in (memory, sqlite):
                    subject.clock.advance(pause_ms)
                    await subject.tick()
                    answers.append(await subject.run(*requests))
                assert answers[0] == answers[1], (seed, number)
                assert await memory.state() == await sqlite.state(), (seed, number)

    asyncio.run(run())
