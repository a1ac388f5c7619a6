from collections import deque
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from troth.stores.paths import shortest_path

NODES = st.integers(0, 7)


def _distance(edges, start, goal):
    """Plain breadth first search."""
    distances, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        for left, right in edges:
            if left == node and right not in distances:
                distances[right] = distances[node] + 1
                queue.append(right)
    return distances.get(goal)


@given(st.lists(st.tuples(NODES, NODES), max_size=20), NODES, NODES)
def test_the_path_is_a_shortest_one(edges, start, goal):
    path = shortest_path(
        start,
        goal,
        lambda node: [right for left, right in edges if left == node],
        lambda node: [left for left, right in edges if right == node],
    )
    wanted = _distance(edges, start, goal)
    if wanted is None:
        assert path == ()
        return
    assert len(path) == wanted + 1
    assert (path[0], path[-1]) == (start, goal)
    assert all(pair in edges for pair in pairwise(path))


def test_a_leaf_ends_the_search_however_deep_its_caller():
    asked = []

    def callers(node):
        asked.append(node)
        return [node + 1]

    assert shortest_path("leaf", 0, lambda _: [], callers) == ()
    assert asked == []


def test_a_root_ends_the_search_however_wide_its_callee():
    asked = []

    def callees(node):
        asked.append(node)
        return [10 * node + digit for digit in range(10)]

    assert shortest_path(1, "root", callees, lambda _: []) == ()
    assert asked == [1]


def test_every_node_is_asked_once():
    asked = []

    def callees(node):
        asked.append(node)
        return [1, 2, 3]

    assert shortest_path(1, "nowhere", callees, lambda _: ["a", "b", "c", "d", "e"]) == ()
    assert sorted(asked) == [1, 2, 3]
