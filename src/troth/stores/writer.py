"""What the SQLite store writes: the changes of a batch, in a few bulk statements."""

from collections.abc import Iterable
from typing import Final

from troth.errors import StoreError
from troth.machine.view import Changes

from .database import Database, Row
from .rows import promise_row, schedule_row, settlement_columns, task_columns
from .statements import STATEMENTS

_INSERT: Final = STATEMENTS["insert_promise"]
_SETTLE: Final = STATEMENTS["settle_promise"]
_SETTLE_BOTH: Final = STATEMENTS["settle_invocation"]
_PUT_TASK: Final = STATEMENTS["put_task"]


class Writer:
    """Writes through a connection that somebody else opened, and closes. Does not begin or commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, changes: Changes) -> None:
        """Write the changes: a promise that was created and settled in one batch is one insert."""
        self._write_invocations(changes)
        if changes.undrained:
            marks = changes.undrained.items()
            self._update(STATEMENTS["mark_undrained"], [(more or None, id) for id, more in marks])
        self._write_all("remove_callback", changes.removed_callbacks)
        self._write_all("add_callback", changes.added_callbacks)
        self._write_all("remove_listener", changes.removed_listeners)
        self._write_all("add_listener", changes.added_listeners)
        self._write_all("add_call", changes.calls)
        schedules = changes.schedules.items()
        self._write_all("drop_schedule", [(id,) for id, schedule in schedules if schedule is None])
        self._write_all("put_schedule", [schedule_row(s) for _, s in schedules if s is not None])

    def _write_invocations(self, changes: Changes) -> None:
        tasks, new_ids = changes.tasks, changes.new_ids
        inserts: list[Row] = []
        settles: list[Row] = []
        settles_both: list[Row] = []
        for id, promise in changes.promises.items():
            task = tasks.get(id)
            if id in new_ids:
                inserts.append(promise_row(promise, task))
            elif task is None:
                settles.append((*settlement_columns(promise), id))
            else:
                settles_both.append((*settlement_columns(promise), *task_columns(task), id))
        if inserts:
            self._database.run_many(_INSERT, inserts)
        if settles:
            self._update(_SETTLE, settles)
        if settles_both:
            self._update(_SETTLE_BOTH, settles_both)
        promises = changes.promises
        alone = [(*task_columns(task), id) for id, task in tasks.items() if id not in promises]
        if alone:
            self._update(_PUT_TASK, alone)

    def _write_all(self, name: str, rows: Iterable[Row]) -> None:
        if rows:
            self._database.run_many(STATEMENTS[name], rows)

    def _update(self, sql: str, rows: list[Row]) -> None:
        """Update one row a time; a row that is not there must not go unnoticed."""
        before = self._database.changed
        self._database.run_many(sql, rows)
        updated = self._database.changed - before
        if updated != len(rows):
            message = f"{len(rows)} promises were to be updated, {updated} are stored; nothing was written"
            raise StoreError(message)
