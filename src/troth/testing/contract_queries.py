"""The contract of stores, second half: what is due, what a search finds, what the call graph says."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from troth.machine.effects import AddCall, PutPromise, PutSchedule
from troth.machine.footprint import (
    BranchQuery,
    CalleesQuery,
    CallersQuery,
    PromiseQuery,
    ScheduleQuery,
    TaskQuery,
)
from troth.machine.objects import PromiseObject
from troth.machine.view import Page
from troth.protocol.records import NEVER, NO_VALUE, PromiseState, Tag, TaskState
from troth.stores.base import Due, Invocation, Store

from .samples import NOW, TARGET, acquired, promise, resolved, schedule, suspended, targeted, task
from .writing import await_path, commit, create, due, expect, mark, resolve, runnable, search

_UNTIMED: Final = {"timeout_at": NEVER}


# --- due


async def nothing_is_due_that_has_no_deadline(store: Store) -> None:
    """Nor what is settled, suspended or halted."""
    await create(store, promise("a", **_UNTIMED), resolved("b", timeout_at=NOW - 1))
    await create(store, targeted("c", **_UNTIMED), suspended("c"))
    await create(store, targeted("d", **_UNTIMED), task("d", TaskState.HALTED))
    expect(await due(store, NEVER + 1), Due())
    expect(await store.next_due_at(), None)


async def deadlines_are_due_at_their_instant(store: Store) -> None:
    """The oldest first, those of one instant in the order of creation, at most as many as asked."""
    instants = {"d": NOW, "c": NOW - 5, "b": NOW, "a": NOW + 1, "never": NEVER}
    await create(store, *(promise(id, timeout_at=at, created_at=0) for id, at in instants.items()))
    expect(await store.next_due_at(), NOW - 5)
    expect((await due(store, NOW)).timed_out_ids, ("c", "d", "b"))
    expect((await due(store, NOW, 2)).timed_out_ids, ("c", "d"))
    expect((await due(store, NOW - 6)).timed_out_ids, ())
    settled = (promise(id, timeout_at=instants[id], created_at=0).timed_out() for id in "cd")
    await create(store, *settled)
    expect((await due(store, NOW + 1)).timed_out_ids, ("b", "a"))
    expect(await store.next_due_at(), NOW)


async def leases_are_due_at_their_end(store: Store) -> None:
    """With the task as it is stored; a renewed, released or fulfilled one is not."""
    ends = {"c": NOW, "b": NOW - 5, "a": NOW + 1}
    tasks = {id: acquired(id, expires_at=at) for id, at in ends.items()}
    await create(store, *(targeted(id, **_UNTIMED) for id in ends), *tasks.values())
    expect(await store.next_due_at(), NOW - 5)
    expect((await due(store, NOW)).expired_leases, (tasks["b"], tasks["c"]))
    expect((await due(store, NOW, 1)).expired_leases, (tasks["b"],))
    await create(store, replace(tasks["b"], expires_at=NOW + 9), tasks["c"].runnable(NOW))
    expect((await due(store, NOW + 1)).expired_leases, (tasks["a"],))
    await create(store, tasks["a"].fulfilled())
    expect(await store.next_due_at(), NOW + 9)


async def schedules_are_due_at_their_next_run(store: Store) -> None:
    """Those of one instant by id."""
    runs = {"c": NOW, "b": NOW, "a": NOW + 1}
    schedules = {id: schedule(id, next_run_at=at) for id, at in runs.items()}
    await commit(store, *map(PutSchedule, schedules.values()))
    expect((await due(store, NOW)).schedules, (schedules["b"], schedules["c"]))
    expect((await due(store, NOW, 1)).schedules, (schedules["b"],))
    expect((await due(store, NOW - 1)).schedules, ())
    await commit(store, PutSchedule(replace(schedules["b"], next_run_at=NOW + 7)))
    expect((await due(store, NOW + 1)).schedules, (schedules["c"], schedules["a"]))
    expect(await store.next_due_at(), NOW)


async def marked_promises_are_due_at_once(store: Store) -> None:
    """Until the mark is taken away; the one that settled first comes first."""
    await create(store, resolved("a", settled_at=NOW - 1), resolved("b", settled_at=NOW - 2), resolved("c"))
    await mark(store, a=True, b=True)
    expect(await store.next_due_at(), 0)
    expect((await due(store, NOW)).undrained_ids, ("b", "a"))
    expect((await due(store, NOW, 1)).undrained_ids, ("b",))
    await mark(store, b=False, c=False)
    expect((await due(store, NOW)).undrained_ids, ("a",))
    await mark(store, a=False)
    expect((await due(store, NOW), await store.next_due_at()), (Due(), None))


async def a_mark_outlives_other_changes_of_its_row(store: Store) -> None:
    """A task that changes later does not lose it."""
    await create(store, resolve(targeted("a"), at=NOW - 1), task("a", TaskState.FULFILLED))
    await mark(store, a=True)
    await create(store, task("a", TaskState.FULFILLED, version=4))
    expect((await due(store, NOW)).undrained_ids, ("a",))


async def the_next_due_instant_is_the_earliest_of_all(store: Store) -> None:
    """Whichever kind it is of."""
    await create(store, targeted("a", timeout_at=NOW + 30), acquired("a", expires_at=NOW + 20))
    expect(await store.next_due_at(), NOW + 20)
    await commit(store, PutSchedule(schedule(next_run_at=NOW + 10)))
    expect(await store.next_due_at(), NOW + 10)
    await create(store, promise("b", timeout_at=NOW + 5))
    expect(await store.next_due_at(), NOW + 5)


async def runnable_tasks_are_offered_to_their_target(store: Store) -> None:
    """The one that waits longest first, at most as many as asked, none before its time."""
    instants = {"c": NOW, "b": NOW - 5, "a": NOW, "later": NOW + 1}
    pairs = {id: Invocation(targeted(id), task(id, retry_at=at)) for id, at in instants.items()}
    other = targeted("other", tags={Tag.TARGET: "poll://any@others"})
    await create(store, *(stored for pair in pairs.values() for stored in (pair.promise, pair.task)))
    await create(store, other, task("other", retry_at=NOW - 9))
    expect(await runnable(store, TARGET, NOW), (pairs["b"], pairs["c"], pairs["a"]))
    expect(await runnable(store, TARGET, NOW, 2), (pairs["b"], pairs["c"]))
    expect(await runnable(store, "poll://any@nobody", NOW), ())
    await create(store, pairs["b"].task.acquired("w", 5, NOW), pairs["c"].task.halted())
    await create(store, resolve(pairs["a"].promise), pairs["a"].task.fulfilled())
    expect(await runnable(store, TARGET, NOW + 1), (pairs["later"],))


async def the_next_retry_is_the_earliest_of_all_targets(store: Store) -> None:
    """Later than asked; None if there is none."""
    for number, at in enumerate((NOW + 3, NOW, NOW + 1, NOW + 2)):
        target = f"poll://any@g{number % 3}"
        await create(store, targeted(f"p{number}", tags={Tag.TARGET: target}), task(f"p{number}", retry_at=at))
    found = [await store.next_retry_at(after) for after in (0, NOW - 1, NOW, NOW + 1, NOW + 2, NOW + 3)]
    expect(found, [NOW, NOW, NOW + 1, NOW + 2, NOW + 3, None])


# --- search

_ORDERED: Final = ("", "A", "B", "a", "a%", "a-1", "a.1", "aa", "a\u0301", "b", "é", "\uffff", "😀")
"""In the order of their UTF-8 bytes, which is not that of UTF-16 or of any language."""


async def promises_are_found_in_the_order_of_their_bytes(store: Store) -> None:
    """Page by page, each once, with a cursor as long as there is more."""
    await create(store, *map(promise, reversed(_ORDERED)))
    for limit in (1, 2, len(_ORDERED) - 1, len(_ORDERED)):
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await search(store, PromiseQuery(None, (), "", limit, cursor))
            found += [each.id for each in page.promises]
            cursor = page.cursor
            if cursor is None:
                break
            expect((len(page.promises), cursor), (limit, found[-1]))
        expect(found, list(_ORDERED))


async def a_prefix_is_taken_literally(store: Store) -> None:
    """Wildcards of any pattern language are letters; a cursor before the prefix skips nothing."""
    ids = ("a", "a%b", "a%", "a_", "ab", "a\U0010ffff", "a\U0010ffffb", "b", "A", "\ud7ff", "\ud7ffx", "\ue000")
    await create(store, *map(promise, ids))
    for prefix in ("", "a", "a%", "a_", "%", "a\U0010ffff", "\ud7ff", "zz"):
        for cursor in (None, "A", "a", "ab", "zz"):
            page = await search(store, PromiseQuery(None, (), prefix, 100, cursor))
            wanted = sorted(id for id in ids if id.startswith(prefix) and (cursor is None or id > cursor))
            expect(([each.id for each in page.promises], page.cursor), (wanted, None))


async def promises_are_found_by_state(store: Store) -> None:
    """As it is stored, in pages."""
    states = (*PromiseState, *PromiseState)
    stored = [_in_state(f"p{number}", state) for number, state in enumerate(states)]
    await create(store, *stored)
    for state in PromiseState:
        wanted = tuple(each for each in stored if each.state is state)
        expect((await search(store, PromiseQuery(state, (), "p", 2, None))).promises, wanted)
        page = await search(store, PromiseQuery(state, (), "", 1, None))
        expect((page.promises, page.cursor), (wanted[:1], wanted[0].id))
        expect((await search(store, PromiseQuery(state, (), "", 1, page.cursor))).promises, wanted[1:])
        expect((await search(store, PromiseQuery(state, (), "x", 1, None))).promises, ())


async def promises_are_found_by_tags(store: Store) -> None:
    """All that are asked must match, name and value, exactly."""
    odd = {'a"b': "1", "c.d": "2", "$": "3", "é": "4", "": "5", "a\\u0062": "6"}
    await create(
        store,
        promise("a", tags=odd),
        promise("b", tags={"x": "1", Tag.BRANCH: "left", "y": "2"}),
        targeted("c", tags={"x": "1", Tag.BRANCH: "left"}),
        targeted("d", tags={"x": "10", Tag.BRANCH: "right"}),
        promise("e"),
    )
    asked: tuple[tuple[dict[str, str], str], ...] = (
        *(({name: value}, "a") for name, value in odd.items()),
        ({"x": "1"}, "bc"),
        ({"x": "1", "y": "2"}, "b"),
        ({"x": ""}, ""),
        ({Tag.BRANCH: "left"}, "bc"),
        ({Tag.TARGET: TARGET}, "cd"),
        ({Tag.BRANCH: "left", Tag.TARGET: TARGET, "x": "1"}, "c"),
        ({"ab": "6"}, ""),
        ({}, "abcde"),
    )
    for tags, ids in asked:
        found = await search(store, PromiseQuery(None, tuple(tags.items()), "", 10, None))
        expect((tags, "".join(each.id for each in found.promises)), (tags, ids))


async def a_branch_is_searched_in_pages_too(store: Store) -> None:
    """By state, prefix and cursor, like any other tag."""
    branch = {Tag.BRANCH: "b"}
    await create(store, *(promise(id, tags=branch) for id in ("x3", "x1", "y1", "x2")), promise("x0"))
    await create(store, resolve(promise("x2", tags=branch)))
    query = PromiseQuery(PromiseState.PENDING, tuple(branch.items()), "x", 1, None)
    page = await search(store, query)
    expect(([each.id for each in page.promises], page.cursor), (["x1"], "x1"))
    page = await search(store, replace(query, cursor="x1"))
    expect(([each.id for each in page.promises], page.cursor), (["x3"], None))


async def the_promises_of_a_branch_are_found_by_id(store: Store) -> None:
    """At most as many as asked."""
    await create(store, *(promise(id, tags={Tag.BRANCH: "b"}) for id in "cab"), promise("d"))
    found = await search(store, BranchQuery("b", 10))
    expect("".join(each.id for each in found.promises), "abc")
    found = await search(store, BranchQuery("b", 2))
    expect("".join(each.id for each in found.promises), "ab")
    expect((await search(store, BranchQuery("none", 2))).promises, ())


async def tasks_are_found_by_state(store: Store) -> None:
    """Page by page; a promise without a task is none."""
    stored = [task(f"p{number}", state) for number, state in enumerate((*TaskState, *TaskState))]
    for each in stored:
        born = targeted(each.id)
        await create(store, resolve(born) if each.state is TaskState.FULFILLED else born, each)
    await create(store, promise("a"))
    page = await search(store, TaskQuery(None, 9, None))
    expect((page.tasks, page.cursor), (tuple(stored[:9]), "p8"))
    expect(await search(store, TaskQuery(None, 9, "p8")), replace(page, tasks=(stored[9],), cursor=None))
    for state in TaskState:
        wanted = tuple(each for each in stored if each.state is state)
        page = await search(store, TaskQuery(state, 1, None))
        expect((page.tasks, page.cursor), (wanted[:1], wanted[0].id))
        page = await search(store, TaskQuery(state, 1, page.cursor))
        expect((page.tasks, page.cursor), (wanted[1:], None))


async def schedules_are_found_by_tags(store: Store) -> None:
    """Page by page."""
    schedules = [schedule(id, promise_tags={"k": id, "x": "1"}) for id in "cab"]
    await commit(store, *map(PutSchedule, schedules), PutSchedule(schedule("d")))
    page = await search(store, ScheduleQuery((("x", "1"),), 2, None))
    expect(([each.id for each in page.schedules], page.cursor), (["a", "b"], "b"))
    page = await search(store, ScheduleQuery((("x", "1"),), 2, "b"))
    expect((page.schedules, page.cursor), ((schedules[0],), None))
    expect((await search(store, ScheduleQuery((), 10, "c"))).schedules, (schedule("d"),))


# --- the call graph


async def calls_are_read_in_their_order(store: Store) -> None:
    """From both ends, each once. An edge that does not join two stored promises is dropped."""
    await create(store, *map(promise, "abcd"))
    await commit(store, AddCall("a", "d"), AddCall("a", "b"))
    await commit(store, AddCall("b", "d"), AddCall("a", "d"), AddCall("nobody", "b"), AddCall("a", "nobody"))
    await commit(store, PutPromise(resolve(promise("c"))), AddCall("a", "c"))
    callees = {id: _ids(await search(store, CalleesQuery(id))) for id in ("a", "b", "d", "nobody")}
    callers = {id: _ids(await search(store, CallersQuery(id))) for id in ("a", "b", "d", "nobody")}
    expect(callees, {"a": "dbc", "b": "d", "d": "", "nobody": ""})
    expect(callers, {"a": "", "b": "a", "d": "ab", "nobody": ""})
    expect((await store.snapshot()).calls, (("a", "d"), ("a", "b"), ("b", "d"), ("a", "c")))


async def an_await_path_is_the_shortest(store: Store) -> None:
    """Along call edges, from caller to callee, over pending promises only."""
    await create(store, *map(promise, "abcdefg"))
    edges = ("ab", "bc", "cd", "de", "ac", "ea", "fg", "gf", "ff")
    await commit(store, *(AddCall(caller, callee) for caller, callee in edges))
    paths = {"ae": "acde", "ea": "ea", "da": "dea", "af": "", "aa": "a", "fg": "fg", "ax": "", "xx": ""}
    for ends, path in paths.items():
        expect((ends, "".join(await await_path(store, *ends))), (ends, path))
    await create(store, resolve(promise("c")))
    expect(await await_path(store, "a", "e"), ())
    expect(await await_path(store, "a", "c"), ())
    expect(await await_path(store, "c", "c"), ())
    expect(await await_path(store, "a", "b"), ("a", "b"))


async def a_long_await_path_is_found(store: Store) -> None:
    """As deep as a recursion goes, whatever hangs off it."""
    ids = [f"p{number}" for number in range(300)]
    await create(store, *map(promise, (*ids, "leaf")))
    await commit(store, *(AddCall(caller, callee) for caller, callee in pairwise(ids)))
    await commit(store, *(AddCall(id, "leaf") for id in ids))
    expect(await await_path(store, ids[0], ids[-1]), tuple(ids))
    expect(await await_path(store, "leaf", ids[-1]), ())
    expect(await await_path(store, ids[-1], ids[0]), ())
    expect(await await_path(store, ids[5], "leaf"), (ids[5], "leaf"))


def _ids(page: Page) -> str:
    return "".join(each.id for each in page.promises)


def _in_state(id: str, state: PromiseState) -> PromiseObject:
    born = promise(id)
    return born if state is PromiseState.PENDING else born.settled(state, NO_VALUE, at=NOW)


QUERIES: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    nothing_is_due_that_has_no_deadline,
    deadlines_are_due_at_their_instant,
    leases_are_due_at_their_end,
    schedules_are_due_at_their_next_run,
    marked_promises_are_due_at_once,
    a_mark_outlives_other_changes_of_its_row,
    the_next_due_instant_is_the_earliest_of_all,
    runnable_tasks_are_offered_to_their_target,
    the_next_retry_is_the_earliest_of_all_targets,
    promises_are_found_in_the_order_of_their_bytes,
    a_prefix_is_taken_literally,
    promises_are_found_by_state,
    promises_are_found_by_tags,
    a_branch_is_searched_in_pages_too,
    the_promises_of_a_branch_are_found_by_id,
    tasks_are_found_by_state,
    schedules_are_found_by_tags,
    calls_are_read_in_their_order,
    an_await_path_is_the_shortest,
    a_long_await_path_is_found,
)
