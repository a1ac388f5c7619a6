"""Cron lines: when a schedule fires next (protocol §6). UTC, so no instant is ever skipped or doubled.

Five fields (minute, hour, day of month, month, day of week), six with seconds first, seven with a year last;
or one of the ``@`` aliases. Days of the week count as Quartz does, 1 is Sunday and 7 is Saturday, and a day
must match *both* the day of month and the day of week.
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product
from typing import Final

from msgspec import Struct

from .limits import CRON_CHARS_MAX, CRON_YEAR_MAX

_ALIASES: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 1",
    "@daily": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_S: Final = 24 * 60 * 60
_STEP_DIGITS_MAX: Final = 4


def _names(first: int, *names: str) -> dict[str, int]:
    short = {name[:3]: number for number, name in enumerate(names, first)}
    return short | {name: number for number, name in enumerate(names, first)}


class _Field(Struct, frozen=True):
    name: str
    lowest: int
    highest: int
    names: Mapping[str, int] = {}


_MONTHS: Final = _names(
    1,
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS: Final = _names(1, "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")

_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 1, 7, _WEEKDAYS),
    _Field("year", 1970, CRON_YEAR_MAX),
)


class CronError(ValueError):
    """The text is no cron line. The message says which part of it is wrong."""


class Cron(Struct, frozen=True):
    """A cron line, understood: the numbers each field allows, ascending."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    years: tuple[int, ...]

    def after(self, instant: int) -> int | None:
        """The first occurrence later than an instant; None if there is none. Milliseconds since the epoch.

        >>> parse_cron("*/5 * * * *").after(1_700_000_000_000)
        1700000100000
        """
        day, second = divmod(instant // 1000 + 1, _DAY_S)
        for candidate in self._days_from(day):
            at = self._time_from(second if candidate == day else 0)
            if at is not None:
                return (candidate * _DAY_S + at) * 1000
        return None

    def _days_from(self, day: int) -> Iterator[int]:
        """Matching days, counted from the epoch, the given one included."""
        try:
            start = date.fromordinal(_EPOCH + max(day, 0))
        except (ValueError, OverflowError):  # beyond the calendar, and so beyond the last year
            return
        years = self.years[bisect_left(self.years, start.year) :]
        for year, month in product(years, self.months):
            if (year, month) < (start.year, start.month):
                continue
            first_weekday, length = monthrange(year, month)
            ordinal = date(year, month, 1).toordinal() - _EPOCH - 1
            for number in self.days:
                # monthrange counts from Monday = 0, Quartz from Sunday = 1
                weekday = (first_weekday + number) % 7 + 1
                if number <= length and weekday in self.weekdays and ordinal + number >= day:
                    yield ordinal + number

    def _time_from(self, second: int) -> int | None:
        """The first matching second of a day that is not before the given one."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        for h in self.hours[bisect_left(self.hours, hour) :]:
            if h > hour:
                return h * 3600 + self.minutes[0] * 60 + self.seconds[0]
            for m in self.minutes[bisect_left(self.minutes, minute) :]:
                if m > minute:
                    return h * 3600 + m * 60 + self.seconds[0]
                at = bisect_left(self.seconds, second)
                if at < len(self.seconds):
                    return h * 3600 + m * 60 + self.seconds[at]
        return None


def parse_cron(text: str) -> Cron:
    """The cron line that a text is; a `CronError` if it is none.

    >>> parse_cron("0 9 * * mon-fri").weekdays
    (2, 3, 4, 5, 6)
    """
    if len(text) > CRON_CHARS_MAX:
        raise CronError(f"a cron line has at most {CRON_CHARS_MAX} characters")
    words = _ALIASES.get(text.strip().lower(), text).split()
    if len(words) == 5:
        words.insert(0, "0")
    if len(words) == 6:
        words.append("*")
    if len(words) != len(_FIELDS):
        raise CronError(f"a cron line has 5, 6 or 7 fields, or is one of {', '.join(_ALIASES)}")
    return Cron(*(_parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True)))


def _parse_field(word: str, field: _Field) -> tuple[int, ...]:
    numbers: set[int] = set()
    for part in word.split(","):
        numbers.update(_parse_part(part, field))
    return tuple(sorted(numbers))


def _parse_part(part: str, field: _Field) -> range:
    """``*``, ``?``, ``n``, ``n-m``, and each of them with ``/step``."""
    span, slash, step_text = part.partition("/")
    step = _parse_number(step_text, field, "step") if slash else 1
    if step == 0 or len(step_text) > _STEP_DIGITS_MAX:
        raise CronError(f"{field.name}: {step_text!r} is no step")
    if span in ("*", "?"):
        return range(field.lowest, field.highest + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = _parse_value(first_text, field)
    open_end = field.highest if slash else first
    last = _parse_value(last_text, field) if dash else open_end
    if last < first:
        raise CronError(f"{field.name}: {span!r} ends before it begins")
    return range(first, last + 1, step)


def _parse_value(text: str, field: _Field) -> int:
    number = field.names.get(text.lower())
    if number is None:
        number = _parse_number(text, field, "value")
    if not field.lowest <= number <= field.highest:
        raise CronError(f"{field.name}: {text} is not within {field.lowest} and {field.highest}")
    return number


def _parse_number(text: str, field: _Field, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CronError(f"{field.name}: {text!r} is no {what}")
    return int(text)
