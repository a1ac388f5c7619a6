"""Every defect a store could have in writing and reading back is found."""

import pytest

from troth.errors import StoreError
from troth.machine.view import Subscriptions
from troth.stores import memory
from troth.stores.memory import MemoryStore, MemoryTransaction
from troth.testing.contract_rows import ROWS


class ForgetsToRollBack(MemoryTransaction):
    async def __aexit__(self, kind, error, trace):
        self._turn.release()


class TakesNoTurns(MemoryTransaction):
    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        await self._turn.acquire()
        await super().__aexit__(kind, error, trace)


class WritesLater(MemoryTransaction):
    later = ()

    async def apply(self, changes):
        self.later = (*self.later, changes)

    async def __aexit__(self, kind, error, trace):
        try:
            for changes in self.later:
                await super().apply(changes)
        except StoreError as defect:
            kind, error = type(defect), defect
        await super().__aexit__(kind, error, trace)


class FoldsCase(MemoryTransaction):
    async def load(self, view, promise_ids, schedule_ids=()):
        await super().load(view, promise_ids, schedule_ids)
        for id in promise_ids:
            row = self._tables.rows.get(id.lower())
            if row is not None:
                view.hold_promise(id, row.promise, row.task)


class SaysItIsComplete(MemoryTransaction):
    async def load_subscriptions(self, view, promise_ids, limit):
        await super().load_subscriptions(view, promise_ids, limit)
        for id, found in view.subscriptions.items():
            view.subscriptions[id] = Subscriptions(found.awaiter_ids, found.addresses)


class SortsSubscriptions(MemoryTransaction):
    async def load_subscriptions(self, view, promise_ids, limit):
        await super().load_subscriptions(view, promise_ids, limit)
        for found in view.subscriptions.values():
            found.awaiter_ids.sort()


class NeverCloses(MemoryStore):
    async def close(self):
        pass


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (ForgetsToRollBack, "a_transaction_that_raises_changes_nothing"),
        (TakesNoTurns, "transactions_take_turns"),
        (WritesLater, "a_transaction_sees_its_own_writes"),
        (FoldsCase, "any_text_is_an_id"),
        (SaysItIsComplete, "subscriptions_are_read_in_the_order_they_were_added"),
        (SortsSubscriptions, "subscriptions_are_read_in_the_order_they_were_added"),
        (NeverCloses, "a_closed_store_refuses"),
    ],
)
def test_a_defect_is_found(failing, defect, check):
    assert check in failing(ROWS, defect)


def test_a_store_that_rewrites_what_is_settled_is_found(failing, monkeypatch):
    monkeypatch.setattr(memory, "_settled", lambda old, new: new)
    assert failing(ROWS, MemoryStore) == ["settled_is_permanent", "what_a_promise_was_born_with_is_permanent"]
