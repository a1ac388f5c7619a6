"""Shortest paths in the graph of calls, the same for every store that walks it edge by edge."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def shortest_path(
    start: Node,
    goal: Node,
    ahead: Callable[[Node], Iterable[Node]],
    behind: Callable[[Node], Iterable[Node]],
) -> tuple[Node, ...]:
    """The shortest path from start to goal, both included; empty if there is none.

    Breadth first from both ends, always from the end with fewer nodes to look at: a promise that calls
    nothing ends the search at once, however deep its caller, and so does a root, however wide its callee.
    Every node is visited at most once from each end.

    >>> calls = {"a": ["b", "c"], "b": ["d"], "c": [], "d": []}
    >>> callers = {"d": ["b"], "b": ["a"], "c": ["a"], "a": []}
    >>> shortest_path("a", "d", calls.__getitem__, callers.__getitem__)
    ('a', 'b', 'd')
    """
    if start == goal:
        return (start,)
    from_start: dict[Node, Node | None] = {start: None}
    from_goal: dict[Node, Node | None] = {goal: None}
    near, far = [start], [goal]
    while near and far:
        if len(near) <= len(far):
            near, met = _widen(near, ahead, from_start, from_goal)
        else:
            far, met = _widen(far, behind, from_goal, from_start)
        if met is not None:
            return (*reversed(_trail(met, from_start)), *_trail(met, from_goal)[1:])
    return ()


def _widen(
    frontier: list[Node],
    neighbours: Callable[[Node], Iterable[Node]],
    seen: dict[Node, Node | None],
    other_side: dict[Node, Node | None],
) -> tuple[list[Node], Node | None]:
    """One level further; the node where the two searches met, if they did.

    Both sides advance by whole levels, so the first meeting lies on a shortest path.
    """
    found: list[Node] = []
    for node in frontier:
        for neighbour in neighbours(node):
            if neighbour not in seen:
                seen[neighbour] = node
                if neighbour in other_side:
                    return found, neighbour
                found.append(neighbour)
    return found, None


def _trail(node: Node, came_from: dict[Node, Node | None]) -> list[Node]:
    """The node and those it was reached through, back to where the search began."""
    trail = [node]
    while (previous := came_from[trail[-1]]) is not None:
        trail.append(previous)
    return trail
