"""Stored objects to test with, valid unless a test says otherwise, and one step over them.

Every default is the plainest legal one; a test names only what it is about.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from troth.machine.effects import Outcome
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.step import Event, footprint, step
from troth.machine.view import Page, View
from troth.protocol.records import NO_VALUE, PromiseState, Tag, TaskState, Value

NOW: Final = 1_000_000
"""The clock of a test: milliseconds since the epoch."""

CREATED_AT: Final = NOW - 1_000
DEADLINE: Final = NOW + 60_000
TARGET: Final = "poll://any@workers"
PID: Final = "worker-1"
TTL_MS: Final = 30_000

Stored = PromiseObject | TaskObject | ScheduleObject


def promise(id: str = "p", **changes: Any) -> PromiseObject:
    """A pending promise without a target."""
    sample = PromiseObject(id, PromiseState.PENDING, NO_VALUE, NO_VALUE, {}, DEADLINE, CREATED_AT)
    return replace(sample, **changes)


def targeted(id: str = "p", **changes: Any) -> PromiseObject:
    """A pending promise with a target; ``tags`` are further ones."""
    tags = {Tag.TARGET: TARGET, **changes.pop("tags", {})}
    return promise(id, tags=tags, **changes)


def resolved(id: str = "p", **changes: Any) -> PromiseObject:
    """A promise without a target that was resolved a moment ago."""
    settled = promise(id).settled(PromiseState.RESOLVED, Value(data="MQ=="), at=NOW - 1)
    return replace(settled, **changes)


def task(id: str = "p", state: TaskState = TaskState.PENDING, **changes: Any) -> TaskObject:
    """A task with just the fields its state has; at version 1, or 0 while it has never been granted."""
    version = 0 if state is TaskState.PENDING else 1
    sample = TaskObject(id, state, version)
    if state is TaskState.PENDING:
        sample = replace(sample, retry_at=NOW)
    if state is TaskState.ACQUIRED:
        sample = replace(sample, pid=PID, ttl=TTL_MS, expires_at=NOW + TTL_MS)
    return replace(sample, **changes)


def acquired(id: str = "p", **changes: Any) -> TaskObject:
    """A task that is held at version 1."""
    return task(id, TaskState.ACQUIRED, **changes)


def suspended(id: str = "p", **changes: Any) -> TaskObject:
    """A task that waits."""
    return task(id, TaskState.SUSPENDED, **changes)


def schedule(id: str = "s", **changes: Any) -> ScheduleObject:
    """A schedule of every second that is due now."""
    sample = ScheduleObject(
        id=id,
        cron="* * * * * *",
        promise_id="{{.id}}-{{.timestamp}}",
        promise_timeout=5_000,
        promise_param=NO_VALUE,
        promise_tags={},
        created_at=CREATED_AT,
        next_run_at=NOW,
    )
    return replace(sample, **changes)


def take(
    event: Event,
    *stored: Stored,
    now: int = NOW,
    page: Page | None = None,
    cycles: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
) -> Outcome:
    """One step over a view of these objects. ``cycles`` maps (caller, callee) to the awaits between them."""
    promises = {found.id: found for found in stored if isinstance(found, PromiseObject)}
    tasks = {found.id: found for found in stored if isinstance(found, TaskObject)}
    schedules = {found.id: found for found in stored if isinstance(found, ScheduleObject)}
    view, announced = View(), footprint(event)
    for id in announced.promise_ids:
        view.hold_promise(id, promises.get(id), tasks.get(id))
    for id in announced.schedule_ids:
        view.hold_schedule(id, schedules.get(id))
    if announced.query is not None and page is not None:
        view.hold_page(announced.query, page)
    for (caller, callee), path in (cycles or {}).items():
        view.hold_cycle(caller, callee, path)
    return step(view, event, now)
