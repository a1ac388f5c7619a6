"""The contract of stores, first half: what is written is read back, all of it or nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from troth.errors import StoreError
from troth.machine.effects import (
    AddCall,
    AddCallback,
    AddListener,
    DropSchedule,
    Effect,
    PutPromise,
    PutSchedule,
    PutTask,
    RemoveCallback,
    RemoveListener,
)
from troth.machine.footprint import CalleesQuery, PromiseQuery
from troth.machine.objects import PromiseObject
from troth.machine.view import Changes, View
from troth.protocol.records import NEVER, NO_VALUE, PromiseState, Tag, TaskState, Value
from troth.stores.base import Snapshot, Store

from .samples import NOW, TARGET, acquired, promise, schedule, targeted, task
from .writing import (
    Pair,
    commit,
    create,
    due,
    expect,
    load,
    load_schedule,
    put,
    refused,
    resolve,
    runnable,
    search,
    subscriptions,
)

HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE promises; --",
    "%",
    "_",
    "a\\b",
    "../../etc/passwd",
    "line\nbreak",
    " trailing ",
    "\u202edirection",
    "😀",
    "\U0010ffff",
    "caf\u00e9",
    "cafe\u0301",
    "Case",
    "case",
    '$."x"',
    "x" * 1024,
)
"""Texts that some layer may take for something else. All are ids like any other, and no two are the same."""


async def an_empty_store_holds_nothing(store: Store) -> None:
    """And says so everywhere."""
    expect(await load(store, "p"), Pair(None, None))
    expect(await load_schedule(store, "s"), None)
    expect(await store.snapshot(), Snapshot((), (), (), (), (), ()))
    expect((await store.next_due_at(), await store.next_retry_at(0)), (None, None))


async def a_promise_is_read_as_it_was_written(store: Store) -> None:
    """Every field, and the difference between nothing and something empty."""
    values = (NO_VALUE, Value(data=""), Value(headers={}), Value({"k": "v", "ü": ""}, "bm8="))
    for number, value in enumerate(values):
        pending = promise(f"p{number}", param=value, timeout_at=NEVER - number)
        await create(store, pending)
        expect(await load(store, pending.id), Pair(pending, None))
        settled = replace(pending, state=PromiseState.REJECTED, value=value, settled_at=NOW + number)
        await create(store, settled)
        expect(await load(store, pending.id), Pair(settled, None))


async def tags_are_read_as_they_were_written(store: Store) -> None:
    """Whatever their names and values, those with a meaning included."""
    meaningful = {Tag.TARGET: TARGET, Tag.BRANCH: "b", Tag.PARENT: "p", Tag.SCOPE: "global"}
    for number, tags in enumerate(({}, meaningful, {Tag.BRANCH: ""}, {text: text for text in HOSTILE})):
        tagged = promise(f"p{number}", tags=tags)
        await create(store, tagged)
        expect(await load(store, tagged.id), Pair(tagged, None))


async def a_task_is_read_as_it_was_written(store: Store) -> None:
    """In every state, and after every change of it."""
    await create(store, targeted(), task())
    states = (
        acquired(version=3, pid="w", ttl=1, expires_at=NOW + 1),
        task(state=TaskState.SUSPENDED, version=3),
        task(version=3, resumes=HOSTILE, retry_at=NOW + 2),
        task(state=TaskState.HALTED, version=3, resumes=("a", "b")),
        task(state=TaskState.FULFILLED, version=3),
    )
    for state in states:
        await create(store, state)
        expect(await load(store, "p"), Pair(targeted(), state))


async def many_are_loaded_at_once(store: Store) -> None:
    """However many, in any order, the absent and the repeated among them."""
    promises = [promise(f"p{number}") for number in range(20)]
    await create(store, *promises)
    for count in (1, 5, 20):
        view = View()
        async with store.transaction() as tx:
            wanted = [id for number in range(count) for id in (f"p{number}", f"absent{number}", "p0")]
            await tx.load(view, wanted)
        expect([view.promise(f"p{number}") for number in range(count)], promises[:count])
        expect([view.promise(f"absent{number}") for number in range(count)], [None] * count)


async def any_text_is_an_id(store: Store) -> None:
    """Byte for byte: nothing is trimmed, folded, normalised or executed."""
    await create(store, *map(targeted, HOSTILE), *map(task, HOSTILE))
    await commit(store, *(AddCallback(text, HOSTILE[0]) for text in HOSTILE))
    for text in HOSTILE:
        expect(await load(store, text), Pair(targeted(text), task(text)))
        expect((await subscriptions(store, text)).awaiter_ids, [HOSTILE[0]])
    found = await search(store, PromiseQuery(None, (), "", 100, None))
    expect([each.id for each in found.promises], sorted(HOSTILE, key=str.encode))


async def an_id_that_cannot_be_stored_is_absent(store: Store) -> None:
    """A NUL or half a surrogate pair in an id is refused by the machine; a store only must not fall over it."""
    await create(store, promise("a"))
    for id in ("a\0", "a\0b", "\ud800", "\0"):
        expect(await load(store, id), Pair(None, None))
        view = View()
        async with store.transaction() as tx:
            await tx.load(view, [id, "a", "b", "c", "d", "e"], [id])
        expect((view.promise(id), view.promise("a"), view.schedule(id)), (None, promise("a"), None))


async def big_values_are_kept(store: Store) -> None:
    """A mebibyte each way."""
    big = promise(param=Value(data="A" * (1 << 20)))
    await create(store, big)
    settled = resolve(big, "B" * (1 << 20))
    await create(store, settled)
    expect(await load(store, "p") == Pair(settled, None), wanted=True)


async def a_promise_may_be_born_settled(store: Store) -> None:
    """Created and settled in one batch, with its task."""
    settled, fulfilled = resolve(targeted()), task(state=TaskState.FULFILLED, version=0)
    async with store.transaction() as tx:
        await put(tx, PutPromise(targeted()), PutTask(task()), PutPromise(settled), PutTask(fulfilled))
    expect(await load(store, "p"), Pair(settled, fulfilled))


async def settled_is_permanent(store: Store) -> None:
    """Not even by a defect of ours is a settled promise changed; its task still may be."""
    await create(store, resolve(targeted()), task(state=TaskState.FULFILLED))
    for other in (resolve(targeted(), "Mg=="), targeted(), resolve(targeted(), at=NOW + 5)):
        expect(await refused(store, PutPromise(other)), wanted=True)
    await create(store, task(state=TaskState.FULFILLED, version=7))
    expect(await load(store, "p"), Pair(resolve(targeted()), task(state=TaskState.FULFILLED, version=7)))


async def what_a_promise_was_born_with_is_permanent(store: Store) -> None:
    """Settling changes the state, the value and the instant, nothing else."""
    born = targeted(param=Value(data="MQ=="))
    await create(store, born)
    await create(store, resolve(promise(tags={"other": "x"}, timeout_at=1, created_at=0), at=NOW))
    expect(await load(store, "p"), Pair(resolve(born, at=NOW), None))


async def nothing_is_written_to_a_row_that_is_not_there(store: Store) -> None:
    """Nor is a row created twice: whoever writes must have loaded."""
    await create(store, promise())
    wrong: tuple[tuple[PromiseObject | None, Effect], ...] = (
        (None, PutTask(task("absent"))),
        (promise("absent"), PutPromise(resolve(promise("absent")))),
        (None, PutPromise(promise())),
    )
    for believed, effect in wrong:
        view = View()
        view.hold_promise("p" if believed is None else believed.id, believed, None)
        view.advance([effect])
        expect(await _refuses(_apply(store, view.take_changes())), wanted=True)
    expect((await store.snapshot()).promises, (promise(),))


_EVERYTHING: Final[tuple[Effect, ...]] = (
    PutPromise(targeted("n", tags={Tag.BRANCH: "b"})),
    PutTask(task("n")),
    PutPromise(resolve(targeted("p"))),
    PutTask(task("p", TaskState.FULFILLED)),
    RemoveCallback("p", "a"),
    AddCallback("p", "c"),
    RemoveListener("p", "poll://any@a"),
    AddListener("p", "poll://any@c"),
    AddCall("p", "n"),
    PutSchedule(schedule("s", cron="0 0 1 1 *", next_run_at=NOW + 1)),
    DropSchedule("t"),
    PutSchedule(schedule("u")),
)
"""One effect of every kind."""

_AGAIN: Final[tuple[Effect, ...]] = (
    PutTask(task("n", retry_at=NOW + 1)),
    PutTask(task("p", TaskState.FULFILLED, version=9)),
    RemoveCallback("p", "c"),
    AddCallback("p", "a"),
    RemoveListener("p", "poll://any@b"),
    PutSchedule(schedule("s", next_run_at=NOW + 2)),
    DropSchedule("u"),
)
"""The same rows once more."""


async def _prepare(store: Store) -> None:
    await create(store, targeted("p"), acquired("p"), promise("a"), promise("b"), promise("c"))
    await commit(
        store,
        *(AddCallback("p", awaiter_id) for awaiter_id in ("a", "b")),
        *(AddListener("p", f"poll://any@{name}") for name in ("a", "b")),
        AddCall("p", "a"),
        *(PutSchedule(schedule(id)) for id in ("s", "t")),
    )


async def a_transaction_that_raises_changes_nothing(store: Store) -> None:
    """Whatever it wrote, to the order in which rows are read."""
    await _prepare(store)
    before = await store.snapshot()
    try:
        async with store.transaction() as tx:
            await put(tx, *_EVERYTHING)
            await put(tx, *_AGAIN)
            await _leave(RuntimeError("changed my mind"))
    except RuntimeError:
        pass
    expect(await store.snapshot(), before)
    expect((await due(store, NOW)).timed_out_ids, ())
    expect(await runnable(store, TARGET, NOW), ())
    expect((await subscriptions(store, "p")).awaiter_ids, ["a", "b"])


async def changes_that_cannot_be_written_spoil_their_transaction(store: Store) -> None:
    """Even if the error is caught: half of a batch must never be acknowledged."""
    await _prepare(store)
    before = await store.snapshot()
    spoiled = False
    try:
        async with store.transaction() as tx:
            await put(tx, PutPromise(promise("fine")))
            expect(await _refuses(put(tx, *_EVERYTHING, PutTask(task("absent")))), wanted=True)
    except StoreError:
        spoiled = True
    expect(spoiled, wanted=True)
    expect(await store.snapshot(), before)
    await create(store, promise("next"))
    expect((await load(store, "next")).promise, promise("next"))


async def a_transaction_sees_its_own_writes(store: Store) -> None:
    """Before they are committed, in every kind of read."""
    await _prepare(store)
    async with store.transaction() as tx:
        await put(tx, *_EVERYTHING)
        view = View()
        await tx.load(view, ["n", "p"], ["s", "t"])
        await tx.load_subscriptions(view, ["p"], 10)
        expect((view.promise("p"), view.task("n")), (resolve(targeted("p")), task("n")))
        expect((view.schedule("t"), view.subscriptions["p"].awaiter_ids), (None, ["b", "c"]))
        expect((await tx.search(CalleesQuery("p"))).promises[1].id, "n")
        expect([each.task.id for each in await tx.runnable(TARGET, NOW, 10)], ["n"])
        expect([each.id for each in (await tx.due(NOW, 10)).schedules], ["u"])
    snapshot = await store.snapshot()
    expect(snapshot.callbacks, (("p", "b"), ("p", "c")))
    expect(snapshot.listeners, (("p", "poll://any@b"), ("p", "poll://any@c")))
    expect(snapshot.calls, (("p", "a"), ("p", "n")))
    expect([each.id for each in snapshot.schedules], ["s", "u"])
    expect([each.id for each in snapshot.tasks], ["p", "n"])


async def transactions_take_turns(store: Store) -> None:
    """A second one begins when the first has ended, whatever the first waits for meanwhile."""
    order: list[str] = []
    second_tries = asyncio.Event()

    async def work(name: str) -> None:
        if name == "second":
            second_tries.set()
        async with store.transaction() as tx:
            order.append(name)
            await put(tx, PutPromise(promise(name)))
            await second_tries.wait()
            order.append(name)

    await asyncio.gather(work("first"), work("second"))
    expect(order, ["first", "first", "second", "second"])


async def subscriptions_are_read_in_the_order_they_were_added(store: Store) -> None:
    """Each once, at most as many as asked, and whether there are more."""
    for name in "cab":
        await commit(store, AddCallback("p", name), AddListener("p", f"poll://any@{name}"))
    await commit(store, AddCallback("p", "c"), AddListener("p", "poll://any@c"), AddCallback("q", "x"))
    found = await subscriptions(store, "p", 3)
    expect((found.awaiter_ids, found.complete), (["c", "a", "b"], True))
    expect(found.addresses, ["poll://any@c", "poll://any@a", "poll://any@b"])
    found = await subscriptions(store, "p", 2)
    expect((found.awaiter_ids, found.addresses[1:], found.complete), (["c", "a"], ["poll://any@a"], False))
    await commit(store, RemoveCallback("p", "c"), RemoveListener("p", "poll://any@a"))
    await commit(store, RemoveCallback("p", "c"), AddCallback("p", "c"))
    found = await subscriptions(store, "p")
    expect((found.awaiter_ids, found.addresses), (["a", "b", "c"], ["poll://any@c", "poll://any@b"]))
    expect((await subscriptions(store, "unknown")).awaiter_ids, [])


async def subscriptions_of_many_are_read_at_once(store: Store) -> None:
    """The few that have some among the many that have none."""
    await commit(store, AddCallback("p7", "a"), AddListener("p9", "poll://any@g"))
    async with store.transaction() as tx:
        view = View()
        ids = [f"p{number}" for number in range(20)]
        await tx.load_subscriptions(view, ids, 10)
    expect(set(view.subscriptions), set(ids))
    awaited = {id: found.awaiter_ids for id, found in view.subscriptions.items() if found.awaiter_ids}
    told = {id: found.addresses for id, found in view.subscriptions.items() if found.addresses}
    expect((awaited, told), ({"p7": ["a"]}, {"p9": ["poll://any@g"]}))


async def schedules_come_change_and_go(store: Store) -> None:
    """By id, every field."""
    first = schedule(promise_param=Value({"a": "b"}, "MQ=="), promise_tags={"k": "v"})
    await commit(store, PutSchedule(first))
    expect(await load_schedule(store, "s"), first)
    second = replace(first, last_run_at=NOW, next_run_at=NOW + 1000)
    await commit(store, PutSchedule(second))
    expect(await load_schedule(store, "s"), second)
    await commit(store, DropSchedule("s"), DropSchedule("never there"))
    expect(await load_schedule(store, "s"), None)


async def a_closed_store_refuses(store: Store) -> None:
    """Closing twice is fine."""
    await create(store, promise())
    await store.close()
    await store.close()
    expect(await refused(store, PutPromise(promise("q"))), wanted=True)
    expect(await _refuses(store.snapshot()), wanted=True)


async def _apply(store: Store, changes: Changes) -> None:
    async with store.transaction() as tx:
        await tx.apply(changes)


async def _refuses(work: Awaitable[object]) -> bool:
    try:
        await work
    except StoreError:
        return True
    return False


async def _leave(error: Exception) -> None:
    raise error


ROWS: Final[tuple[Callable[[Store], Awaitable[None]], ...]] = (
    an_empty_store_holds_nothing,
    a_promise_is_read_as_it_was_written,
    tags_are_read_as_they_were_written,
    a_task_is_read_as_it_was_written,
    many_are_loaded_at_once,
    any_text_is_an_id,
    an_id_that_cannot_be_stored_is_absent,
    big_values_are_kept,
    a_promise_may_be_born_settled,
    settled_is_permanent,
    what_a_promise_was_born_with_is_permanent,
    nothing_is_written_to_a_row_that_is_not_there,
    a_transaction_that_raises_changes_nothing,
    changes_that_cannot_be_written_spoil_their_transaction,
    a_transaction_sees_its_own_writes,
    transactions_take_turns,
    subscriptions_are_read_in_the_order_they_were_added,
    subscriptions_of_many_are_read_at_once,
    schedules_come_change_and_go,
    a_closed_store_refuses,
)
