"""Values without parts come back equal and of the same type, or are refused."""

import math
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json
from troth.sdk.codec.scalars import INT_PLAIN


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - naive on purpose
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]).map(ZoneInfo)
FAMILIES: dict[object, st.SearchStrategy[Any]] = {
    None: st.none(),
    bool: st.booleans(),
    int: st.integers() | st.integers(0, 80).map(lambda n: -(7 ** (n * 100))),
    str: st.text(),
    bytes: st.binary(),
    date: st.dates(),
    time: st.times(timezones=st.none() | OFFSETS).map(lambda value: value.replace(fold=0)),
    timedelta: st.timedeltas(),
    UUID: st.uuids(),
    Decimal: st.decimals(allow_nan=False),
}


@pytest.mark.parametrize("annotation", FAMILIES)
@given(data=st.data())
def test_every_value_comes_back_equal_and_of_its_type(annotation: object, data: st.DataObject) -> None:
    value = data.draw(FAMILIES[annotation])
    loaded = back(annotation, value)
    assert loaded == value
    assert type(loaded) is type(value)
    assert back(annotation, loaded) == loaded


@given(st.floats())
def test_every_float_comes_back_with_its_bits(value: float) -> None:
    loaded = back(float, value)
    assert type(loaded) is float
    assert loaded.hex() == value.hex()
    assert math.copysign(1, loaded) == math.copysign(1, value) or math.isnan(value)


@given(st.datetimes(timezones=st.none() | OFFSETS).map(lambda value: value.replace(fold=0)))
def test_a_datetime_keeps_its_wall_time_and_offset(value: datetime) -> None:
    loaded = back(datetime, value)
    assert loaded.replace(tzinfo=None) == value.replace(tzinfo=None)
    assert loaded.utcoffset() == value.utcoffset()


@given(st.datetimes(NAIVE.replace(year=1800), NAIVE.replace(year=2200)), ZONES)
def test_a_datetime_keeps_its_named_zone(naive: datetime, zone: ZoneInfo) -> None:
    value = naive.replace(tzinfo=UTC).astimezone(zone)
    loaded = back(datetime, value)
    assert (loaded, loaded.tzinfo, loaded.fold) == (value, zone, value.fold)
    day = timedelta(days=1)
    assert loaded + day == value + day


def test_decimal_keeps_zeros_signs_and_non_numbers() -> None:
    for text in ("1.00", "-0", "1E+30", "NaN", "sNaN", "-Infinity"):
        assert str(back(Decimal, Decimal(text))) == text


def test_the_wire_form_is_what_other_languages_read() -> None:
    forms = {
        int: (7, 7),
        float: (0.5, 0.5),
        bytes: (b"\x00\xff", "AP8="),
        datetime: (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006+00:00"),
        date: (date(2026, 1, 2), "2026-01-02"),
        time: (time(1, 2), "01:02:00"),
        timedelta: (timedelta(days=1, seconds=5, microseconds=10), "P1DT5.00001S"),
        UUID: (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        Decimal: (Decimal("1.50"), "1.50"),
    }
    for annotation, (value, tree) in forms.items():
        assert converter_for(annotation).dump(value) == tree
    berlin = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert converter_for(datetime).dump(berlin) == "2026-07-01T12:00:00+02:00[Europe/Berlin]"


@pytest.mark.parametrize("value", [math.factorial(5000), 10**100_000, -(10**100_000), INT_PLAIN, -INT_PLAIN], ids=hash)
def test_integers_past_the_text_limit_are_exact(value: int) -> None:
    assert back(int, value) == value
    assert converter_for(int).dump(value) == {"$troth": "int", "value": hex(value)}


def test_the_plain_form_of_an_integer_is_within_the_lowest_text_limit() -> None:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.str_digits_check_threshold)
    try:
        assert back(int, INT_PLAIN - 1) == INT_PLAIN - 1
        assert back(int, INT_PLAIN) == INT_PLAIN
    finally:
        sys.set_int_max_str_digits(digits)


def test_an_integer_in_the_other_form_is_read_too() -> None:
    assert converter_for(int).load({"$troth": "int", "value": "-0xff"}) == -255
    assert converter_for(int).load(decode_json(b"1" + b"0" * 4000)) == 10**4000


def test_an_integer_is_a_float_where_it_is_exactly_one() -> None:
    assert type(back(float, 3)) is float
    assert back(float, 2**53) == 2**53
    for value in (2**53 + 1, 10**400):
        with pytest.raises(EncodingError, match="No float is equal to it"):
            converter_for(float).dump(value)


class Size(IntEnum):
    SMALL = 1


class Text(str):
    __slots__ = ()


class Fixed(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None if dt is None else timedelta(hours=1)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, True),
        (int, 1.0),
        (int, Size.SMALL),
        (int, None),
        (bool, 1),
        (None, 0),
        (float, True),
        (float, "1"),
        (str, Text("a")),
        (str, b"a"),
        (str, "\ud800"),
        (str, "é\udfff"),
        (bytes, bytearray(b"a")),
        (date, NAIVE),
        (datetime, date(2026, 1, 1)),
        (datetime, NAIVE.replace(fold=1)),
        (datetime, datetime(2026, 1, 1, tzinfo=Fixed())),
        (datetime, datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)),
        (datetime, datetime.max.replace(tzinfo=ZoneInfo("America/New_York"))),
        (time, time(1, fold=1)),
        (time, time(1, tzinfo=BERLIN)),
        (UUID, str(UUID(int=1))),
        (Decimal, 1),
    ],
)
def test_what_would_not_come_back_is_refused_at_the_call(annotation: object, value: object) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(annotation).dump(value)
    assert refusal.value.path == "$"
    assert str(refusal.value).startswith("$: expected ")
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("annotation", "tree"),
    [
        (int, True),
        (int, 1.0),
        (int, "1"),
        (int, {"$troth": "int", "value": "ff"}),
        (int, {"$troth": "int", "value": 5}),
        (int, {"$troth": "int"}),
        (int, {"$troth": 3, "value": 5}),
        (bool, 1),
        (None, False),
        (float, 2**53 + 1),
        pytest.param(float, 10**400, id="no float is so large"),
        (float, "nan"),
        (float, {"$troth": "float", "value": "1"}),
        (float, {"$troth": "float", "value": []}),
        (str, None),
        (bytes, "no base64"),
        (bytes, "AA=A"),
        (bytes, "é"),
        (datetime, "2026-13-01T00:00:00"),
        (datetime, "2026-01-01T00:00:00+00:00[No/Zone]"),
        (datetime, "2026-01-01T00:00:00+00:00[../../etc/passwd]"),
        (datetime, "0001-01-01T00:00:00+09:00[America/New_York]"),
        (date, 20260101),
        (time, "25:00"),
        (timedelta, "P1Y"),
        (timedelta, "five"),
        (UUID, "1"),
        (Decimal, "ten"),
        (Decimal, 1.5),
    ],
)
def test_data_that_the_annotation_does_not_describe_is_refused(annotation: object, tree: Any) -> None:
    with pytest.raises(DecodingError) as refusal:
        converter_for(annotation).load(tree)
    assert refusal.value.path == "$"


def test_a_float_without_fraction_from_another_language_is_read() -> None:
    assert type(converter_for(float).load(1)) is float


def test_two_nans_in_a_set_stay_two() -> None:
    assert len(back(set[float], {float("nan"), float("nan")})) == 2
