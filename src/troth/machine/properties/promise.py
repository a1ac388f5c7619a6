"""What holds for one promise in every stored state."""

from typing import Final

from troth.machine.guards import parse_delay
from troth.machine.objects import PromiseObject
from troth.protocol.addresses import parse_address
from troth.protocol.records import NO_VALUE, PromiseState, Tag


def created_by_its_deadline(promise: PromiseObject) -> bool:
    """One that is born past its deadline was created at its deadline."""
    return promise.created_at <= promise.timeout_at


def pending_before_its_deadline(promise: PromiseObject) -> bool:
    """Whatever is born pending has time left."""
    return not promise.pending or promise.created_at < promise.timeout_at


def settled_by_its_deadline(promise: PromiseObject) -> bool:
    """The deadline always wins."""
    return promise.settled_at is None or promise.settled_at <= promise.timeout_at


def settled_after_its_creation(promise: PromiseObject) -> bool:
    """No settlement precedes the promise."""
    return promise.settled_at is None or promise.created_at <= promise.settled_at


def settled_at_exactly_when_settled(promise: PromiseObject) -> bool:
    """A pending promise has no instant of settlement, every other has one."""
    return (promise.settled_at is None) == promise.pending


def pending_has_no_value(promise: PromiseObject) -> bool:
    """The value comes with the settlement."""
    return not promise.pending or promise.value == NO_VALUE


def the_deadline_gives_the_verdict(promise: PromiseObject) -> bool:
    """What is settled exactly at its deadline was settled by it: a timer resolves, and there is no value."""
    if promise.settled_at != promise.timeout_at:
        return True
    verdict = PromiseState.RESOLVED if promise.timer else PromiseState.TIMED_OUT
    return promise.state is verdict and promise.value == NO_VALUE


def timed_out_only_by_the_deadline(promise: PromiseObject) -> bool:
    """``rejected_timedout`` is only ever written for the deadline, and never to a timer."""
    if promise.state is not PromiseState.TIMED_OUT:
        return True
    return promise.settled_at == promise.timeout_at and not promise.timer


def timer_and_target_exclude_each_other(promise: PromiseObject) -> bool:
    """Time computes a timer, nobody else."""
    return not promise.timer or promise.target is None


def target_is_an_address(promise: PromiseObject) -> bool:
    """Or its task could never be offered."""
    return promise.target is None or parse_address(promise.target) is not None


def delay_is_before_the_deadline(promise: PromiseObject) -> bool:
    """Or its task would never be offered."""
    text = promise.tags.get(Tag.DELAY)
    if text is None:
        return True
    delay = parse_delay(text)
    return delay is not None and delay < promise.timeout_at and promise.target is not None


def created_in_the_past(promise: PromiseObject, now: int) -> bool:
    """The clock of the step that created it was not ahead."""
    return promise.created_at <= now


def settled_in_the_past(promise: PromiseObject, now: int) -> bool:
    """The clock of the step that settled it was not ahead."""
    return promise.settled_at is None or promise.settled_at <= now


PROMISE: Final = (
    created_by_its_deadline,
    pending_before_its_deadline,
    settled_by_its_deadline,
    settled_after_its_creation,
    settled_at_exactly_when_settled,
    pending_has_no_value,
    the_deadline_gives_the_verdict,
    timed_out_only_by_the_deadline,
    timer_and_target_exclude_each_other,
    target_is_an_address,
    delay_is_before_the_deadline,
)

PROMISE_IN_TIME: Final = (created_in_the_past, settled_in_the_past)
