"""Which converter an annotation compiles to, and what cannot be compiled."""

import inspect
import queue
import typing
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ForwardRef, Never, NewType, NoReturn, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import DecodingError, DefinitionError, EncodingError
from troth.sdk.codec import converter_for, decode_json, encode_json

T = TypeVar("T")
UserId = NewType("UserId", int)


class Alias:
    """A ``type X = …`` statement, which needs Python 3.12: its value is evaluated late, so it may name itself."""

    __type_params__ = ()

    def __init__(self, value: Callable[[], object]) -> None:
        self._value = value

    @property
    def __value__(self) -> object:
        return self._value()


Alias.__name__ = "TypeAliasType"
JSON: Any = Alias(lambda: typing.Union[dict[str, JSON], list[JSON], str, int, None])  # noqa: UP007
CHAIN: Any = Alias(lambda: list[typing.Union[CHAIN, None]])  # noqa: UP007 - an alias has no |
ENDLESS: Any = Alias(lambda: typing.Union[ENDLESS, int])  # noqa: UP007 - an alias has no |
LOST: Any = Alias(lambda: Nowhere)  # pyright: ignore[reportUndefinedVariable] # noqa: F821 - on purpose


def back(annotation: object, value: Any) -> Any:
    converter = converter_for(annotation)
    return converter.load(decode_json(encode_json(converter.dump(value))))


def test_an_annotation_is_compiled_once() -> None:
    assert converter_for(list[int]) is converter_for(list[int])


def test_an_annotation_that_has_no_hash_is_compiled_each_time() -> None:
    assert back(Annotated[int, []], 5) == 5
    assert back(Annotated[list[int], {}], [5]) == [5]


@pytest.mark.parametrize("annotation", [Any, object, inspect.Parameter.empty, inspect.Signature.empty, T])
def test_nothing_said_means_built_in_values(annotation: object) -> None:
    assert back(annotation, (1, b"x")) == (1, b"x")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (None, None),
        (UserId, 5),
        (list, [1, (2,)]),
        (tuple, (1, "a")),
        (set, {1, "a"}),
        (frozenset, frozenset({1})),
        (dict, {1: 2}),
        (typing.List[int], [1]),  # noqa: UP006 - the older spelling
        (typing.Dict[str, int], {"a": 1}),  # noqa: UP006 - the older spelling
        (typing.Sequence[int], (1,)),
        (typing.MutableMapping[str, int], {"a": 1}),
        (typing.MutableSequence[int], [1]),
        (typing.MutableSet[int], {1}),
        (dict[Any, int], {(1, 2): 3}),
        (list[T], [1, (2,)]),
    ],
)
def test_other_spellings(annotation: object, value: object) -> None:
    assert back(annotation, value) == value
    assert type(back(annotation, value)) is type(value)


class Plain:
    pass


@pytest.mark.parametrize(
    "annotation",
    [
        deque[int],
        defaultdict[str, int],
        OrderedDict[str, int],
        Iterator[int],
        Callable[[int], int],
        type[int],
        complex,
        bytearray,
        memoryview,
        Plain,
        queue.Queue,
        range,
        BaseException,
        "int",
        ForwardRef("int"),
        ([int],),
        5,
    ],
    ids=str,
)
def test_what_cannot_be_stored_is_a_definition_error_that_names_it(annotation: object) -> None:
    with pytest.raises(DefinitionError) as refusal:
        converter_for(annotation)
    assert str(getattr(annotation, "__name__", annotation)) in str(refusal.value)


def test_an_unsupported_part_is_named_too() -> None:
    with pytest.raises(DefinitionError, match="values annotated Plain cannot be stored"):
        converter_for(dict[str, list[Plain | None]])


@pytest.mark.parametrize("annotation", [Never, NoReturn])
def test_a_function_that_never_returns_has_no_value(annotation: object) -> None:
    with pytest.raises(EncodingError, match="expected no value at all"):
        converter_for(annotation).dump(1)
    with pytest.raises(DecodingError, match="expected no value at all"):
        converter_for(annotation).load(1)


TREES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("$troth"), inner),
)


@given(TREES)
def test_an_alias_may_refer_to_itself(value: object) -> None:
    assert back(JSON, value) == value


def test_an_alias_may_be_a_member_of_a_union_inside_itself() -> None:
    assert back(CHAIN, [None, [], [[None]]]) == [None, [], [[None]]]


def test_an_alias_that_says_nothing_is_a_definition_error() -> None:
    with pytest.raises(DefinitionError, match="member of its own union"):
        converter_for(ENDLESS)
    with pytest.raises(DefinitionError, match="'Nowhere' is not defined"):
        converter_for(LOST)


@dataclass
class Link:
    next: "Link | None" = None


def linked(length: int) -> Link | None:
    link = None
    for _ in range(length):
        link = Link(link)
    return link


def test_a_recursive_class_is_limited_in_depth() -> None:
    converter = converter_for(Link)
    assert converter.load(decode_json(encode_json(converter.dump(linked(200))))) == linked(200)
    for length in (201, 50_000):
        with pytest.raises(EncodingError, match="expected at most 200 levels"):
            converter.dump(linked(length))


def test_a_cycle_of_instances_is_refused() -> None:
    link = Link()
    link.next = link
    with pytest.raises(EncodingError, match="expected at most 200 levels"):
        converter_for(Link).dump(link)


def test_data_deeper_than_the_stack_is_wrong_data() -> None:
    tree: Any = None
    for _ in range(5_000):
        tree = {"next": tree}
    with pytest.raises(DecodingError, match="expected at most 200 levels"):
        converter_for(Link).load(tree)
