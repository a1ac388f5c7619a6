"""Enters a function's body: on the loop, on a stack of its own, or in a thread; again where its retry policy says."""

import asyncio
import contextvars
import inspect
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .codec import encode
from .context import Context
from .engine.greenlets import run_on_a_stack
from .function import Function
from .retry import ONCE
from .signature import Arguments


class Invoker:
    """Runs bodies. Threads, for ``def`` functions without a context, are started when the first is needed."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def run(
        self, function: Function[..., Any], arguments: Arguments, context: Callable[[int], Awaitable[Context]] | None
    ) -> str | None:
        """The result, encoded; raises what the last attempt raised. ``context`` makes the one of the n-th attempt."""
        if function.asynchronous and function.retry is ONCE:  # most calls: no detour
            args = arguments.positional if context is None else (await context(1), *arguments.positional)
            value = await function.body(*args, **arguments.keyword)
        else:
            value = await self._attempts(function, arguments, context)
        return encode(value, function.signature.result)

    async def _attempts(
        self, function: Function[..., Any], arguments: Arguments, context: Callable[[int], Awaitable[Context]] | None
    ) -> Any:
        attempt = 0
        delays = function.retry.delays()
        while True:
            attempt += 1
            args = arguments.positional if context is None else (await context(attempt), *arguments.positional)
            try:
                return await self._enter(function, args, arguments.keyword)
            except function.retry.on:
                delay = next(delays, None)
                if delay is None:
                    raise
                await asyncio.sleep(delay)

    async def _enter(self, function: Function[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function.asynchronous:
            return await function.body(*args, **kwargs)
        if function.wants_context:
            value = await run_on_a_stack(function.body, *args, **kwargs)
            return await value if inspect.isawaitable(value) else value
        context = contextvars.copy_context()

        def entry() -> Any:
            return context.run(_leaf, function.body, args, kwargs)

        value = await asyncio.get_running_loop().run_in_executor(self._pool(), entry)
        return await value if inspect.isawaitable(value) else value

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            size = min(32, (os.cpu_count() or 1) + 4)
            self._threads = ThreadPoolExecutor(size, thread_name_prefix="troth")
        return self._threads

    def close(self) -> None:
        """Start no more bodies in threads; those that run are not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _leaf(body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return body(*args, **kwargs)
    except StopIteration as error:  # a future cannot carry it
        raise RuntimeError(f"{body!r} raised StopIteration") from error
