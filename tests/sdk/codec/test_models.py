"""Pydantic models go by pydantic's own JSON, only where it gives them back."""

import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, computed_field, field_serializer
from pydantic.dataclasses import dataclass as pydantic_dataclass

from troth.errors import DecodingError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json
from troth.sdk.codec.models import same


class Size(IntEnum):
    SMALL = 1


class Page(BaseModel):
    size: int = Field(alias="pageSize")
    at: datetime | None = None
    price: Decimal = Decimal(0)
    more: Any = None

    @computed_field
    @property
    def double(self) -> int:
        return self.size * 2


class Wide(Page):
    width: int = 0


class Book(BaseModel):
    pages: list[Page]


class Lossy(BaseModel):
    name: str

    @field_serializer("name")
    def short(self, name: str) -> str:
        return name[:1]


class Names(RootModel[list[str]]):
    pass


@pydantic_dataclass
class Strict:
    n: int


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


@given(st.integers(-(10**30), 10**30), st.none() | st.datetimes().map(lambda value: value.replace(fold=0)))
def test_a_model_comes_back_equal(size: int, at: datetime | None) -> None:
    value = Book(pages=[Page(pageSize=size, at=at, price=Decimal("1.50"))])
    assert back(Book, value) == value
    assert type(back(Book, value)) is Book


def test_models_stand_where_other_types_do() -> None:
    page = Page(pageSize=1)
    assert back(dict[str, Page | None], {"a": page, "b": None}) == {"a": page, "b": None}
    assert back(Page | Lossy, page) == page
    assert back(Names, Names(["a"])) == Names(["a"])
    assert back(Names | list[str], Names(["a"])) == Names(["a"])
    assert back(Strict, Strict(1)) == Strict(1)
    assert converter_for(Page).dump(page) == {"pageSize": 1, "at": None, "price": "0", "more": None}


@pytest.mark.parametrize(
    "value",
    [
        Lossy(name="long"),
        Page(pageSize=1, more=(1, 2)),
        Page(pageSize=1, more=Size.SMALL),
        Page(pageSize=1, more=float("nan")),
        Page(pageSize=1, more=object()),
        Page(pageSize=1, more={"a": {1}}),
        Page.model_construct(size="1"),
        Book(pages=[Wide(pageSize=1)]),
    ],
    ids=["lossy", "tuple", "enum", "nan", "object", "set", "unvalidated", "subclass"],
)
def test_a_model_that_would_come_back_changed_is_refused(value: BaseModel) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(list[type(value)]).dump([value])  # pyright: ignore[reportInvalidTypeForm] - made at run time
    assert refusal.value.path == "$[0]"


def test_a_subclass_is_refused() -> None:
    with pytest.raises(EncodingError):
        converter_for(Page).dump(Wide(pageSize=1))


def test_data_that_the_model_refuses_is_wrong_data() -> None:
    for tree in ({"pageSize": "x"}, [], None, {}):
        with pytest.raises(DecodingError):
            converter_for(Page).load(tree)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (Size.SMALL, 1),
        ([1], [True]),
        ((1,), [1]),
        ({1}, {True}),
        ({1: 2}, {True: 2}),
        ([1], [1, 2]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_equal_values_of_other_types_are_not_the_same(one: object, other: object) -> None:
    assert same(one, one)
    assert not same(one, other)


def test_the_codec_does_not_import_pydantic() -> None:
    use = "from troth.sdk.codec import converter_for; converter_for(int | None)"
    code = f"{use}; import sys; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
