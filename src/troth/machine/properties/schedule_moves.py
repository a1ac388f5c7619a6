"""What holds for schedules over one step."""

from typing import Final

from troth.machine.internal import FireSchedule
from troth.protocol.requests import DeleteSchedule

from .state import ScheduleMove, Transition


def a_schedules_birth_fields_never_change(move: ScheduleMove) -> bool:
    """Only its two runs move."""
    before, after = move.before, move.after
    return (
        before.id,
        before.cron,
        before.promise_id,
        before.promise_timeout,
        before.promise_param,
        before.promise_tags,
        before.created_at,
    ) == (
        after.id,
        after.cron,
        after.promise_id,
        after.promise_timeout,
        after.promise_param,
        after.promise_tags,
        after.created_at,
    )


def a_run_moves_a_schedule_on(move: ScheduleMove) -> bool:
    """+ The next run becomes the last one, and only when it is due and the schedule fires."""
    before, after = move.before, move.after
    if (before.next_run_at, before.last_run_at) == (after.next_run_at, after.last_run_at):
        return True
    if not isinstance(move.step.cause, FireSchedule) or before.next_run_at > move.step.now:
        return False
    return after.last_run_at == before.next_run_at < after.next_run_at


def a_run_leaves_a_promise(move: ScheduleMove) -> bool:
    """+ The occurrence's promise exists after it, whether this run created it or not."""
    if move.before.last_run_at == move.after.last_run_at:
        return True
    cause = move.step.cause
    return isinstance(cause, FireSchedule) and cause.promise_id in move.step.after.promise


def a_schedule_disappears_only_when_deleted(step: Transition) -> bool:
    """+ Nothing else ends a schedule."""
    gone = step.before.schedule.keys() - step.after.schedule.keys()
    return not gone or (isinstance(step.cause, DeleteSchedule) and gone == {step.cause.id})


SCHEDULE_MOVES: Final = (
    a_schedules_birth_fields_never_change,
    a_run_moves_a_schedule_on,
    a_run_leaves_a_promise,
)

SCHEDULE_STEPS: Final = (a_schedule_disappears_only_when_deleted,)
