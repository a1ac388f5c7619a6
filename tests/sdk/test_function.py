"""A durable function: its traits, and its calls as they are stored and identified."""

from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from troth.errors import ArgumentError, DefinitionError, EncodingError, InvalidIdError
from troth.sdk.codec import decode_json
from troth.sdk.context import Context
from troth.sdk.function import SHOWN_MAX, DurableFunction, Function, Traits, span_ms


async def render(document: str, pages: list[int], *tags: str, draft: bool = False, **more: int) -> str:
    return document


def add(a: int, b: int = 2) -> int:
    return a + b


def durable(body: Any, **traits: Any) -> Function[..., Any]:
    return Function(body, Traits(**traits), Context)


def key(body: Any, template: str | bool, /, *args: Any, **kwargs: Any) -> str | None:
    return durable(body, key=template).call(args, kwargs).key


def test_what_a_function_is_unless_it_says_otherwise() -> None:
    function = durable(add)
    assert (function.name, function.version, function.target) == ("add", 1, "poll://any@default")
    assert function.timeout_ms is None
    assert not function.keyed
    assert not function.asynchronous
    assert not function.wants_context
    assert durable(render).asynchronous
    assert repr(function) == "<durable function add>"


def test_what_a_function_says() -> None:
    function = durable(add, name="plus", version=2, group="gpu", timeout=timedelta(minutes=1), key=True)
    assert (function.name, function.version, function.target) == ("plus", 2, "poll://any@gpu")
    assert function.timeout_ms == 60_000
    assert function.keyed


@pytest.mark.parametrize(
    ("body", "traits", "said"),
    [
        (add, {"version": 0}, "add: version must be 1 or more, not 0"),
        (add, {"name": "a\0b"}, "needs a name"),
        (add, {"key": "{c}"}, r"names 'c', which is not a parameter \(they are: a, b\)"),
        (add, {"timeout": -1}, "zero or more seconds"),
        (add, {"on_failure": "forget"}, 'add: on_failure must be "retry" or "keep", not \'forget\''),
        (add, {"group": ""}, "add: '' cannot name a group"),
    ],
)
def test_what_cannot_be_is_refused(body: Any, traits: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        durable(body, **traits)


def test_a_generator_returns_no_one_value() -> None:
    def values() -> Any:
        yield 1

    async def later() -> Any:
        yield 1

    for body in (values, later):
        with pytest.raises(DefinitionError, match="is a generator"):
            durable(body)


def test_a_call_as_it_is_stored() -> None:
    call = durable(add, version=3).call((1,), {})
    assert decode_json(b64decode(call.param.data or "")) == {"func": "add", "args": [1, 2], "version": 3}
    assert call.key is None
    assert (call.args, call.kwargs) == ([1, 2], {})
    named = durable(render).call(("d", [1], "x", "y"), {"z": 3})
    assert decode_json(b64decode(named.param.data or "")) == {
        "func": "render",
        "args": ["d", [1], "x", "y"],
        "kwargs": {"draft": False, "z": 3},
    }


def test_a_call_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ArgumentError):
        durable(add).call((), {})
    with pytest.raises(EncodingError, match="argument 'a' of add"):
        durable(add).call(("1",), {})


def test_equal_calls_are_one_however_they_are_written() -> None:
    function = durable(add)
    calls = [function.call((1, 2), {}), function.call((1,), {}), function.call((), {"b": 2, "a": 1})]
    assert len({call.content for call in calls}) == 1
    assert len({call.param.data for call in calls}) == 1
    assert calls[0].content.startswith("add-")
    assert function.call((2, 1), {}).content != calls[0].content
    assert durable(add, version=2).call((1, 2), {}).content != calls[0].content


def test_keys_render_parameters_defaults_too() -> None:
    assert key(add, "sum-{a}-{b}", 1) == "sum-1-2"
    assert key(add, "sum-{a}", 1, 2) == key(add, "sum-{a}", 1, 3) == "sum-1"
    assert key(add, "the-sum", 1) == "the-sum"
    assert durable(add, key="sum-{a}", version=2).call((1,), {}).key == "sum-1@2"
    assert key(render, "{document}-{draft}", "d", []) == "d-False"


def test_a_hash_covers_the_whole_parameter() -> None:
    several = [key(render, "r-{tags:hash}", "d", [], *tags) for tags in ((), ("x",), ("x", "y"), ("y", "x"))]
    assert len(set(several)) == 4
    more = [key(render, "r-{more:hash}", "d", [], **named) for named in ({}, {"a": 1}, {"b": 1}, {"a": 2})]
    assert len(set(more)) == 4
    assert key(render, "r-{pages:hash}", "d", [1, 2]) != key(render, "r-{pages:hash}", "d", [2, 1])


def test_a_true_key_is_name_and_hash() -> None:
    assert key(add, True, 1) == key(add, True, 1, b=2) != key(add, True, 2)
    id = key(add, True, 1)
    assert id is not None
    assert id.startswith("add-")
    assert len(id) == len("add-") + 32
    assert key(add, False, 1) is None


def test_a_key_that_cannot_be_an_id_is_refused() -> None:
    with pytest.raises(InvalidIdError, match="1024 bytes"):
        key(render, "{document}", "x" * 2000, [])
    with pytest.raises(EncodingError, match="'pages' is a list"):
        key(render, "{pages}", "d", [])


def test_a_call_shows_itself_in_errors_at_bounded_length() -> None:
    assert str(durable(add).call((1,), {})) == "add(1, 2)"
    assert str(durable(render).call(("d", [1]), {"z": 3})) == "render('d', [1], draft=False, z=3)"
    assert len(str(durable(render).call(("x" * 10_000, []), {}))) == SHOWN_MAX + 1


def test_a_callable_without_a_name_is_known_by_its_class() -> None:
    class Adder:
        def __call__(self, n: int) -> int:
            return n

    assert durable(Adder()).name == "Adder"


def test_a_decorated_function_called_directly_is_the_function() -> None:
    function: DurableFunction[..., Any, ..., Any] = DurableFunction(add, Traits(), Context)
    assert function(1, b=5) == 6


@pytest.mark.parametrize(
    ("span", "milliseconds"),
    [
        (0, 0),
        (1, 1000),
        (0.25, 250),
        (0.0001, 1),
        (1.0001, 1001),
        (timedelta(days=1), 86_400_000),
        (2**41, 2**41 * 1000),
    ],
)
def test_spans_in_milliseconds_rounded_up(span: Any, milliseconds: int) -> None:
    assert span_ms(span) == milliseconds
    assert type(span_ms(span)) is int


@pytest.mark.parametrize("span", [-1, -0.001, float("nan"), float("inf"), 2**42, timedelta(seconds=-1)])
def test_a_span_that_is_none(span: Any) -> None:
    with pytest.raises(DefinitionError, match="zero or more seconds"):
        span_ms(span)
