"""The promises an execution is known to have called: what a replay is answered from."""

from collections.abc import Iterable

from troth.protocol.records import Promise


class Journal:
    """Called promises by id. A keyed call may have been made under a later generation of its id."""

    def __init__(self, records: Iterable[Promise] = ()) -> None:
        self._records: dict[str, Promise] = {}
        self._generations: dict[str, str] = {}
        for record in records:
            self.note(record)

    def note(self, record: Promise) -> None:
        """The promise has been called, or has settled since."""
        self._records[record.id] = record
        base, tilde, generation = record.id.rpartition("~")
        if tilde and generation.isdecimal():
            self._generations[base] = record.id

    def get(self, id: str) -> Promise | None:
        """The promise, if it was called; for a keyed id the generation that was."""
        found = self._records.get(id)
        if found is None and id in self._generations:
            return self._records[self._generations[id]]
        return found

    def __contains__(self, id: str) -> bool:
        return id in self._records

    def take(self, id: str) -> Promise | None:
        """The promise, if it was called; it will not be asked for again."""
        return self._records.pop(id, None) if self._records else None

    def __len__(self) -> int:
        return len(self._records)
