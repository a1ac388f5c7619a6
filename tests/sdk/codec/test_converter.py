"""The law of every converter: what the caller gets is what a replay gets."""

from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.sdk.codec import converter_for, decode, encode


@dataclass
class Reading:
    values: list[float]
    best: float | None


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)


@given(st.builds(Reading, st.lists(NUMBERS), st.none() | NUMBERS))
def test_the_loaded_value_is_a_fixed_point(value: Reading) -> None:
    converter = converter_for(Reading)
    first = decode(encode(value, converter), converter)
    second = decode(encode(first, converter), converter)
    assert repr(second) == repr(first)
    assert first == value
    assert all(type(number) is float for number in first.values)


def test_a_converter_cannot_be_changed() -> None:
    converter: Any = converter_for(int)
    with pytest.raises(FrozenInstanceError):
        converter.dump = str
