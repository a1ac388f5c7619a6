"""Promise operations (protocol §4), guards in its order: a write-once record is created, awaited, settled."""

from typing import Final

from msgspec import Struct

from troth.protocol.answers import PromiseAnswer, PromisePage
from troth.protocol.records import NO_VALUE, PromiseState, Tag, TaskState
from troth.protocol.requests import (
    CreatePromise,
    GetCallees,
    GetCallers,
    GetPromise,
    RegisterCallback,
    RegisterListener,
    SearchPromises,
    SettlePromise,
)

from .effects import (
    AddCall,
    AddCallback,
    AddListener,
    Effect,
    Outcome,
    PutPromise,
    PutTask,
    answer,
    refuse,
)
from .footprint import CalleesQuery, CallersQuery, PromiseQuery
from .guards import address_fault, create_fault, id_fault, parse_delay, search_fault, settle_fault
from .objects import PromiseObject, TaskObject
from .view import Page, View

FAILED: Final = frozenset({PromiseState.REJECTED, PromiseState.CANCELED, PromiseState.TIMED_OUT})
"""Settled without a value."""

NO_PROMISE: Final = "there is no promise of this id"


class Birth(Struct, frozen=True):
    """A promise that was not there before, and its task if it has a target."""

    promise: PromiseObject
    task: TaskObject | None

    def effects(self) -> tuple[Effect, ...]:
        """Both come into being together."""
        if self.task is None:
            return (PutPromise(self.promise),)
        return (PutPromise(self.promise), PutTask(self.task))


def birth(request: CreatePromise, now: int) -> Birth:
    """What a create makes of an id that is free; past its deadline it is settled from the start."""
    id, tags, timeout_at = request.id, request.tags, request.timeout_at
    created_at = min(now, timeout_at)
    promise = PromiseObject(id, PromiseState.PENDING, request.param, NO_VALUE, tags, timeout_at, created_at).project(
        now
    )
    if Tag.TARGET not in tags:
        return Birth(promise, None)
    if not promise.pending:
        return Birth(promise, TaskObject(id, TaskState.FULFILLED, version=0))
    return Birth(promise, TaskObject(id, TaskState.PENDING, version=0, retry_at=_dispatched_at(tags, now)))


def _dispatched_at(tags: dict[str, str], now: int) -> int:
    text = tags.get(Tag.DELAY)
    delay = None if text is None else parse_delay(text)
    return now if delay is None else max(now, delay)


def settlement(view: View, settled: PromiseObject) -> tuple[Effect, ...]:
    """The only way a promise settles, whoever does it: its task is fulfilled in the same step.

    Its subscriptions are drained by steps of their own.
    """
    task = view.task(settled.id)
    if task is None:
        return (PutPromise(settled),)
    return (PutPromise(settled), PutTask(task.fulfilled()))


# --- the caller of a create


def await_refusal(view: View, request: CreatePromise, now: int) -> Outcome | None:
    """Why the caller cannot wait for what it creates: the wait would never end (422)."""
    caller = request.caller
    if caller is None:
        return None
    if caller == request.id:
        return refuse(422, "a promise cannot wait for itself", (caller, caller))
    promise = view.promise(request.id)
    if promise is None or not promise.project(now).pending:
        return None
    path = view.cycle(caller, request.id)
    if not path:
        return None
    return refuse(422, f"{request.id!r} already waits for {caller!r}", (*path, request.id))


def call_edge(request: CreatePromise, existing: PromiseObject | None) -> tuple[Effect, ...]:
    """The edge caller → callee, unless the caller has no use for what exists. ``existing`` is projected."""
    if request.caller is None:
        return ()
    if existing is not None and existing.state in FAILED and not request.reuse_failed:
        return ()
    return (AddCall(request.caller, request.id),)


# --- handlers


def get(view: View, request: GetPromise, now: int) -> Outcome:
    """The record."""
    if fault := id_fault(request.id):
        return refuse(400, fault)
    promise = view.promise(request.id)
    if promise is None:
        return refuse(404, NO_PROMISE)
    return answer(PromiseAnswer(promise.project(now).record()))


def create(view: View, request: CreatePromise, now: int) -> Outcome:
    """An existing id answers its stored record, unchanged, whatever was asked for."""
    if fault := create_fault(request):
        return refuse(400, fault)
    return create_checked(view, request, now)


def create_checked(view: View, request: CreatePromise, now: int) -> Outcome:
    """``create`` of a request whose guards have passed."""
    if refusal := await_refusal(view, request, now):
        return refusal
    promise = view.promise(request.id)
    if promise is None:
        born = birth(request, now)
        return answer(PromiseAnswer(born.promise.record()), born.effects() + call_edge(request, None))
    promise = promise.project(now)
    return answer(PromiseAnswer(promise.record()), call_edge(request, promise))


def settle(view: View, request: SettlePromise, now: int) -> Outcome:
    """First writer wins: settling a settled promise returns the stored record."""
    if fault := settle_fault(request):
        return refuse(400, fault)
    return settle_checked(view, request, now)


def settle_checked(view: View, request: SettlePromise, now: int) -> Outcome:
    """``settle`` of a request whose guards have passed."""
    promise = view.promise(request.id)
    if promise is None:
        return refuse(404, NO_PROMISE)
    promise = promise.project(now)
    if not promise.pending:
        return answer(PromiseAnswer(promise.record()))
    settled = promise.settled(request.state, request.value, at=now)
    return answer(PromiseAnswer(settled.record()), settlement(view, settled))


def register_callback(view: View, request: RegisterCallback, now: int) -> Outcome:
    """Resume the awaiter once the awaited promise has settled, at once if it has already."""
    if fault := id_fault(request.awaited_id, "awaited") or id_fault(request.awaiter_id, "awaiter"):
        return refuse(400, fault)
    if request.awaited_id == request.awaiter_id:
        return refuse(400, "a promise cannot await itself")
    awaited = view.promise(request.awaited_id)
    if awaited is None:
        return refuse(404, NO_PROMISE)
    awaiter, task = view.promise(request.awaiter_id), view.task(request.awaiter_id)
    if awaiter is None or task is None:
        return refuse(422, "the awaiter is no promise with a target, so nothing could be resumed")
    awaited = awaited.project(now)
    response = PromiseAnswer(awaited.record())
    if not awaiter.project(now).pending:
        return answer(response)
    if awaited.pending:
        return answer(response, (AddCallback(awaited.id, awaiter.id),))
    if task.state is TaskState.SUSPENDED:
        return answer(response, (PutTask(task.resumed(awaited.id, now)),))
    return answer(response)


def register_listener(view: View, request: RegisterListener, now: int) -> Outcome:
    """Tell the address once the promise has settled; of a settled one, this answer tells it."""
    if fault := id_fault(request.awaited_id, "awaited") or address_fault(request.address):
        return refuse(400, fault)
    promise = view.promise(request.awaited_id)
    if promise is None:
        return refuse(404, NO_PROMISE)
    promise = promise.project(now)
    response = PromiseAnswer(promise.record())
    if not promise.pending:
        return answer(response)
    return answer(response, (AddListener(promise.id, request.address),))


def search(view: View, request: SearchPromises, now: int) -> Outcome:
    """The filter looks at what is stored, the answer is projected (protocol §3)."""
    if fault := search_fault(request):
        return refuse(400, fault)
    return _page(view.page(promise_query(request)), now)


def get_callees(view: View, request: GetCallees, now: int) -> Outcome:
    """Extension: what the caller called, in the order of its calls; of an unknown caller, nothing."""
    if fault := id_fault(request.caller_id, "caller"):
        return refuse(400, fault)
    return _page(view.page(CalleesQuery(request.caller_id)), now)


def get_callers(view: View, request: GetCallers, now: int) -> Outcome:
    """Extension: who called the callee, oldest edge first; of an unknown callee, nothing."""
    if fault := id_fault(request.callee_id, "callee"):
        return refuse(400, fault)
    return _page(view.page(CallersQuery(request.callee_id)), now)


def promise_query(request: SearchPromises) -> PromiseQuery:
    """The query a search is."""
    return PromiseQuery(request.state, tuple(request.tags.items()), request.prefix, request.limit, request.cursor)


def _page(page: Page, now: int) -> Outcome:
    records = tuple(promise.project(now).record() for promise in page.promises)
    return answer(PromisePage(records, page.cursor))
