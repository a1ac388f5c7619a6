"""``def`` functions that call durable functions: each on a stack of its own, switched to the loop where it waits.

A switch costs about a microsecond; a waiting function holds a stack, not a thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import greenlet

from troth.errors import WrongLoopError

T = TypeVar("T")


class _Body(greenlet.greenlet):
    """The stack of one ``def`` function."""


async def run_on_a_stack(body: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run the function; whatever it waits for by `wait_for` is awaited here."""
    stack = _Body(body, greenlet.getcurrent())
    stack.gr_context = greenlet.getcurrent().gr_context
    awaited = stack.switch(*args, **kwargs)
    while not stack.dead:
        try:
            value = await awaited
        except BaseException as error:  # noqa: BLE001 - raised again where the function waits
            awaited = stack.throw(error)
        else:
            awaited = stack.switch(value)
    return awaited


def wait_for(future: "asyncio.Future[T]") -> T:
    """Inside `run_on_a_stack`: the future's result, without blocking the loop."""
    stack = greenlet.getcurrent()
    if not isinstance(stack, _Body) or stack.parent is None:
        raise WrongLoopError("wait() is for def functions run by troth; in async def write: await …")
    if future.done():
        return future.result()
    return stack.parent.switch(future)
