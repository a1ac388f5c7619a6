"""Classes with named fields come back whole; what they cannot carry is refused with its path."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, NotRequired, Required, TypedDict, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json

T = TypeVar("T")
K = TypeVar("K")


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


@dataclass
class Page:
    size: int
    title: str = "untitled"
    tags: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    pages: list[Page]
    shelf: tuple[int, float] | None = None


class Box(Struct, rename="camel", tag="box"):
    box_size: int
    inner: Box | None = None


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Draft(TypedDict, total=False):
    name: Required[str]
    words: int


class Point(NamedTuple):
    x: int
    y: tuple[int, ...] = ()


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)
    parent: Tree | None = None


@dataclass
class Pair(Generic[K, T]):
    key: K
    values: list[T | None]


@dataclass
class Named(Pair[str, T]):
    name: str = ""
    more: Pair[T, T] | None = None


class Cell(Struct, Generic[T]):
    content: T


EPOCH = datetime.fromtimestamp(0, UTC)

PAGES = st.builds(Page, st.integers(), st.text(), st.sets(st.text()))
TREES = st.recursive(
    st.builds(Tree, st.integers()),
    lambda inner: st.builds(Tree, st.integers(), st.lists(inner, max_size=3), st.none() | inner),
)
FAMILIES: dict[Any, st.SearchStrategy[Any]] = {
    Page: PAGES,
    Book: st.builds(
        Book, pages=st.lists(PAGES), shelf=st.none() | st.tuples(st.integers(), st.floats(allow_nan=False))
    ),
    Box: st.builds(Box, st.integers(), st.none() | st.builds(Box, st.integers())),
    Movie: st.fixed_dictionaries({"name": st.text()}, optional={"year": st.integers()}),
    Draft: st.fixed_dictionaries({"name": st.text()}, optional={"words": st.integers()}),
    Point: st.builds(Point, st.integers(), st.lists(st.integers()).map(tuple)),
    Tree: TREES,
    Pair[int, str]: st.builds(Pair, st.integers(), st.lists(st.text() | st.none())),
    Named[bytes]: st.builds(
        Named,
        st.text(),
        st.lists(st.binary()),
        st.text(),
        st.none() | st.builds(Pair, st.binary(), st.lists(st.binary())),
    ),
    Cell[bytes]: st.builds(Cell, st.binary()),
    Cell: st.builds(Cell, st.binary()),
}


@pytest.mark.parametrize("annotation", FAMILIES, ids=str)
@given(data=st.data())
def test_every_value_comes_back_equal_and_of_its_type(annotation: Any, data: st.DataObject) -> None:
    value = data.draw(FAMILIES[annotation])
    loaded = back(annotation, value)
    assert type(loaded) is type(value)
    assert loaded == value
    assert back(annotation, loaded) == loaded


def test_the_wire_form_is_an_object() -> None:
    assert converter_for(Page).dump(Page(1)) == {"size": 1, "title": "untitled", "tags": []}
    assert converter_for(Box).dump(Box(1)) == {"type": "box", "boxSize": 1, "inner": None}
    assert converter_for(Movie).dump({"name": "M"}) == {"name": "M"}
    assert converter_for(Point).dump(Point(1, (2,))) == {"x": 1, "y": [2]}


def test_absent_members_take_their_default_and_unknown_ones_are_ignored() -> None:
    assert converter_for(Page).load({"size": 1, "colour": "red"}) == Page(1)
    assert converter_for(Box).load({"boxSize": 1}) == Box(1)
    assert converter_for(Movie).load({"name": "M", "stars": 5}) == {"name": "M"}
    assert converter_for(Point).load({"x": 1}) == Point(1)


def test_a_named_tuple_without_annotations_takes_built_in_values() -> None:
    plain = namedtuple("plain", ["a", "b"])  # noqa: PYI024 - the form without annotations is what is tried
    assert back(plain, plain(1, b"x")) == plain(1, b"x")


@dataclass
class Wide(Page):
    width: int = 0


class WidePoint(Point):
    __slots__ = ()


def unset() -> Page:
    page = Page(1)
    del page.size
    return page


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (Page, Page("1"), "$.size"),  # pyright: ignore[reportArgumentType] - on purpose
        (Page, {"size": 1}, "$"),
        (Page, Wide(1), "$"),
        (Page, Page, "$"),
        (Page, unset(), "$"),
        (Book, Book(pages=[Page(1), Page(True)]), "$.pages[1].size"),
        (Box, Box(1, Box(None)), "$.inner.box_size"),  # pyright: ignore[reportArgumentType] - on purpose
        (Movie, {"name": 1}, "$.name"),
        (Movie, {"year": 1}, "$"),
        (Movie, {"name": "M", "stars": 5}, "$"),
        (Movie, Page(1), "$"),
        (Point, (1, ()), "$"),
        (Point, Point(1, (1, "a")), "$.y[1]"),  # pyright: ignore[reportArgumentType] - on purpose
        (Point, WidePoint(1), "$"),
        (Pair[int, str], Pair(1, [1]), "$.values[0]"),
        (Named[int], Named("a", [], "n", Pair("b", [])), "$.more.key"),
    ],
)
def test_a_refusal_names_the_path(annotation: object, value: object, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(annotation).dump(value)
    assert refusal.value.path == path
    assert str(refusal.value).startswith(f"{path}: ")


def test_a_refused_subclass_is_told_to_be_annotated() -> None:
    with pytest.raises(EncodingError, match="Wide is a subclass and would come back as Page: annotate it as Wide"):
        converter_for(Page).dump(Wide(1))


@pytest.mark.parametrize(
    ("annotation", "tree", "path"),
    [
        (Page, [], "$"),
        (Page, {"$troth": "Page", "value": {"size": 1}}, "$"),
        (Page, {}, "$"),
        (Page, {"size": "1"}, "$.size"),
        (Book, {"pages": [{"size": 1}, {"size": 1, "tags": ["a", 2]}]}, "$.pages[1].tags[1]"),
        (Box, {"boxSize": 1, "type": "bag"}, "$"),
        (Movie, {}, "$"),
        (Movie, [], "$"),
        (Movie, {"name": 1}, "$.name"),
        (Draft, {"words": 1}, "$"),
        (Point, [1, []], "$"),
        (Point, {"y": []}, "$"),
        (Tree, {"value": 1, "children": [{"value": "1"}]}, "$.children[0].value"),
    ],
)
def test_wrong_data_names_the_path(annotation: object, tree: Any, path: str) -> None:
    with pytest.raises(DecodingError) as refusal:
        converter_for(annotation).load(tree)
    assert refusal.value.path == path


def test_a_class_made_inside_a_function_may_name_itself() -> None:
    @dataclass
    class Local:
        next: Local | None = None

    assert back(Local, Local(Local())) == Local(Local())


def test_names_that_cannot_be_resolved_are_a_definition_error() -> None:
    @dataclass
    class Lost:
        part: Nowhere  # pyright: ignore[reportUndefinedVariable] # noqa: F821 - on purpose

    with pytest.raises(DefinitionError, match=r"Lost cannot be resolved: name 'Nowhere' is not defined"):
        converter_for(Lost)


def test_a_field_named_as_our_reserved_key_is_a_definition_error() -> None:
    class Odd(Struct, rename={"a": "$troth"}):
        a: int

    with pytest.raises(DefinitionError, match="rename it"):
        converter_for(Odd)


def test_a_dataclass_over_a_built_in_type_is_a_definition_error() -> None:
    @dataclass
    class Names(list[str]):
        owner: str

    with pytest.raises(DefinitionError, match="content would be lost"):
        converter_for(Names)


@dataclass
class Computed:
    words: list[str]
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = len(self.words)


@dataclass
class Growing:
    words: list[str]

    def __post_init__(self) -> None:
        self.words = [*self.words, "more"]


@dataclass
class Positive:
    n: int

    def __post_init__(self) -> None:
        if self.n <= 0:
            raise ValueError(f"{self.n} is not positive")


@dataclass
class Scaled:
    n: int
    factor: InitVar[int]

    def __post_init__(self, factor: int) -> None:
        self.n *= factor


@dataclass
class ByHand:
    n: int

    def __init__(self, text: str) -> None:
        self.n = int(text)


@dataclass
class Rounding:
    n: int

    def __setattr__(self, name: str, value: int) -> None:
        super().__setattr__(name, value + 1)


class Doubling(Struct):
    n: int

    def __post_init__(self) -> None:
        self.n *= 2


def test_a_constructor_that_keeps_its_fields_is_taken() -> None:
    value = Computed(["a"])
    value.words.append("b")
    assert back(Computed, value) == value
    assert back(Computed, value).count == 1
    assert back(list[Positive], [Positive(1)]) == [Positive(1)]


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (Growing, Growing(["a"]), "$.words"),
        (list[Growing], [Growing(["a"])], "$[0].words"),
        (dict[str, Growing], {"k": Growing([])}, "$.k.words"),
        (Scaled, Scaled(2, 3), "$"),
        (ByHand, ByHand("5"), "$"),
        (Rounding, Rounding(1), "$.n"),
        (Doubling, Doubling(1), "$.n"),
    ],
)
def test_a_constructor_that_changes_its_fields_is_refused(annotation: object, value: object, path: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        converter_for(annotation).dump(value)
    assert refusal.value.path == path


def test_a_constructor_that_refuses_stored_data_is_wrong_data() -> None:
    with pytest.raises(DecodingError, match=r"^\$\[0\]: Positive refused what was stored: ValueError"):
        converter_for(list[Positive]).load([{"n": -1}])


def test_dumping_does_not_change_the_value() -> None:
    value = Growing(["a"])
    with pytest.raises(EncodingError):
        converter_for(Growing).dump(value)
    assert value.words == ["a", "more"]


def test_a_wall_clock_default_is_not_taken_for_a_stored_field() -> None:
    @dataclass
    class Stamped:
        at: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))

    assert back(Stamped, Stamped(EPOCH)) == Stamped(EPOCH)
