"""Exceptions come back as their own type where that is known, and whatever was stored gives a usable one."""

import builtins
import json
from base64 import b64decode, b64encode
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import CallCanceledError, DecodingError, EncodingError, KeyCollisionError, RemoteError
from troth.sdk.codec import decode_error, encode_error
from troth.sdk.codec.failures import REMOTE_NOTE


class DeniedError(Exception):
    """Makes its message from an argument that its args do not hold."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"denied with {code}")
        self.code = code


class WrappedError(Exception):
    """Its args are not what its constructor takes: calling it again would wrap the message twice."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"because {reason}")


class ExplodingError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no str today")

    def __repr__(self) -> str:
        raise RuntimeError("no repr today")


class StubbornError(Exception):
    def __new__(cls, *args: object) -> Self:
        if "made" not in args:
            raise LookupError("never from stored data")
        return super().__new__(cls)


class Leaving(SystemExit):
    pass


KNOWN: dict[str, type[Exception]] = {
    f"{cls.__module__}.{cls.__qualname__}": cls for cls in (DeniedError, WrappedError, ExplodingError, StubbornError)
}


def raised(exc: BaseException) -> BaseException:
    try:
        raise exc
    except BaseException as caught:  # noqa: BLE001 - whatever was raised
        return caught


def back(exc: BaseException) -> Any:
    return decode_error(encode_error(raised(exc)), KNOWN)


def written(exc: BaseException) -> dict[str, Any]:
    return json.loads(b64decode(encode_error(exc)))


def data(tree: object) -> str:
    return b64encode(json.dumps(tree).encode()).decode()


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("bad", 5),
        KeyError("name"),
        KeyError(("a", b"x")),
        FileNotFoundError(2, "no such file", "a.txt"),
        OSError(18, "cross-device", "a", None, "b"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ZeroDivisionError(),
        SyntaxError("bad", ("f.py", 1, 2, "text")),
        UserWarning("careful"),
        ModuleNotFoundError("no module"),
        EncodingError("$.a: expected int", "$.a"),
        DecodingError("$: expected int"),
        KeyCollisionError("taken", "id-1"),
        CallCanceledError("canceled", "id-2"),
        DeniedError(code=7),
        WrappedError("it rains"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_known_exception_comes_back_as_itself(exc: Exception) -> None:
    loaded = back(exc)
    assert type(loaded) is type(exc)
    assert loaded.args == exc.args
    assert str(loaded) == str(exc)
    assert {k: v for k, v in vars(loaded).items() if k != "__notes__"} == {
        k: v for k, v in vars(exc).items() if k != "__notes__"
    }


def test_an_unknown_exception_is_remote_and_tells_what_it_was() -> None:
    class LocalError(Exception):
        pass

    loaded = decode_error(encode_error(raised(LocalError("why", 5))), KNOWN, "id-1")
    assert type(loaded) is RemoteError
    assert loaded.type_name.endswith("LocalError")
    assert (loaded.message, loaded.arguments, loaded.promise_id) == ("('why', 5)", ("why", 5), "id-1")


def test_a_remote_error_passes_through_as_what_it_was() -> None:
    first = decode_error(encode_error(raised(DeniedError(code=7))), {}, "id-1")
    assert type(first) is RemoteError
    second = decode_error(encode_error(raised(first)), {}, "id-2")
    assert type(second) is RemoteError
    assert (second.type_name, second.message) == (first.type_name, first.message)
    assert second.promise_id == "id-2"
    third = decode_error(encode_error(raised(second)), KNOWN)
    assert type(third) is DeniedError


def test_the_remote_traceback_is_a_note() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as exc:
        exc.add_note("by hand")
        loaded = decode_error(encode_error(exc), {})
    assert loaded.__notes__[0] == "by hand"
    note = loaded.__notes__[1]
    assert note.startswith(REMOTE_NOTE)
    assert "test_the_remote_traceback_is_a_note" in note
    assert "ValueError: outer" in note
    assert "Caused by:\n" in note
    assert "KeyError: 'inner'" in note


def test_the_way_up_does_not_add_up() -> None:
    exc: BaseException = ValueError("deep")
    sizes: list[int] = []
    for _ in range(30):
        stored = encode_error(raised(exc))
        sizes.append(len(stored))
        exc = decode_error(stored, {})
    assert len(exc.__notes__) == 1
    assert max(sizes) < 40_000
    assert "ValueError: deep" in exc.__notes__[0]


def test_everything_that_is_stored_is_bounded() -> None:
    exc = ValueError("m" * 1_000_000, b"x" * 1_000_000)
    for n in range(100):
        exc.add_note(f"{n}" * 100_000)
    stored = written(raised(exc))
    assert len(stored["message"]) <= 65_536
    assert len(stored["notes"]) == 32
    assert max(map(len, stored["notes"])) <= 65_536
    assert all(len(json.dumps(part)) <= 1_100 for part in stored["args"])
    assert len(stored["stack"]) <= 8_192


def test_what_cannot_travel_travels_as_its_repr() -> None:
    loaded = back(ValueError(5, object, {"a": {1}}))
    assert loaded.args == (5, "<class 'object'>", {"a": {1}})
    deep: list[Any] = []
    for _ in range(150):
        deep = [deep]
    assert back(ValueError(deep)).args == (repr(deep),)
    tricky = {"$troth": "repr", "value": 1}
    assert back(ValueError(tricky)).args == (tricky,)


def test_text_that_utf8_cannot_carry_is_escaped() -> None:
    assert back(ValueError("\ud800")).args == ("'\\ud800'",)
    assert written(ValueError("\ud800"))["message"] == "\\ud800"


def test_an_exception_without_a_text_still_travels() -> None:
    stored = written(raised(ExplodingError(ExplodingError())))
    assert stored["message"] == "a ExplodingError whose str() fails"
    assert type(back(ExplodingError(1))) is ExplodingError
    assert type(back(ValueError(ExplodingError()))) is ValueError


def test_other_sdks_find_the_shape_of_the_protocol() -> None:
    stored = written(raised(ValueError("bad")))
    assert stored["__type"] == "error"
    assert (stored["message"], stored["name"]) == ("bad", "ValueError")
    assert "ValueError: bad" in stored["stack"]
    assert stored["type"] == "builtins.ValueError"


def test_groups_come_back_with_their_members() -> None:
    group = ExceptionGroup("several", [ValueError("a"), ExceptionGroup("more", [DeniedError(code=1), KeyError("k")])])
    loaded = back(group)
    assert type(loaded) is ExceptionGroup
    assert loaded.message == "several"
    assert [type(leaf) for leaf in loaded.exceptions] == [ValueError, ExceptionGroup]
    matched, _ = loaded.split(DeniedError)
    assert matched is not None
    assert len(written(ExceptionGroup("wide", [ValueError("x")] * 1_000))["exceptions"]) == 256
    deep = ExceptionGroup("leaf", [ValueError("x")])
    for _ in range(40):
        deep = ExceptionGroup("deep", [deep])
    assert type(back(deep)) is ExceptionGroup


@pytest.mark.parametrize("exc", [KeyboardInterrupt(), SystemExit(1), GeneratorExit(), Leaving(2), StopIteration(5)])
def test_what_would_stop_the_reader_stays_remote(exc: BaseException) -> None:
    loaded = decode_error(encode_error(raised(exc)), {"tests.Leaving": Exception})
    assert type(loaded) is RemoteError
    assert loaded.type_name.endswith(type(exc).__name__)


def test_a_base_group_stays_remote() -> None:
    assert type(back(BaseExceptionGroup("stop", [KeyboardInterrupt()]))) is RemoteError


def test_a_class_that_refuses_in_every_way_is_remote() -> None:
    assert type(back(StubbornError("made"))) is not BaseException
    assert (
        type(decode_error(data({"type": next(n for n in KNOWN if "StubbornError" in n), "args": [1]}), KNOWN))
        is RemoteError
    )


@pytest.mark.parametrize(
    "name", ["builtins.eval", "builtins.print", "os.system", "builtins.BaseException", "ValueError"]
)
def test_no_other_name_is_looked_up(name: str) -> None:
    loaded = decode_error(data({"__type": "error", "type": name, "message": "m", "args": ["1"]}), {})
    assert type(loaded) is RemoteError
    assert loaded.type_name == name


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"__type": "error", "message": "from elsewhere"}, "from elsewhere"),
        ({"__type": "error", "message": "m", "name": "RangeError", "stack": "at x.ts:1"}, "m"),
        ({"__type": "error", "message": "m", "__py_pickle": "gASVAAAA"}, "m"),
        ("just text", "just text"),
        (["a", 1], '["a",1]'),
        (5, "5"),
        ({}, "{}"),
        ({"code": 5}, '{"code":5}'),
        ({"message": 5, "name": [], "args": {}, "notes": 1, "stack": {}, "cause": []}, None),
        ({"type": "builtins.ValueError", "args": "no list", "message": "m"}, "m"),
        ({"type": "builtins.UnicodeDecodeError", "args": [1], "message": "m"}, "UnicodeDecodeError: m"),
        (
            {"type": "builtins.OSError", "args": [], "attributes": {"__class__": "x", "args": 5, "a b": 1}},
            None,
        ),
        ({"type": "builtins.ExceptionGroup", "exceptions": [], "message": "m"}, "m"),
        ({"type": "builtins.ExceptionGroup", "exceptions": [None, 1, "x", {}], "message": "m"}, None),
        ({"type": "builtins.ValueError", "args": [{"$troth": "x", "value": 1}], "message": "m"}, None),
        ({"type": "builtins.ValueError", "notes": [1, {"a": 2}, "x"], "message": "m"}, "m"),
        ({"type": "troth.errors.RemoteError", "args": ["a"], "message": "m"}, "m"),
    ],
)
def test_what_others_wrote_gives_a_usable_exception(tree: object, message: str | None) -> None:
    loaded = decode_error(data(tree), KNOWN)
    assert isinstance(loaded, Exception)
    assert message is None or message in str(loaded)


@pytest.mark.parametrize("stored", [None, "", "no base64", "AAAA", "gA==", b64encode(b"[" * 100_000).decode()])
def test_what_is_no_json_gives_a_usable_exception(stored: str | None) -> None:
    loaded = decode_error(stored, KNOWN)
    assert type(loaded) is RemoteError
    assert "reason" in str(loaded)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("$troth"), inner, max_size=4),
)
NAMES = st.sampled_from(
    [f"builtins.{name}" for name, cls in vars(builtins).items() if isinstance(cls, type)] + [*KNOWN]
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": NAMES | JSON,
            "message": st.text() | JSON,
            "args": st.lists(JSON, max_size=5) | JSON,
            "attributes": st.dictionaries(st.text() | st.sampled_from(["code", "args", "characters_written"]), JSON),
            "exceptions": st.lists(JSON, max_size=3) | JSON,
            "notes": JSON,
            "stack": st.text() | JSON,
        },
    )
)
def test_no_payload_makes_decoding_fail(tree: dict[str, Any]) -> None:
    loaded = decode_error(data(tree), KNOWN)
    assert isinstance(loaded, Exception)
    assert type(loaded.args) is tuple
    assert encode_error(loaded)
