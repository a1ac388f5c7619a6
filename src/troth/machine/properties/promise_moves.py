"""What holds for promises and their subscriptions over one step."""

from typing import Final

from troth.protocol.messages import Unblock
from troth.protocol.records import NO_VALUE, TaskState

from .state import PromiseMove, Transition


def birth_fields_never_change(move: PromiseMove) -> bool:
    """What a promise was created with is for ever."""
    before, after = move.before, move.after
    return (before.id, before.param, before.tags, before.created_at, before.timeout_at) == (
        *(after.id, after.param, after.tags, after.created_at, after.timeout_at),
    )


def a_settled_record_never_changes(move: PromiseMove) -> bool:
    """In no field that an answer can carry."""
    return move.before.pending or move.before.record() == move.after.record()


def a_promise_settles_once(move: PromiseMove) -> bool:
    """From pending to any settled state, and never on from there."""
    return move.before.state is move.after.state or (move.before.pending and not move.after.pending)


def the_value_comes_with_the_settlement(move: PromiseMove) -> bool:
    """Value and state move together."""
    return move.before.value == move.after.value or (move.before.pending and not move.after.pending)


def settlement_is_stamped(move: PromiseMove) -> bool:
    """The instant moves with the state, to the clock of the step or to the deadline."""
    before, after = move.before, move.after
    if before.state is after.state:
        return before.settled_at == after.settled_at
    return after.settled_at in (move.step.now, after.timeout_at)


def settlement_fulfills_the_task(move: PromiseMove) -> bool:
    """In the same step."""
    if not move.before.pending or move.after.pending:
        return True
    task = move.step.after.task.get(move.after.id)
    return task is None or task.state is TaskState.FULFILLED


def promises_never_disappear(step: Transition) -> bool:
    """Permanent memory."""
    return step.before.promise.keys() <= step.after.promise.keys()


def ids_never_double(step: Transition) -> bool:
    """A step adds a row only under an id that is free."""
    added = len(step.after.promises) - len(step.before.promises)
    return added == len(step.after.promise) - len(step.before.promise)


def a_promise_is_born_clean(step: Transition) -> bool:
    """Nobody waits for it yet, nobody has given it a value, and only its deadline may have settled it."""
    waited_for = {id for id, _ in (*step.after.callbacks, *step.after.listeners)}
    return all(
        promise.id not in waited_for
        and promise.value == NO_VALUE
        and (promise.pending or promise.created_at == promise.settled_at == promise.timeout_at)
        for promise in step.new_promises
    )


def calls_never_disappear(step: Transition) -> bool:
    """+ The graph of calls only grows."""
    return set(step.before.calls) <= set(step.after.calls)


# --- subscriptions


def callbacks_grow_only_while_pending(step: Transition) -> bool:
    """Nobody begins to wait for what is settled, as projected."""
    return all(step.before.promise[id].project(step.now).pending for id, _ in step.new_callbacks)


def callbacks_shrink_only_once_settled(step: Transition) -> bool:
    """No awaiter is forgotten."""
    return not any(step.before.promise[id].pending for id, _ in step.gone_callbacks)


def listeners_grow_only_while_pending(step: Transition) -> bool:
    """Nobody begins to listen to what is settled, as projected."""
    return all(step.before.promise[id].project(step.now).pending for id, _ in step.new_listeners)


def listeners_shrink_only_once_settled(step: Transition) -> bool:
    """No listener is forgotten."""
    return not any(step.before.promise[id].pending for id, _ in step.gone_listeners)


def a_consumed_listener_leaves_a_message(step: Transition) -> bool:
    """Who listened is told."""
    sent = step.outcome.sent
    if sent is None or not isinstance(sent.message, Unblock):
        return not step.gone_listeners
    return step.gone_listeners <= {(sent.message.promise.id, sent.address)}


def an_unblock_carries_the_record(step: Transition) -> bool:
    """The stored record of a settled promise; it discharges exactly its listener."""
    sent = step.outcome.sent
    if sent is None or not isinstance(sent.message, Unblock):
        return True
    record = sent.message.promise
    stored = step.after.promise.get(record.id)
    if stored is None or stored.pending or stored.record() != record:
        return False
    return (record.id, sent.address) not in step.after.listeners and len(step.gone_listeners) <= 1


PROMISE_MOVES: Final = (
    birth_fields_never_change,
    a_settled_record_never_changes,
    a_promise_settles_once,
    the_value_comes_with_the_settlement,
    settlement_is_stamped,
    settlement_fulfills_the_task,
)

PROMISE_STEPS: Final = (
    promises_never_disappear,
    ids_never_double,
    a_promise_is_born_clean,
    calls_never_disappear,
    callbacks_grow_only_while_pending,
    callbacks_shrink_only_once_settled,
    listeners_grow_only_while_pending,
    listeners_shrink_only_once_settled,
    a_consumed_listener_leaves_a_message,
    an_unblock_carries_the_record,
)
