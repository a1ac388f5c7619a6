"""What a stored promise means to a call: whether it is the same call, whether it counts, and its value or error."""

from collections.abc import Mapping
from typing import Any

from troth.errors import CallCanceledError, CallTimedOutError, DecodingError, EncodingError, KeyCollisionError
from troth.protocol.records import Promise, PromiseState
from troth.protocol.requests import CreatePromise
from troth.sdk.codec import Converter, canonical_json, decode, decode_error
from troth.sdk.function import EncodedCall
from troth.sdk.signature import Invocation, decode_invocation


def settled(record: Promise) -> bool:
    """Whether the promise is not pending."""
    return record.state is not PromiseState.PENDING


def failed(record: Promise) -> bool:
    """Whether the promise ended without a value."""
    return record.state not in (PromiseState.PENDING, PromiseState.RESOLVED)


def passed_over(record: Promise, create: CreatePromise) -> bool:
    """Whether a keyed call opens the next generation: this one had failed before the call was made.

    A promise that was born past its deadline by this very request is no earlier failure.
    """
    if create.reuse_failed or not failed(record):
        return False
    born_late = record.created_at >= record.timeout_at
    return not (born_late and record.timeout_at == create.timeout_at)


def is_same_call(record: Promise, encoded: EncodedCall) -> bool:
    """Whether the promise holds this very call: function, version and arguments, whatever SDK wrote them."""
    if record.param.data == encoded.param.data:
        return True
    function = encoded.function
    stored = decode_invocation(record.param.data)
    if stored is None or stored.function != function.name or stored.version != function.version:
        return False
    try:
        same = _canonical(function.signature.dump(function.signature.load(stored)))
    except (DecodingError, EncodingError):
        return False
    return same == _canonical((encoded.args, encoded.kwargs))


def check_same_call(record: Promise, encoded: EncodedCall) -> None:
    """Raise `KeyCollisionError` unless the promise holds this very call."""
    if is_same_call(record, encoded):
        return
    stored = decode_invocation(record.param.data)
    raise KeyCollisionError(
        f"{record.id!r} already holds {_describe(stored)}; this call is {encoded}. "
        "Give the call another id or the key a separator that cannot occur in the arguments, "
        'e.g. key="render-{document_id}/{revision}"; a function that changed its meaning wants a new version=….',
        record.id,
    )


def value_of(record: Promise, result: Converter[Any], known: Mapping[str, type[Exception]]) -> Any:
    """The value of a settled promise; raises what it failed with."""
    if record.state is PromiseState.RESOLVED:
        return decode(record.value.data, result)
    raise error_of(record, known)


def error_of(record: Promise, known: Mapping[str, type[Exception]]) -> Exception:
    """What a failed promise failed with."""
    if record.state is PromiseState.TIMED_OUT:
        return CallTimedOutError(f"{record.id} did not finish before its deadline", record.id)
    if record.state is PromiseState.CANCELED:
        return CallCanceledError(f"{record.id} was canceled", record.id)
    error = decode_error(record.value.data, known, record.id)
    assert isinstance(error, Exception), error
    return error


def _canonical(arguments: tuple[Any, Any]) -> bytes:
    return canonical_json(list(arguments))


def _describe(stored: Invocation | None) -> str:
    if stored is None:
        return "a promise that is no function call"
    version = "" if stored.version == 1 else f" version {stored.version}"
    return f"{stored.function}{version} with {canonical_json([stored.args, stored.kwargs]).decode()[:200]}"
