"""What an annotation compiles to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from troth.sdk.codec.tree import JsonValue, Shape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Converter(Generic[T]):
    """Values of one annotation as trees of JSON and back.

    ``dump`` refuses what ``load`` would not give back equal and of the same type, with one widening: an int
    is taken where a float is expected if a float can hold it exactly, and comes back as that float. The
    caller of a durable function always gets the loaded value, so the first run and a replay see the same one.

    The rest is for the union it may be a member of. ``types``: the exact types of the values it takes (None:
    it cannot tell). ``shapes``: those of the trees it makes. ``also_types``, ``also_shapes``: what it takes
    beyond them when nobody else in the union does. ``tag``: its short name there. ``native``: whether its
    tree is what any JSON program would expect for such a value.
    """

    name: str
    dump: Callable[[T], JsonValue]
    load: Callable[[JsonValue], T]
    types: frozenset[type] | None
    shapes: frozenset[Shape]
    tag: str
    native: bool = False
    also_types: frozenset[type] = frozenset()
    also_shapes: frozenset[Shape] = frozenset()
