"""Every defect a store could have in what it finds is found."""

import pytest

from troth.machine.view import Page
from troth.stores.base import Due
from troth.stores.memory import MemoryStore, MemoryTransaction
from troth.testing.contract_queries import QUERIES


class LosesTheRest(MemoryTransaction):
    async def search(self, query):
        page = await super().search(query)
        return Page(page.promises, page.tasks, page.schedules)


class IgnoresLimits(MemoryTransaction):
    async def due(self, now, limit):
        return await super().due(now, 1000)

    async def runnable(self, target, now, limit):
        return await super().runnable(target, now, 1000)


class IsNeverDue(MemoryTransaction):
    async def due(self, now, limit):
        return Due()


class IsEarly(MemoryTransaction):
    async def due(self, now, limit):
        return await super().due(now + 1, limit)


class IsLate(MemoryTransaction):
    async def due(self, now, limit):
        return await super().due(now - 1, limit)


class FindsNoPath(MemoryTransaction):
    async def await_path(self, from_id, to_id):
        return ()


class WalksSettledPromises(MemoryTransaction):
    def _pending(self, promise_id):
        return promise_id in self._tables.rows


class ForgetsItsTimers(MemoryStore):
    async def next_due_at(self):
        return None


class ForgetsItsRetries(MemoryStore):
    async def next_retry_at(self, after):
        return None


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (LosesTheRest, "promises_are_found_in_the_order_of_their_bytes"),
        (IgnoresLimits, "runnable_tasks_are_offered_to_their_target"),
        (IsNeverDue, "deadlines_are_due_at_their_instant"),
        (IsEarly, "leases_are_due_at_their_end"),
        (IsLate, "schedules_are_due_at_their_next_run"),
        (FindsNoPath, "a_long_await_path_is_found"),
        (WalksSettledPromises, "an_await_path_is_the_shortest"),
        (ForgetsItsTimers, "the_next_due_instant_is_the_earliest_of_all"),
        (ForgetsItsRetries, "the_next_retry_is_the_earliest_of_all_targets"),
    ],
)
def test_a_defect_is_found(failing, defect, check):
    assert check in failing(QUERIES, defect)
