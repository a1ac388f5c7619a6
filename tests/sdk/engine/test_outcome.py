"""What a stored promise means to a call."""

from typing import Any

import pytest

from troth.errors import (
    CallCanceledError,
    CallTimedOutError,
    DecodingError,
    KeyCollisionError,
    RemoteError,
)
from troth.protocol.records import NEVER, PromiseState
from troth.protocol.requests import CreatePromise
from troth.sdk.codec import converter_for
from troth.sdk.engine.outcome import (
    check_same_call,
    error_of,
    failed,
    is_same_call,
    passed_over,
    settled,
    value_of,
)

FAILED = (PromiseState.REJECTED, PromiseState.CANCELED, PromiseState.TIMED_OUT)


def render(document: str, pages: list[int], options: dict[str, Any] | None = None) -> str:
    return document


def one(n: int) -> int:
    return n


@pytest.mark.parametrize("state", PromiseState)
def test_settled_and_failed(kit: Any, state: PromiseState) -> None:
    record = kit.record("f", state=state)
    assert settled(record) is (state is not PromiseState.PENDING)
    assert failed(record) is (state in FAILED)


# --- generations


@pytest.mark.parametrize("state", PromiseState)
@pytest.mark.parametrize("reuse_failed", [True, False])
def test_only_an_earlier_failure_is_passed_over(kit: Any, state: PromiseState, reuse_failed: bool) -> None:
    create = CreatePromise("f", NEVER, reuse_failed=reuse_failed)
    assert passed_over(kit.record("f", state=state), create) is (state in FAILED and not reuse_failed)


@pytest.mark.parametrize(
    ("created_at", "stored_timeout", "timeout_at", "passed"),
    [
        (500, 500, 500, False),  # born past its deadline by this very request
        (500, 500, 900, True),  # by an earlier one, with another deadline
        (400, 500, 500, True),  # lived, and timed out
    ],
)
def test_a_promise_that_this_request_made_too_late_is_no_earlier_failure(
    kit: Any, created_at: int, stored_timeout: int, timeout_at: int, passed: bool
) -> None:
    record = kit.record("f", state=PromiseState.TIMED_OUT, created_at=created_at, timeout_at=stored_timeout)
    assert passed_over(record, CreatePromise("f", timeout_at, reuse_failed=False)) is passed


# --- the same call


@pytest.mark.parametrize(
    "stored",
    [
        {"func": "render", "args": ["d", [1, 2], {"a": 1, "b": 2}]},
        {"func": "render", "args": ["d", [1, 2], {"b": 2, "a": 1}]},
        {"func": "render", "args": ["d", [1, 2]], "kwargs": {"options": {"b": 2, "a": 1}}},
        {"func": "render", "args": [], "kwargs": {"options": {"b": 2, "a": 1}, "pages": [1, 2], "document": "d"}},
        {"func": "render", "args": {"document": "d", "pages": [1, 2], "options": {"a": 1, "b": 2}}, "version": 1},
        {"args": ["d", [1, 2], {"a": 1, "b": 2}], "func": "render", "more": "unknown"},
    ],
)
def test_the_same_call_in_other_bytes_is_the_same_call(kit: Any, stored: Any) -> None:
    call = kit.durable(render).call(("d", [1, 2], {"a": 1, "b": 2}), {})
    record = kit.record("k", param=kit.data(stored))
    assert is_same_call(record, call)
    check_same_call(record, call)


@pytest.mark.parametrize("stored", [{"func": "one", "args": 5}, {"func": "one", "args": {"n": 5}}])
def test_the_same_call_of_another_sdk_is_the_same_call(kit: Any, stored: Any) -> None:
    check_same_call(kit.record("k", param=kit.data(stored)), kit.durable(one).call((5,), {}))


def test_a_call_without_a_default_that_came_later_is_the_same_call(kit: Any) -> None:
    check_same_call(
        kit.record("k", param=kit.data({"func": "render", "args": ["d", []]})),
        kit.durable(render).call(("d", []), {}),
    )


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"func": "render", "args": ["d", [2, 1]]}, r'render with \[\["d",\[2,1\]\],\{\}\]'),
        ({"func": "render", "args": ["d", [1]], "version": 2}, r"render version 2 with"),
        ({"func": "print", "args": ["d", [1]]}, r"print with"),
        ({"func": "render", "args": [5, "x"]}, r"render with"),
        ({"func": "render", "args": []}, r"render with"),
        ({"anything": "else"}, "a promise that is no function call"),
        ("text", "a promise that is no function call"),
    ],
)
def test_another_call_is_never_taken_for_it(kit: Any, stored: Any, said: str) -> None:
    record = kit.record("k-1", param=kit.data(stored))
    call = kit.durable(render).call(("d", [1]), {})
    assert not is_same_call(record, call)
    with pytest.raises(
        KeyCollisionError, match=rf"'k-1' already holds {said}.*this call is render\('d', \[1\], None\)"
    ) as caught:
        check_same_call(record, call)
    assert caught.value.promise_id == "k-1"
    assert 'key="render-{document_id}/{revision}"' in str(caught.value)


def test_a_promise_made_by_hand_holds_no_call(kit: Any) -> None:
    with pytest.raises(KeyCollisionError, match="is no function call"):
        check_same_call(kit.record("k"), kit.durable(one).call((1,), {}))


# --- values and errors


def test_the_value_of_a_resolved_promise(kit: Any) -> None:
    assert value_of(kit.record("f", value=[1, 2]), converter_for(list[int]), {}) == [1, 2]
    assert value_of(kit.record("f", state=PromiseState.RESOLVED), converter_for(None), {}) is None
    with pytest.raises(DecodingError):
        value_of(kit.record("f", value="x"), converter_for(int), {})


def test_the_error_of_a_failed_promise(kit: Any) -> None:
    class DeniedError(Exception):
        pass

    with pytest.raises(ValueError, match="bad"):
        value_of(kit.record("f", error=ValueError("bad")), converter_for(int), {})
    error = error_of(kit.record("f", error=DeniedError("no")), {})
    assert isinstance(error, RemoteError)
    assert error.promise_id == "f"
    name = f"{DeniedError.__module__}.{DeniedError.__qualname__}"
    assert type(error_of(kit.record("f", error=DeniedError("no")), {name: DeniedError})) is DeniedError


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        (PromiseState.TIMED_OUT, CallTimedOutError, "f did not finish before its deadline"),
        (PromiseState.CANCELED, CallCanceledError, "f was canceled"),
        (PromiseState.REJECTED, RemoteError, "rejected without a reason"),
    ],
)
def test_failures_without_a_reason(kit: Any, state: PromiseState, kind: Any, said: str) -> None:
    error = error_of(kit.record("f", state=state), {})
    assert type(error) is kind
    assert said in str(error)
    assert error.promise_id == "f"
