"""What holds for one schedule in every stored state."""

from typing import Final

from troth.machine.objects import ScheduleObject
from troth.protocol.records import Tag


def next_run_after_creation(schedule: ScheduleObject) -> bool:
    """No occurrence precedes the schedule."""
    return schedule.created_at <= schedule.next_run_at


def last_run_before_the_next(schedule: ScheduleObject) -> bool:
    """Occurrences come one after another."""
    return schedule.last_run_at is None or schedule.last_run_at < schedule.next_run_at


def last_run_after_creation(schedule: ScheduleObject) -> bool:
    """No occurrence preceded the schedule."""
    return schedule.last_run_at is None or schedule.created_at <= schedule.last_run_at


def no_occurrence_is_a_timer_with_a_target(schedule: ScheduleObject) -> bool:
    """Its promises must be promises."""
    tags = schedule.promise_tags
    return tags.get(Tag.TIMER) != "true" or Tag.TARGET not in tags


SCHEDULE: Final = (
    next_run_after_creation,
    last_run_before_the_next,
    last_run_after_creation,
    no_occurrence_is_a_timer_with_a_target,
)
