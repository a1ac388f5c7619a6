"""The kernel's alarm clock: one alarm, for the earliest instant at which anything stored may become due."""

from collections.abc import Callable, Iterable

from troth.machine.view import Changes
from troth.protocol.records import NEVER, TaskState

from .clock import Alarm, Clock


class Ticker:
    """Calls ``on_due`` when the earliest known deadline has come. Idle until the first deadline is noted."""

    def __init__(self, clock: Clock, on_due: Callable[[], None]) -> None:
        self._clock = clock
        self._on_due = on_due
        self._alarm: Alarm | None = None
        self._instant = NEVER

    def note(self, instant: int) -> None:
        """Something may become due at the instant."""
        if instant >= self._instant:
            return
        self.stop()
        self._instant = instant
        self._alarm = self._clock.call_at(instant, self._ring)

    def note_changes(self, written: Iterable[Changes], now: int) -> None:
        """Note every deadline that the changes set."""
        earliest = min((_earliest(changes, now) for changes in written), default=NEVER)
        if earliest < NEVER:
            self.note(earliest)

    def stop(self) -> None:
        """Forget the deadline."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._instant = NEVER

    def _ring(self) -> None:
        instant, self._alarm, self._instant = self._instant, None, NEVER
        if self._clock.now() < instant:
            self.note(instant)
        else:
            self._on_due()


def _earliest(changes: Changes, now: int) -> int:
    earliest = NEVER
    for promise in changes.promises.values():
        if promise.pending and promise.timeout_at < earliest:
            earliest = promise.timeout_at
    for task in changes.tasks.values():
        if task.state is TaskState.ACQUIRED and task.expires_at is not None:
            earliest = min(earliest, task.expires_at)
        elif task.retry_at is not None and task.retry_at > now:
            earliest = min(earliest, task.retry_at)
    for schedule in changes.schedules.values():
        if schedule is not None:
            earliest = min(earliest, schedule.next_run_at)
    return earliest
