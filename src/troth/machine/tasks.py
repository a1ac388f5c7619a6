"""Task operations (protocol §5), guards in its order: the work behind a promise is granted and given up.

A request that names a version speaks for the process that was granted it. It is carried out only while that
grant is *live*: the task is acquired at this very version and its promise is pending as projected. So whoever
lost its lease can change nothing any more.
"""

from typing import Final

from troth.protocol.answers import (
    EMPTY,
    FenceAnswer,
    GrantAnswer,
    PreloadAnswer,
    PromiseAnswer,
    Refusal,
    Response,
    TaskAnswer,
    TaskPage,
)
from troth.protocol.records import Tag, TaskState
from troth.protocol.requests import (
    KINDS,
    AcquireTask,
    ContinueTask,
    CreatePromise,
    CreateTask,
    FenceTask,
    FulfillTask,
    GetTask,
    HaltTask,
    HeartbeatTasks,
    ReleaseTask,
    SearchTasks,
    SuspendTask,
)

from .effects import AddCallback, Effect, Outcome, PutTask, answer, refuse
from .footprint import TaskQuery
from .guards import (
    create_fault,
    create_task_fault,
    heartbeat_fault,
    holder_fault,
    id_fault,
    search_fault,
    settle_fault,
    suspend_fault,
    task_fault,
)
from .objects import PromiseObject, TaskObject
from .promises import await_refusal, birth, call_edge, create_checked, settle_checked, settlement
from .view import View

NO_TASK: Final = "there is no task of this id"


def project(task: TaskObject, promise: PromiseObject, now: int) -> TaskObject:
    """A task whose promise is settled as projected *is* fulfilled (protocol §3)."""
    if task.state is TaskState.FULFILLED or not promise.overdue(now):
        return task
    return task.fulfilled()


def _find(view: View, id: str, now: int) -> tuple[TaskObject, PromiseObject] | None:
    """The task, projected, and its promise, projected."""
    task, promise = view.task(id), view.promise(id)
    if task is None or promise is None:
        return None
    return project(task, promise, now), promise.project(now)


def _live(task: TaskObject, version: int) -> bool:
    return task.state is TaskState.ACQUIRED and task.version == version


def _not_live(task: TaskObject, version: int) -> Outcome:
    return refuse(409, f"version {version} does not hold the task: it is {task.state} at {task.version}")


def _grant(task: TaskObject, promise: PromiseObject, effects: tuple[Effect, ...]) -> Outcome:
    return answer(GrantAnswer(task.record(), promise.record()), effects, preload_branch=promise.tags.get(Tag.BRANCH))


# --- handlers


def get(view: View, request: GetTask, now: int) -> Outcome:
    """The record."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, _ = found
    return answer(TaskAnswer(task.record()))


def create_held(view: View, request: CreateTask, now: int) -> Outcome:
    """Create the promise and hold its task at once, or take over the pending task of an existing one."""
    action = request.action
    if fault := create_task_fault(request):
        return refuse(400, fault)
    if refusal := await_refusal(view, action, now):
        return refusal
    if view.promise(action.id) is None:
        return _create_new(request, now)
    found = _find(view, action.id, now)
    if found is None:
        return refuse(422, "the promise exists without a target, so it has no task")
    task, promise = found
    edge = call_edge(action, promise)
    if task.state is TaskState.FULFILLED:
        return answer(GrantAnswer(task.record(), promise.record()), edge)
    if task.state is not TaskState.PENDING:
        return refuse(409, f"the task is {task.state}")
    task = task.acquired(request.pid, request.ttl, now)
    return _grant(task, promise, (PutTask(task), *edge))


def _create_new(request: CreateTask, now: int) -> Outcome:
    born = birth(request.action, now)
    edge = call_edge(request.action, None)
    task = born.task
    assert task is not None, "the guard asks for a target"
    if task.state is TaskState.FULFILLED:
        return answer(GrantAnswer(task.record(), born.promise.record()), born.effects() + edge)
    task = task.acquired(request.pid, request.ttl, now)
    return _grant(task, born.promise, (*born.effects()[:1], PutTask(task), *edge))


def acquire(view: View, request: AcquireTask, now: int) -> Outcome:
    """Hold a pending task; exclusive for each version, so a second acquire of the same offer is refused."""
    if fault := task_fault(request.id, request.version) or holder_fault(request.pid, request.ttl):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, promise = found
    if task.state is not TaskState.PENDING or task.version != request.version:
        return refuse(409, f"the task is {task.state} at version {task.version}")
    task = task.acquired(request.pid, request.ttl, now)
    return _grant(task, promise, (PutTask(task),))


def fence(view: View, request: FenceTask, now: int) -> Outcome:
    """Create or settle another promise, only while this version of the task is held.

    What the inner operation answers is the fence's data, a refusal too: the fence itself was carried out.
    """
    action = request.action
    fault = create_fault(action) if isinstance(action, CreatePromise) else settle_fault(action)
    if fault := task_fault(request.id, request.version) or fault:
        return refuse(400, fault)
    if action.id == request.id:
        return refuse(400, "a task's own promise is settled by task.fulfill")
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, promise = found
    if not _live(task, request.version):
        return _not_live(task, request.version)
    if isinstance(action, CreatePromise):
        inner = create_checked(view, action, now)
    else:
        inner = settle_checked(view, action, now)
    result = inner.response.data
    assert isinstance(result, PromiseAnswer | Refusal), result
    fenced = FenceAnswer(KINDS[type(action)], inner.response.status, result)
    return answer(fenced, inner.effects, preload_branch=promise.tags.get(Tag.BRANCH))


def suspend(view: View, request: SuspendTask, now: int) -> Outcome:
    """Give the task up until one of the awaited promises settles; 300 if one has already: go on."""
    if fault := suspend_fault(request):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, promise = found
    if not _live(task, request.version):
        return _not_live(task, request.version)
    awaited = [(action.awaited_id, view.promise(action.awaited_id)) for action in request.actions]
    if unknown := next((id for id, found in awaited if found is None), None):
        return refuse(422, f"there is no promise {unknown!r} to await")
    if any(found is not None and not found.project(now).pending for _, found in awaited):
        cleared = (PutTask(task.forgot_resumes()),) if task.resumes else ()
        return Outcome(Response(300, PreloadAnswer()), cleared, promise.tags.get(Tag.BRANCH))
    callbacks = (AddCallback(id, task.id) for id, _ in awaited)
    return answer(EMPTY, (PutTask(task.suspended()), *callbacks))


def fulfill(view: View, request: FulfillTask, now: int) -> Outcome:
    """Settle the task's own promise, only while this version of the task is held."""
    action = request.action
    if fault := task_fault(request.id, request.version) or settle_fault(action):
        return refuse(400, fault)
    if action.id != request.id:
        return refuse(400, "a task fulfills its own promise only")
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, promise = found
    if not _live(task, request.version):
        return _not_live(task, request.version)
    settled = promise.settled(action.state, action.value, at=now)
    return answer(PromiseAnswer(settled.record()), settlement(view, settled))


def release(view: View, request: ReleaseTask, now: int) -> Outcome:
    """Give the task back undone; it is offered again at once, at the same version."""
    if fault := task_fault(request.id, request.version):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, _ = found
    if not _live(task, request.version):
        return _not_live(task, request.version)
    return answer(EMPTY, (PutTask(task.runnable(now)),))


def heartbeat(view: View, request: HeartbeatTasks, now: int) -> Outcome:
    """Renew what this process holds. What it lost meanwhile is ignored: its next write will be refused."""
    if fault := heartbeat_fault(request):
        return refuse(400, fault)
    renewed: dict[str, Effect] = {}
    for ref in request.tasks:
        found = _find(view, ref.id, now)
        if found is None:
            continue
        task, _ = found
        if _live(task, ref.version) and task.pid == request.pid:
            renewed[task.id] = PutTask(task.renewed(now))
    return answer(EMPTY, tuple(renewed.values()))


def halt(view: View, request: HaltTask, now: int) -> Outcome:
    """Stop dispatching the task until it is continued; idempotent."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, _ = found
    if task.state is TaskState.FULFILLED:
        return refuse(409, "the task is fulfilled")
    if task.state is TaskState.HALTED:
        return answer(EMPTY)
    return answer(EMPTY, (PutTask(task.halted()),))


def resume(view: View, request: ContinueTask, now: int) -> Outcome:
    """Let a halted task run again (``task.continue``)."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    found = _find(view, request.id, now)
    if found is None:
        return refuse(404, NO_TASK)
    task, _ = found
    if task.state is not TaskState.HALTED:
        return refuse(409, f"the task is {task.state}, not halted")
    return answer(EMPTY, (PutTask(task.runnable(now)),))


def search(view: View, request: SearchTasks, now: int) -> Outcome:  # noqa: ARG001 - all steps have one shape
    """Tasks as they are stored (protocol §3)."""
    if fault := search_fault(request):
        return refuse(400, fault)
    page = view.page(task_query(request))
    return answer(TaskPage(tuple(task.record() for task in page.tasks), page.cursor))


def task_query(request: SearchTasks) -> TaskQuery:
    """The query a search is."""
    return TaskQuery(request.state, request.limit, request.cursor)
