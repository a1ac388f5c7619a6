"""Cron lines against the calendar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.machine.cron import Cron, CronError, parse_cron
from troth.machine.limits import CRON_CHARS_MAX, INSTANT_MAX


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        # 2024-02-28 is a Wednesday of a leap year
        ("* * * * *", "2024-02-28T10:00:00", "2024-02-28T10:01:00"),
        ("* * * * * *", "2024-02-28T10:00:00", "2024-02-28T10:00:01"),
        ("*/15 * * * *", "2024-02-28T10:14:59", "2024-02-28T10:15:00"),
        ("*/15 * * * *", "2024-02-28T10:45:00", "2024-02-28T11:00:00"),
        ("5/20 * * * *", "2024-02-28T10:25:00", "2024-02-28T10:45:00"),
        ("10-20/5 * * * *", "2024-02-28T10:20:00", "2024-02-28T11:10:00"),
        ("0,30 9-17 * * *", "2024-02-28T17:30:00", "2024-02-29T09:00:00"),
        ("30 0 12 * * *", "2024-02-28T12:00:29", "2024-02-28T12:00:30"),
        ("30 0 12 * * *", "2024-02-28T12:00:30", "2024-02-29T12:00:30"),
        ("59 23 31 12 *", "2024-02-28T10:00:00", "2024-12-31T23:59:00"),
        # leap days
        ("0 0 29 2 *", "2024-02-28T10:00:00", "2024-02-29T00:00:00"),
        ("0 0 29 2 *", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 29 2 *", "2096-02-29T00:00:00", None),  # 2100 is no leap year
        ("0 0 29 2 1", "2024-02-29T00:00:00", "2032-02-29T00:00:00"),  # a Sunday
        ("0 0 31 * *", "2024-03-31T00:00:00", "2024-05-31T00:00:00"),
        # days of the week: 1 is Sunday
        ("0 0 * * 1", "2024-02-28T10:00:00", "2024-03-03T00:00:00"),
        ("0 0 * * 7", "2024-02-28T10:00:00", "2024-03-02T00:00:00"),
        ("0 0 * * SUN", "2024-02-28T10:00:00", "2024-03-03T00:00:00"),
        ("0 0 * * saturday", "2024-02-28T10:00:00", "2024-03-02T00:00:00"),
        ("0 9 * * mon-fri", "2024-03-01T09:00:00", "2024-03-04T09:00:00"),
        ("0 0 13 * fri", "2024-02-28T10:00:00", "2024-09-13T00:00:00"),  # both must match
        ("0 0 ? jan,december ?", "2024-02-28T10:00:00", "2024-12-01T00:00:00"),
        # years
        ("0 0 0 1 1 * 2030", "2024-02-28T10:00:00", "2030-01-01T00:00:00"),
        ("0 0 0 1 1 * 2024/50", "2024-02-28T10:00:00", "2074-01-01T00:00:00"),
        ("0 0 0 1 1 * 2020-2024", "2024-02-28T10:00:00", None),
        ("0 0 0 1 1 * 2100", "2024-02-28T10:00:00", "2100-01-01T00:00:00"),
        ("* * * * *", "2100-12-31T23:59:00", None),
        # aliases
        ("@yearly", "2024-02-28T10:00:00", "2025-01-01T00:00:00"),
        ("@monthly", "2024-02-28T10:00:00", "2024-03-01T00:00:00"),
        ("@weekly", "2024-02-28T10:00:00", "2024-03-03T00:00:00"),
        ("@Daily", "2024-02-28T10:00:00", "2024-02-29T00:00:00"),
        ("@hourly", "2024-02-28T10:00:00", "2024-02-28T11:00:00"),
        # dates that never come
        ("0 0 31 2 *", "2024-02-28T10:00:00", None),
        ("0 0 30 feb *", "2024-02-28T10:00:00", None),
        ("0 0 31 4,6,9,11 *", "2024-02-28T10:00:00", None),
        ("0 0 0 29 2 * 2023", "2022-01-01T00:00:00", None),
    ],
)
def test_the_next_occurrence(line: str, after: str, expected: str | None) -> None:
    assert parse_cron(line).after(ms(after)) == (None if expected is None else ms(expected))


def test_milliseconds_within_a_second_do_not_repeat_it() -> None:
    every_second = parse_cron("* * * * * *")
    assert every_second.after(999) == 1000
    assert every_second.after(1000) == 2000
    assert every_second.after(1001) == 2000


def test_there_is_nothing_after_the_end_of_the_calendar() -> None:
    assert parse_cron("* * * * *").after(INSTANT_MAX) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* * * *",
        "* * * * * * * *",
        "60 * * * *",
        "99 99 99 99 99",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 0",
        "* * * * 8",
        "0 0 0 1 1 * 1969",
        "0 0 0 1 1 * 2101",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/ * * * *",
        "*/99999 * * * *",
        "/5 * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "1.5 * * * *",
        "٣ * * * *",
        "²  * * * *",
        "a * * * *",
        "* * * janu *",
        "* * * * L",
        "* * * * 5#2",
        "@every 1ns",
        "@reboot",
        "* * * * *" + " " * CRON_CHARS_MAX,
        "1," * 5000 + "1 * * * *",
    ],
)
def test_what_is_no_cron_line_is_refused(line: str) -> None:
    with pytest.raises(CronError):
        parse_cron(line)


def matches(cron: Cron, second: int) -> bool:
    at = datetime.fromtimestamp(second, UTC)
    times = at.second in cron.seconds and at.minute in cron.minutes and at.hour in cron.hours
    days = at.day in cron.days and at.month in cron.months and at.year in cron.years
    return times and days and at.isoweekday() % 7 + 1 in cron.weekdays


@given(
    st.sampled_from(["* * * * *", "*/7 * * * * *", "0 0 29 2 *", "0 9 * * mon-fri", "15 10 13 * 6"]),
    st.integers(min_value=0, max_value=3_900_000_000_000),
    st.data(),
)
def test_an_occurrence_matches_and_nothing_before_it_does(line: str, after: int, data: st.DataObject) -> None:
    cron = parse_cron(line)
    found = cron.after(after)
    assert found is not None
    assert found > after
    assert matches(cron, found // 1000)
    first, last = after // 1000 + 1, found // 1000 - 1
    if first <= last:
        between = st.one_of(st.integers(first, last), st.sampled_from([first, last]))
        assert not matches(cron, data.draw(between))
