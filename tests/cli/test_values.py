"""Stored values for people and scripts."""

import binascii
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.cli.values import about, brief, cut, digits, failed_with, plain, printed, shown, stored_tree, visible
from troth.protocol.records import NO_VALUE, Promise, PromiseState, Value
from troth.sdk.codec import converter_for, encode_error

ANY = converter_for(Any)


@pytest.mark.parametrize(
    ("value", "python", "json"),
    [
        (None, "None", None),
        (True, "True", True),
        ("a'b", '"a\'b"', "a'b"),
        (1.5, "1.5", 1.5),
        (float("nan"), "nan", "nan"),
        (float("-inf"), "-inf", "-inf"),
        ([1, "a"], "[1, 'a']", [1, "a"]),
        ((), "()", []),
        ((1,), "(1,)", [1]),
        ((1, (2, 3)), "(1, (2, 3))", [1, [2, 3]]),
        ({1}, "{1}", [1]),
        (set(), "set()", []),
        (frozenset({1}), "frozenset({1})", [1]),
        (frozenset(), "frozenset()", []),
        ({"a": 1}, "{'a': 1}", {"a": 1}),
        ({"$troth": 1}, "{'$troth': 1}", {"$troth": 1}),
        ({1: 2, (3, 4): 5}, "{1: 2, (3, 4): 5}", {"1": 2, '{"$troth":"tuple","value":[3,4]}': 5}),
        (b"ab", "bytes('YWI=')", "YWI="),
        (date(2026, 1, 31), "date('2026-01-31')", "2026-01-31"),
        (timedelta(seconds=1), "timedelta('PT1S')", "PT1S"),
        (Decimal("1.50"), "decimal('1.50')", "1.50"),
        (UUID(int=1), f"uuid('{UUID(int=1)}')", str(UUID(int=1))),
    ],
)
def test_what_a_value_looks_like(value: object, python: str, json: object) -> None:
    tree = ANY.dump(value)
    assert shown(tree) == python
    assert plain(tree) == json


def test_huge_integers_are_text_in_json_and_digits_for_people() -> None:
    small, huge = 10**600 - 1, -(10**600)
    assert plain(ANY.dump(small)) == small
    assert plain(ANY.dump([huge])) == ["-1" + "0" * 600]
    assert plain(10**600) == "1" + "0" * 600
    assert shown(ANY.dump((huge,))) == "(-1" + "0" * 600 + ",)"
    assert brief(ANY.dump([10**5000]), 80) == "[" + "1" + "0" * 23 + "… (5,001 digits)]"
    assert brief(ANY.dump(10**5000), 20) == "1000… (5,001 digits)"


@given(st.integers(min_value=10**600, max_value=10**1300), st.sampled_from([1, -1]))
def test_the_digits_of_any_integer(value: int, sign: int) -> None:
    text = digits(sign * value)
    assert text == str(sign * value)
    first, _, size = about(sign * value).partition("… (")
    assert text.startswith(first)
    assert size == f"{len(str(value)):,} digits)"


def test_a_value_of_an_unknown_kind_is_shown_with_its_tag() -> None:
    tree = {"$troth": "Point", "value": {"x": 1}}
    assert shown(tree) == "Point({'x': 1})"
    assert plain(tree) == {"x": 1}
    assert shown({"$troth": "int", "value": "zz"}) == "0"


def test_an_object_that_only_looks_tagged() -> None:
    tree = {"$troth": "tuple", "value": [1], "more": 2}
    assert plain(tree) == tree
    assert shown(tree) == "{'$troth': 'tuple', 'value': [1], 'more': 2}"


def test_a_payload_that_is_no_json_stays_as_it_is() -> None:
    assert stored_tree(None) is None
    assert stored_tree("") is None
    assert stored_tree("no base64!") == "no base64!"
    data = binascii.b2a_base64(b"{broken", newline=False).decode()
    assert stored_tree(data) == data


def test_text_is_printed_without_quotes_only_on_its_own() -> None:
    assert printed("a\nb") == "a\nb"
    assert printed(["a\nb"]) == r"['a\nb']"


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40))
def test_a_cut_text_fits_and_is_one_line(text: str, width: int) -> None:
    short = cut(text, width)
    assert short.isprintable()
    if not text.lstrip("-").isdigit():
        assert len(short) <= width


def test_visible() -> None:
    assert visible("plain ä ✓") == "plain ä ✓"
    assert visible("\x1b]0;t\x07\t") == r"\x1b]0;t\x07\t"


# --- failures


def record(state: PromiseState, data: str | None = None) -> Promise:
    return Promise("a", state, NO_VALUE, Value(data=data), {}, 0, 0, 5)


def test_what_a_call_failed_with() -> None:
    error = KeyError("k")
    error.add_note("look there")
    failed = failed_with(record(PromiseState.REJECTED, encode_error(error)))
    assert failed is not None
    assert (failed.type, failed.message) == ("KeyError", "'k'\nlook there")
    assert str(failed) == "KeyError: 'k'\nlook there"


def test_a_type_that_is_not_known_here_keeps_its_name_and_traceback() -> None:
    class OddError(Exception):
        pass

    try:
        raise OddError("why")
    except OddError as raised:
        data = encode_error(raised)
    failed = failed_with(record(PromiseState.REJECTED, data))
    assert failed is not None
    assert failed.type.endswith("OddError")
    assert failed.message == "why"
    assert 'raise OddError("why")' in failed.traceback


def test_promises_that_did_not_fail_or_have_no_reason() -> None:
    assert failed_with(record(PromiseState.RESOLVED)) is None
    assert failed_with(record(PromiseState.PENDING)) is None
    kinds = [failed_with(record(state)) for state in (PromiseState.TIMED_OUT, PromiseState.CANCELED)]
    assert [kind and kind.type for kind in kinds] == ["CallTimedOutError", "CallCanceledError"]
    nothing = failed_with(record(PromiseState.REJECTED))
    assert nothing is not None
    assert nothing.message == "rejected without a reason"


def test_a_payload_that_is_no_base64_stays_the_text_it_is() -> None:
    for text in ("no base64", "nö", "aGk"):
        assert stored_tree(text) == text
