"""What holds across all that is stored, in every state.

Messages are not stored, they follow from what is: a pending task whose ``retry_at`` has come *is* an execute
message, with its stored version and so never one that was not issued, and at most one a task; a listener of a
settled promise *is* an unblock message.
"""

from collections.abc import Iterable
from typing import Final

from troth.protocol.addresses import parse_address
from troth.protocol.records import TaskState

from .state import State


def _unique(rows: Iterable[object]) -> bool:
    listed = list(rows)
    return len(set(listed)) == len(listed)


def promise_ids_are_unique(state: State) -> bool:
    """An id is one promise."""
    return _unique(promise.id for promise in state.promises)


def task_ids_are_unique(state: State) -> bool:
    """A promise has one task."""
    return _unique(task.id for task in state.tasks)


def schedule_ids_are_unique(state: State) -> bool:
    """An id is one schedule."""
    return _unique(schedule.id for schedule in state.schedules)


def callbacks_are_unique(state: State) -> bool:
    """An awaiter is resumed once."""
    return _unique(state.callbacks)


def listeners_are_unique(state: State) -> bool:
    """An address is told once."""
    return _unique(state.listeners)


def nobody_awaits_itself(state: State) -> bool:
    """It would wait for ever."""
    return all(awaited_id != awaiter_id for awaited_id, awaiter_id in state.callbacks)


def a_task_exactly_for_each_target(state: State) -> bool:
    """A promise has a task exactly if it has a target; a task has a promise."""
    targeted = {promise.id for promise in state.promises if promise.target is not None}
    return targeted == {task.id for task in state.tasks}


def a_settled_promise_has_a_fulfilled_task(state: State) -> bool:
    """Nobody works on what is done."""
    return all(
        (task := state.task.get(promise.id)) is None or task.state is TaskState.FULFILLED
        for promise in state.promises
        if not promise.pending
    )


def a_fulfilled_task_has_a_settled_promise(state: State) -> bool:
    """Nothing is done without a result."""
    return all(
        (promise := state.promise.get(task.id)) is not None and not promise.pending
        for task in state.tasks
        if task.state is TaskState.FULFILLED
    )


def a_callback_joins_a_promise_and_a_task(state: State) -> bool:
    """The awaited promise exists, and the awaiter can be resumed."""
    return all(
        awaited_id in state.promise
        and (awaiter := state.promise.get(awaiter_id)) is not None
        and awaiter.target is not None
        for awaited_id, awaiter_id in state.callbacks
    )


def a_listener_joins_a_promise_and_an_address(state: State) -> bool:
    """The awaited promise exists, and the address can be told."""
    return all(
        awaited_id in state.promise and parse_address(address) is not None for awaited_id, address in state.listeners
    )


def a_call_joins_two_promises(state: State) -> bool:
    """+ Both ends of an edge of the call graph exist."""
    return all(caller in state.promise and callee in state.promise for caller, callee in state.calls)


def calls_are_unique(state: State) -> bool:
    """+ An edge of the call graph is stored once."""
    return _unique(state.calls)


def a_suspended_task_awaits_something(state: State, now: int) -> bool:
    """Or nothing would ever wake it, except its own deadline once that has come."""
    awaiting = {awaiter_id for _, awaiter_id in state.callbacks}
    return all(
        task.id in awaiting or ((promise := state.promise.get(task.id)) is not None and promise.overdue(now))
        for task in state.tasks
        if task.state is TaskState.SUSPENDED
    )


def an_execute_message_has_an_address(state: State) -> bool:
    """A pending task has a promise, and its target can be told."""
    return all(
        (promise := state.promise.get(task.id)) is not None
        and promise.target is not None
        and parse_address(promise.target) is not None
        for task in state.tasks
        if task.state is TaskState.PENDING
    )


def an_unblock_message_has_an_address(state: State) -> bool:
    """A settled promise's listener can be told."""
    settled = {promise.id for promise in state.promises if not promise.pending}
    return all(parse_address(address) is not None for awaited_id, address in state.listeners if awaited_id in settled)


STORE: Final = (
    promise_ids_are_unique,
    task_ids_are_unique,
    schedule_ids_are_unique,
    callbacks_are_unique,
    listeners_are_unique,
    nobody_awaits_itself,
    a_task_exactly_for_each_target,
    a_settled_promise_has_a_fulfilled_task,
    a_fulfilled_task_has_a_settled_promise,
    a_callback_joins_a_promise_and_a_task,
    a_listener_joins_a_promise_and_an_address,
    a_call_joins_two_promises,
    calls_are_unique,
    an_execute_message_has_an_address,
    an_unblock_message_has_an_address,
)

STORE_IN_TIME: Final = (a_suspended_task_awaits_something,)
