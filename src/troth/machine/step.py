"""Two tables: an event's handler, and what it may read. These lookups are the only dispatch there is."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from troth.protocol.requests import (
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateSchedule,
    CreateTask,
    DeleteSchedule,
    FenceTask,
    FulfillTask,
    GetCallees,
    GetCallers,
    GetPromise,
    GetSchedule,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    RegisterCallback,
    RegisterListener,
    ReleaseTask,
    Request,
    SearchPromises,
    SearchSchedules,
    SearchTasks,
    SettlePromise,
    SuspendTask,
)

from . import internal, promises, schedules, tasks
from .effects import Outcome
from .footprint import NOTHING, CalleesQuery, CallersQuery, Footprint, Query
from .guards import id_fault, search_fault
from .internal import (
    DispatchTask,
    DrainCallback,
    DrainListener,
    ExpireLease,
    FireSchedule,
    OwnStep,
    TimeOutPromise,
)
from .view import View

Event = Request | OwnStep
"""What a step answers: a request, or the server's own initiative."""

STEPS: Mapping[type[Event], Callable[[View, Any, int], Outcome]] = {
    GetPromise: promises.get,
    CreatePromise: promises.create,
    SettlePromise: promises.settle,
    RegisterCallback: promises.register_callback,
    RegisterListener: promises.register_listener,
    SearchPromises: promises.search,
    GetCallees: promises.get_callees,
    GetCallers: promises.get_callers,
    GetTask: tasks.get,
    CreateTask: tasks.create_held,
    AcquireTask: tasks.acquire,
    FenceTask: tasks.fence,
    SuspendTask: tasks.suspend,
    FulfillTask: tasks.fulfill,
    ReleaseTask: tasks.release,
    HeartbeatTasks: tasks.heartbeat,
    HaltTask: tasks.halt,
    ContinueTask: tasks.resume,
    SearchTasks: tasks.search,
    GetSchedule: schedules.get,
    CreateSchedule: schedules.create,
    DeleteSchedule: schedules.delete,
    SearchSchedules: schedules.search,
    TimeOutPromise: internal.time_out_promise,
    DrainCallback: internal.drain_callback,
    DrainListener: internal.drain_listener,
    ExpireLease: internal.expire_lease,
    DispatchTask: internal.dispatch_task,
    FireSchedule: internal.fire_schedule,
}


def step(view: View, event: Event, now: int, announced: Footprint | None = None) -> Outcome:
    """Answer one event. A read that its footprint does not announce is an assertion error.

    ``announced`` is the event's footprint, for who has it already.
    """
    view.focus(announced or footprint(event))
    try:
        return STEPS[type(event)](view, event, now)
    finally:
        view.focus(None)


def footprint(event: Event) -> Footprint:
    """What the step may read.

    An id that no store can hold is not announced, for no store could even look for it: the step refuses such
    an id before it reads anything.
    """
    return FOOTPRINTS[type(event)](event)


def cycle_ids(event: Event) -> tuple[str, str] | None:
    """The caller and the callee of a create that may close a cycle of awaits.

    If the callee is stored and pending, whoever folds must note their `View.hold_cycle` before the step.
    """
    action = event.action if isinstance(event, CreateTask | FenceTask) else event
    if not isinstance(action, CreatePromise) or action.caller is None or action.caller == action.id:
        return None
    if id_fault(action.caller) or id_fault(action.id):
        return None
    return action.caller, action.id


# --- footprints


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def _ids(*ids: str) -> Footprint:
    for id in ids:
        if id_fault(id):
            return Footprint(tuple(id for id in ids if not id_fault(id)))
    return Footprint(ids)


def _own_id(event: _Named) -> Footprint:
    return NOTHING if id_fault(event.id) else Footprint((event.id,))


def _schedule_id(event: _Named) -> Footprint:
    return NOTHING if id_fault(event.id) else Footprint(schedule_ids=(event.id,))


def _edges(query: CalleesQuery | CallersQuery, id: str) -> Footprint:
    return NOTHING if id_fault(id) else Footprint(query=query)


def _search(event: SearchPromises | SearchTasks | SearchSchedules, query: Query) -> Footprint:
    return NOTHING if search_fault(event) else Footprint(query=query)


FOOTPRINTS: Mapping[type[Event], Callable[[Any], Footprint]] = {
    GetPromise: _own_id,
    CreatePromise: _own_id,
    SettlePromise: _own_id,
    RegisterCallback: lambda event: _ids(event.awaited_id, event.awaiter_id),
    RegisterListener: lambda event: _ids(event.awaited_id),
    SearchPromises: lambda event: _search(event, promises.promise_query(event)),
    GetCallees: lambda event: _edges(CalleesQuery(event.caller_id), event.caller_id),
    GetCallers: lambda event: _edges(CallersQuery(event.callee_id), event.callee_id),
    GetTask: _own_id,
    CreateTask: lambda event: _own_id(event.action),
    AcquireTask: _own_id,
    FenceTask: lambda event: _ids(event.id, event.action.id),
    SuspendTask: lambda event: _ids(event.id, *(action.awaited_id for action in event.actions)),
    FulfillTask: _own_id,
    ReleaseTask: _own_id,
    HeartbeatTasks: lambda event: _ids(*(task.id for task in event.tasks)),
    HaltTask: _own_id,
    ContinueTask: _own_id,
    SearchTasks: lambda event: _search(event, tasks.task_query(event)),
    GetSchedule: _schedule_id,
    CreateSchedule: _schedule_id,
    DeleteSchedule: _schedule_id,
    SearchSchedules: lambda event: _search(event, schedules.schedule_query(event)),
    TimeOutPromise: _own_id,
    DrainCallback: lambda event: Footprint((event.awaited_id, event.awaiter_id)),
    DrainListener: lambda event: Footprint((event.awaited_id,)),
    ExpireLease: _own_id,
    DispatchTask: _own_id,
    FireSchedule: lambda event: Footprint((event.promise_id,), (event.id,)),
}
