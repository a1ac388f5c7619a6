"""A kernel in four lines: effects written to a store, and read back. For checks of stores."""

from msgspec import Struct

from troth.errors import StoreError
from troth.machine.effects import Effect, PutPromise, PutTask
from troth.machine.footprint import Query
from troth.machine.objects import PromiseObject, ScheduleObject, TaskObject
from troth.machine.view import Page, Subscriptions, View
from troth.protocol.records import PromiseState, Value
from troth.stores.base import Due, Invocation, Store, Transaction


class Pair(Struct, frozen=True):
    """What is stored under an id."""

    promise: PromiseObject | None
    task: TaskObject | None


async def put(tx: Transaction, *effects: Effect) -> None:
    """Load what the effects touch, then apply them."""
    view = View()
    puts = [effect for effect in effects if isinstance(effect, PutPromise | PutTask)]
    await tx.load(view, {_id(effect): None for effect in puts})
    view.advance(effects)
    await tx.apply(view.take_changes())


async def commit(store: Store, *effects: Effect) -> None:
    """The effects in a transaction of their own."""
    async with store.transaction() as tx:
        await put(tx, *effects)


async def create(store: Store, *stored: PromiseObject | TaskObject) -> None:
    """Promises and tasks in a transaction of their own."""
    puts = (PutPromise(each) if isinstance(each, PromiseObject) else PutTask(each) for each in stored)
    await commit(store, *puts)


async def mark(store: Store, **undrained: bool) -> None:
    """Say of settled promises, by id, whether they still have callbacks to drain."""
    async with store.transaction() as tx:
        view = View()
        view.changes.undrained.update(undrained)
        await tx.apply(view.take_changes())


async def load(store: Store, id: str) -> Pair:
    """What is stored under an id."""
    async with store.transaction() as tx:
        view = View()
        await tx.load(view, [id])
    return Pair(view.promise(id), view.task(id))


async def load_schedule(store: Store, id: str) -> ScheduleObject | None:
    """The schedule of an id."""
    async with store.transaction() as tx:
        view = View()
        await tx.load(view, (), [id])
    return view.schedule(id)


async def search(store: Store, query: Query) -> Page:
    """What a query finds."""
    async with store.transaction() as tx:
        return await tx.search(query)


async def subscriptions(store: Store, id: str, limit: int = 10) -> Subscriptions:
    """Who waits for a promise."""
    async with store.transaction() as tx:
        view = View()
        await tx.load_subscriptions(view, [id], limit)
    return view.subscriptions[id]


async def due(store: Store, now: int, limit: int = 10) -> Due:
    """What is due at an instant."""
    async with store.transaction() as tx:
        return await tx.due(now, limit)


async def runnable(store: Store, target: str, now: int, limit: int = 10) -> tuple[Invocation, ...]:
    """Whose tasks wait for a target at an instant."""
    async with store.transaction() as tx:
        return await tx.runnable(target, now, limit)


async def await_path(store: Store, from_id: str, to_id: str) -> tuple[str, ...]:
    """The chain of awaits between two promises."""
    async with store.transaction() as tx:
        return await tx.await_path(from_id, to_id)


async def refused(store: Store, *effects: Effect) -> bool:
    """Whether a store refuses to write the effects."""
    try:
        await commit(store, *effects)
    except StoreError:
        return True
    return False


def resolve(promise: PromiseObject, data: str = "MQ==", at: int | None = None) -> PromiseObject:
    """The promise resolved, at its creation unless said otherwise."""
    return promise.settled(PromiseState.RESOLVED, Value(data=data), promise.created_at if at is None else at)


def expect(found: object, wanted: object) -> None:
    """Raise unless they are equal. An ``assert`` would say less, and nothing under ``python -O``."""
    if found != wanted:
        message = f"found   {found!r}\nwanted  {wanted!r}"
        raise AssertionError(message)


def _id(effect: PutPromise | PutTask) -> str:
    return effect.promise.id if isinstance(effect, PutPromise) else effect.task.id
