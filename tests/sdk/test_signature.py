"""Binding, encoding and decoding of calls, in every shape that an SDK of the protocol may have stored."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ArgumentError, DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import decode_json, encode_json
from troth.sdk.context import Context
from troth.sdk.signature import Arguments, Invocation, Signature, decode_invocation, encode_invocation


@dataclass
class Point:
    x: int
    y: int


def nothing() -> None: ...
def one(n: int) -> int: ...  # pyright: ignore[reportReturnType] - only its signature is used
def two(a: int, b: str) -> None: ...
def defaults(a: int, b: str = "b", *, c: float = 1.5) -> None: ...
def only(a: int, /, b: int, *, c: int) -> None: ...
def rest(a: int, *more: int, flag: bool = False, **named: str) -> None: ...
def items(values: list[int]) -> None: ...
def place(point: Point) -> None: ...
def maybe(n: int | None) -> None: ...
def preset(n: int = 7) -> None: ...
def bare(a, b=2): ...
def clash(a: int, /, **named: str) -> None: ...
def rest_named_alike(*args: int, **kwargs: str) -> None: ...


def signature(function: Callable[..., Any]) -> Signature:
    return Signature(function, Context)


def bound(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Arguments:
    return signature(function).bind(args, kwargs)


@pytest.mark.parametrize(
    ("arguments", "positional", "keyword"),
    [
        (bound(nothing), (), {}),
        (bound(one, 5), (5,), {}),
        (bound(one, n=5), (5,), {}),
        (bound(two, b="x", a=1), (1, "x"), {}),
        (bound(defaults, 1), (1, "b"), {"c": 1.5}),
        (bound(defaults, 1, c=2.0), (1, "b"), {"c": 2.0}),
        (bound(only, 1, 2, c=3), (1, 2), {"c": 3}),
        (bound(only, 1, c=3, b=2), (1, 2), {"c": 3}),
        (bound(rest, 1), (1,), {"flag": False}),
        (bound(rest, 1, 2, 3, flag=True, z="z", y="y"), (1, 2, 3), {"flag": True, "z": "z", "y": "y"}),
        (bound(clash, 1, a="named"), (1,), {"a": "named"}),
    ],
)
def test_arguments_in_canonical_form(
    arguments: Arguments, positional: tuple[Any, ...], keyword: dict[str, Any]
) -> None:
    assert arguments == Arguments(positional, keyword)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "said"),
    [
        (one, (), {}, r"one\(n: int\): missing a required argument: 'n'"),
        (one, (1, 2), {}, r"too many positional arguments"),
        (two, (1,), {"c": 1}, r"two\(a: int, b: str\)"),
        (only, (1, 2), {}, r"missing a required .*'c'"),
        (only, (), {"a": 1, "b": 2, "c": 3}, r"only\("),
    ],
)
def test_arguments_that_do_not_fit(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        signature(function).bind(args, kwargs)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (nothing, Arguments((), {})),
        (two, Arguments((1, "x"), {})),
        (defaults, Arguments((1, "x"), {"c": 2.5})),
        (rest, Arguments((1, 2, 3), {"flag": True, "z": "z"})),
        (clash, Arguments((1,), {"a": "named"})),
        (rest_named_alike, Arguments((1, 2), {"args": "text", "kwargs": "text"})),
        (items, Arguments(([1],), {})),
        (place, Arguments((Point(1, 2),), {})),
        (maybe, Arguments((None,), {})),
        (bare, Arguments((1, {"a": (1, b"x")}), {})),
    ],
)
def test_what_is_stored_comes_back(function: Callable[..., Any], arguments: Arguments) -> None:
    of = signature(function)
    stored = decode_invocation(stored_as("f", 1, *of.dump(arguments)))
    assert stored is not None
    assert of.load(stored) == arguments


def stored_as(name: str, version: int, args: Any, kwargs: Any) -> str:
    return b64encode(encode_invocation(name, version, args, kwargs)).decode()


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "loaded"),
    [
        (two, [1, "x"], {}, (1, "x")),
        (two, [1], {"b": "x"}, (1, "x")),
        (two, [], {"a": 1, "b": "x"}, (1, "x")),
        (two, None, {"a": 1, "b": "x"}, (1, "x")),
        (two, {"a": 1, "b": "x"}, {}, (1, "x")),
        (one, 5, {}, (5,)),
        (one, [5], {}, (5,)),
        (one, {"n": 5}, {}, (5,)),
        (one, None, {"n": 5}, (5,)),
        (nothing, None, {}, ()),
        (nothing, [], {}, ()),
        (maybe, None, {}, (None,)),
        (maybe, [None], {}, (None,)),
        (preset, None, {}, (7,)),
        (preset, [], {}, (7,)),
        (items, [[1, 2]], {}, ([1, 2],)),
        (items, [1, 2], {}, ([1, 2],)),
        (items, [1], {}, ([1],)),
        (items, [], {}, ([],)),
        (place, {"x": 1, "y": 2}, {}, (Point(1, 2),)),
        (place, [{"x": 1, "y": 2}], {}, (Point(1, 2),)),
        (bare, {"k": 1}, {}, ({"k": 1}, 2)),
    ],
)
def test_arguments_of_any_sdks_shape(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], loaded: tuple[Any, ...]
) -> None:
    assert signature(function).load(Invocation("f", 1, args, kwargs)) == Arguments(loaded, {})


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "said"),
    [
        (one, ["5"], {}, r"argument 'n' of one: \$: expected an integer"),
        (one, [1, 2], {}, r"stored arguments do not fit one\(n: int\)"),
        (one, None, {}, r"argument 'n' of one"),
        (nothing, [1], {}, r"stored arguments do not fit nothing\(\)"),
        (two, [1], {}, r"missing a required argument: 'b'"),
        (two, [1, "x"], {"b": "x"}, r"stored arguments do not fit two"),
        (rest, [1, 2, "3"], {}, r"argument 'more' of rest"),
        (rest, [1], {"z": 5}, r"argument 'named' of rest"),
    ],
)
def test_stored_arguments_that_do_not_fit(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(DecodingError, match=said):
        signature(function).load(Invocation("f", 1, args, kwargs))


@pytest.mark.parametrize(
    ("arguments", "function", "said", "path"),
    [
        (Arguments(("5",), {}), one, r"argument 'n' of one: \$: expected int", "$"),
        (Arguments(([1, "x"],), {}), items, r"argument 'values' of items: \$\[1\]", "$[1]"),
        (Arguments((1, 2, "x"), {"flag": True}), rest, r"argument 'more' of rest", "$"),
        (Arguments((1,), {"flag": True, "z": 5}), rest, r"argument 'named' of rest", "$"),
        (Arguments((1,), {"a": 5}), clash, r"argument 'named' of clash", "$"),
    ],
)
def test_what_would_not_come_back_is_refused_by_name(
    arguments: Arguments, function: Callable[..., Any], said: str, path: str
) -> None:
    with pytest.raises(EncodingError, match=said) as caught:
        signature(function).dump(arguments)
    assert caught.value.path == path


def test_arguments_by_name() -> None:
    of = signature(rest)
    assert of.named(of.bind((1, 2, 3), {"z": "z"})) == {
        "a": 1,
        "more": (2, 3),
        "flag": False,
        "named": {"z": "z"},
    }
    assert signature(two).named(Arguments((1, "x"), {})) == {"a": 1, "b": "x"}


class Callables:
    def method(self, n: int) -> int: ...  # pyright: ignore[reportReturnType] - only its signature is used

    def __call__(self, n: int) -> None: ...


def test_the_signature_is_the_functions_own_whatever_kind_it_is() -> None:
    @wraps(one)
    def wrapper(*args: Any) -> Any:
        return one(*args)

    for function in (Callables().method, Callables(), wrapper):
        assert list(signature(function).parameters) == ["n"]
    assert list(signature(partial(two, 1)).parameters) == ["b"]
    with pytest.raises(EncodingError):
        signature(wrapper).dump(Arguments(("5",), {}))


def test_a_leading_context_is_not_a_durable_parameter() -> None:
    def first(ctx: Context, n: int) -> None: ...
    def text(ctx: "Context", n: int) -> None: ...
    def second(n: int, ctx: Context) -> None: ...

    assert signature(first).wants_context
    assert signature(text).wants_context
    assert list(signature(text).parameters) == ["n"]
    assert not signature(one).wants_context
    with pytest.raises(DefinitionError, match="parameter 'ctx' of second"):
        signature(second)


def test_annotations_that_cannot_be_stored_are_found_when_the_function_is_defined() -> None:
    def takes(socket: asyncio.AbstractEventLoop) -> None: ...
    def gives(n: int) -> asyncio.AbstractEventLoop: ...
    def unknown(n: "Nowhere") -> None: ...  # noqa: F821  # pyright: ignore[reportUndefinedVariable] - that is the case

    with pytest.raises(DefinitionError, match="parameter 'socket' of takes"):
        signature(takes)
    with pytest.raises(DefinitionError, match="the result of gives"):
        signature(gives)
    with pytest.raises(DefinitionError, match=r"annotation of 'unknown' cannot be resolved: .*Nowhere"):
        signature(unknown)
    with pytest.raises(DefinitionError, match="has no signature to read"):
        signature(5)  # pyright: ignore[reportArgumentType] - that is the case


def test_an_invocation_is_written_as_every_sdk_reads_it() -> None:
    assert decode_json(encode_invocation("f", 1, [1, "x"], {})) == {"func": "f", "args": [1, "x"]}
    assert decode_json(encode_invocation("f", 2, [], {"a": 1})) == {
        "func": "f",
        "args": [],
        "kwargs": {"a": 1},
        "version": 2,
    }


@pytest.mark.parametrize(
    ("tree", "invocation"),
    [
        ({"func": "f", "args": [1]}, Invocation("f", 1, [1], {})),
        ({"func": "f"}, Invocation("f", 1, None, {})),
        ({"func": "f", "args": 5, "kwargs": {"a": 1}, "version": 3}, Invocation("f", 3, 5, {"a": 1})),
        ({"func": "f", "args": [], "kwargs": None, "version": 0}, Invocation("f", 1, [], {})),
        ({"func": 5, "args": []}, None),
        ({"func": "f", "version": "2"}, None),
        ({"func": "f", "kwargs": [1]}, None),
        ({"args": []}, None),
        ([1, 2], None),
        ("f", None),
    ],
)
def test_reading_an_invocation(tree: Any, invocation: Invocation | None) -> None:
    assert decode_invocation(b64encode(encode_json(tree)).decode()) == invocation


@pytest.mark.parametrize("data", [None, "", "not base64!", "\x80", "AAA", b64encode(b"{").decode()])
def test_what_is_no_invocation_is_none(data: str | None) -> None:
    assert decode_invocation(data) is None


@given(st.text())
def test_whatever_a_param_holds_it_can_be_looked_at(data: str) -> None:
    assert decode_invocation(data) is None


@given(st.integers(), st.lists(st.integers()), st.booleans(), st.dictionaries(st.text(), st.text()))
def test_any_call_comes_back(a: int, more: list[int], flag: bool, named: dict[str, str]) -> None:
    of = signature(rest)
    named = {name: text for name, text in named.items() if name not in ("a", "flag")}
    arguments = of.bind((a, *more), {"flag": flag, **named})
    assert of.load(Invocation("rest", 1, *of.dump(arguments))) == arguments
