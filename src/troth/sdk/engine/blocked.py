"""What a function is waiting for, read from the futures its tasks wait on.

A function is *blocked* when everything it waits for is durable; only then may its task be suspended. Whatever is not
recognised counts as foreign (an HTTP client, a sleep, a lock), and the function simply stays.
"""

import asyncio
import inspect
from asyncio import taskgroups, tasks
from collections.abc import Iterable
from types import CodeType, CoroutineType
from typing import Any, Final

from .call import Call


def blocked_on(bodies: Iterable["asyncio.Task[Any]"]) -> set[Call[Any]] | None:
    """What tasks wait for, through gather, groups and subtasks: durable calls; None if anything else is in flight."""
    calls: set[Call[Any]] = set()
    seen: set[int] = set()
    todo: list[asyncio.Future[Any]] = list(bodies)
    while todo:
        future = todo.pop()
        if id(future) in seen:
            continue
        seen.add(id(future))
        if isinstance(future, Call) and future.body is None:
            if future.done() or not future.acknowledged:
                return None
            calls.add(future)
            continue
        below = _below(future)
        if below is None:
            return None
        todo.extend(below)
    return calls


def _below(future: "asyncio.Future[Any]") -> list["asyncio.Future[Any]"] | None:
    """What has to finish before the future can; None where that is not known or nothing has to."""
    if future.done():
        return None
    if isinstance(future, Call):
        return None if future.body is None else [future.body]
    if isinstance(future, asyncio.Task):
        return _awaited_by(future)
    children: Iterable[asyncio.Future[Any]] | None = getattr(future, "_children", None)
    return None if children is None else _unfinished(children)


def _awaited_by(task: "asyncio.Task[Any]") -> list["asyncio.Future[Any]"] | None:
    waiter: asyncio.Future[Any] | None = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return None
    if isinstance(waiter, asyncio.Task | Call) or hasattr(waiter, "_children"):
        return [waiter]
    coroutine = _innermost(task.get_coro())
    members = _MEMBERS.get(coroutine.cr_code) if coroutine is not None else None
    if coroutine is None or members is None or coroutine.cr_frame is None:
        return None
    return members(coroutine.cr_frame.f_locals)


def _innermost(coroutine: object) -> "CoroutineType[Any, Any, Any] | None":
    found = None
    while inspect.iscoroutine(coroutine):
        found, coroutine = coroutine, coroutine.cr_await
    return found


def _group_members(frame: dict[str, Any]) -> list["asyncio.Future[Any]"] | None:
    return _unfinished(getattr(frame["self"], "_tasks", ()))


def _wait_members(frame: dict[str, Any]) -> list["asyncio.Future[Any]"] | None:
    if frame.get("timeout") is not None:
        return None
    return _unfinished(frame["fs"])


def _unfinished(futures: Iterable["asyncio.Future[Any]"]) -> list["asyncio.Future[Any]"] | None:
    """Those not done; None where all are, because then the waiting task is about to go on."""
    return [future for future in futures if not future.done()] or None


def _code(owner: object, name: str) -> CodeType | None:
    return getattr(getattr(owner, name, None), "__code__", None)


_MEMBERS: Final = {
    code: members
    for code, members in (
        (_code(taskgroups.TaskGroup, "__aexit__"), _group_members),
        (_code(taskgroups.TaskGroup, "_aexit"), _group_members),
        (_code(tasks, "_wait"), _wait_members),
    )
    if code is not None
}
"""Coroutines of asyncio that wait on a plain future for tasks they hold, and where they hold them."""
