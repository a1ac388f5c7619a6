"""The composition root: `Troth`, the one object a program makes."""

import asyncio
import atexit
import os
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

from troth.embedded.fresh import FreshIds
from troth.embedded.location import parse_location
from troth.embedded.transport import PID_PREFIX, EmbeddedTransport
from troth.errors import ClosedError, WrongLoopError
from troth.kernel.clock import Clock, SystemClock
from troth.sdk.blocking import LoopThread
from troth.sdk.client import Client
from troth.sdk.codec import converter_for
from troth.sdk.context import Context
from troth.sdk.decorator import Decorator
from troth.sdk.engine.execution import NO_OPTIONS, CallOptions
from troth.sdk.function import (
    DEFAULT_GROUP,
    DurableFunction,
    EncodedCall,
    Function,
    OnFailure,
    Span,
    Traits,
    span_ms,
)
from troth.sdk.handle import BlockingHandle, Handle
from troth.sdk.identity import ANYTHING
from troth.sdk.progress import Progress
from troth.sdk.registry import Registry
from troth.sdk.retry import ONCE, Retry
from troth.sdk.runtime import Runtime
from troth.sdk.signature import decode_invocation
from troth.sdk.worker import WorkerSettings

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=type[Exception])


class Verbs:
    """``run``, ``rpc`` and ``start`` from outside, with the options given to ``app.options(…)``."""

    def __init__(self, app: "Troth", options: CallOptions) -> None:
        self._app = app
        self._call_options = options

    async def rpc(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a call, from the store, from whoever computes it already, or from any worker of its group."""
        return await self._app.outcome(self._encode(function, args, kwargs), self._call_options, here=False)

    async def run(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ``rpc``, but computed in this process if nobody computes it yet."""
        return await self._app.outcome(self._encode(function, args, kwargs), self._call_options, here=True)

    async def start(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> Handle[T]:
        """Begin a call as ``rpc`` does; it is durable once this returns."""
        return await self._app.begin(self._encode(function, args, kwargs), self._call_options)

    def _encode(self, function: Function[..., Any] | str, args: Any, kwargs: Any) -> EncodedCall:
        return self._app.durable(function).call(args, kwargs)


class BlockingVerbs:
    """The same verbs for scripts without an event loop; refused inside a running one."""

    def __init__(self, verbs: Verbs, run: Callable[[Awaitable[Any]], Any]) -> None:
        self._verbs = verbs
        self._run = run

    def rpc(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Troth.rpc`."""
        return self._run(self._verbs.rpc(function, *args, **kwargs))

    def run(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Troth.run`."""
        return self._run(self._verbs.run(function, *args, **kwargs))

    def start(self, function: Function[P, T], *args: P.args, **kwargs: P.kwargs) -> BlockingHandle[T]:
        """As `Troth.start`."""
        return BlockingHandle(self._run(self._verbs.start(function, *args, **kwargs)), self._run)


class Troth(Verbs):
    """Durable functions and the place where their results live for ever.

    ``location`` is a SQLite file (``sqlite:///path`` or a path), ``:memory:``, or None: what ``TROTH_URL`` says, else
    ``.troth/troth.db`` in the working directory. Nothing is opened before ``async with app:`` or the first call.
    """

    def __init__(
        self, location: str | None = None, *, worker: WorkerSettings | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(self, NO_OPTIONS)
        self.location = parse_location(location or os.environ.get("TROTH_URL"))
        self._clock = clock or SystemClock()
        self._worker_settings = worker or WorkerSettings()
        self._registry = Registry()
        self._known_errors: dict[str, type[Exception]] = {}
        self._fresh_ids = FreshIds(self._clock.now)
        self._progress = Progress(wanted=os.environ.get("TROTH_PROGRESS") != "0")
        self._runtime: Runtime | None = None
        self._opening: asyncio.Task[Runtime] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._loop_thread = LoopThread()

    # --- functions

    @overload
    def function(
        self, body: Callable[Concatenate[Context, P], Coroutine[Any, Any, T]], /
    ) -> DurableFunction[P, T, Concatenate[Context, P], Coroutine[Any, Any, T]]: ...
    @overload
    def function(
        self, body: Callable[Concatenate[Context, P], T], /
    ) -> DurableFunction[P, T, Concatenate[Context, P], T]: ...
    @overload
    def function(
        self, body: Callable[P, Coroutine[Any, Any, T]], /
    ) -> DurableFunction[P, T, P, Coroutine[Any, Any, T]]: ...
    @overload
    def function(self, body: Callable[P, T], /) -> DurableFunction[P, T, P, T]: ...
    @overload
    def function(
        self,
        *,
        key: str | bool | None = None,
        name: str | None = None,
        version: int = 1,
        group: str = DEFAULT_GROUP,
        timeout: Span | None = None,
        retry: Retry = ONCE,
        on_failure: OnFailure = "retry",
    ) -> Decorator: ...
    def function(self, *body: Any, **traits: Any) -> Any:
        """Make a function durable: ``@app.function`` or ``@app.function(key=…, …)``.

        ``key``: the calls' ids, a template over the parameters such as ``"render-{document}"``, or True for name and a
        hash of the arguments; without it a call belongs to its caller. ``name``: the function's ``__name__`` unless
        given. ``version``: 2, 3, … when its meaning changes. ``group``: whose workers run it. ``timeout``: seconds from
        the call to its deadline. ``retry``: when a failed attempt is made again. ``on_failure``: "keep" makes the
        failure of a keyed call permanent too. Raises `DefinitionError`.
        """
        decorator = Decorator(self._registry, Traits(**traits), self._functions_changed)
        return decorator(*body) if body else decorator

    def durable(self, function: Function[P, T] | str) -> Function[..., Any]:
        """The registered function of a name; a function stands for itself."""
        return self._registry.get(function) if isinstance(function, str) else function

    @property
    def functions(self) -> tuple[Function[..., Any], ...]:
        """All registered functions, each version of its own, in the order of their registration."""
        return tuple(self._registry)

    def register_error(self, error_type: E) -> E:
        """Let exceptions of this type cross calls as themselves, not as `RemoteError`. Also a decorator."""
        self._known_errors[f"{error_type.__module__}.{error_type.__qualname__}"] = error_type
        return error_type

    # --- calls

    def options(self, *, id: str | None = None, timeout: Span | None = None) -> Verbs:
        """The same verbs for one call: ``await app.options(id="report-7").rpc(report)``."""
        return Verbs(self, CallOptions(id, None if timeout is None else span_ms(timeout)))

    @property
    def blocking(self) -> "Blocking":
        """The same app for scripts that have no event loop."""
        return Blocking(self, self._loop_thread)

    @overload
    async def get(self, id: str) -> Handle[Any]: ...
    @overload
    async def get(self, id: str, type: type[T]) -> Handle[T]: ...
    async def get(self, id: str, type: Any = None) -> Handle[Any]:
        """The handle of a call or promise by its id; `NotFoundError` where there is none."""
        record = await (await self._client()).get(id)
        if type is not None:
            return Handle(id, self._client, converter_for(type))
        invocation = decode_invocation(record.param.data)
        known = invocation and self._registry.find(invocation.function, invocation.version)
        return Handle(id, self._client, known.signature.result if known else ANYTHING)

    async def resolve(self, id: str, value: object = None, type: Any = Any) -> None:
        """Settle a promise that waits for somebody outside. The first to settle it wins; later ones change nothing."""
        await (await self._client()).resolve(id, value, converter_for(type))

    async def reject(self, id: str, error: Exception) -> None:
        """Settle a promise that waits for somebody outside, with an error."""
        await (await self._client()).reject(id, error)

    async def outcome(self, encoded: EncodedCall, options: CallOptions, *, here: bool) -> Any:
        """What a call comes to. The verbs are written in terms of this."""
        runtime = self._open_here() or await self._open()
        remembered = runtime.client.remembered(encoded, options)
        if remembered is not None:
            return runtime.client.value(remembered, encoded.function.signature.result)
        with self._progress.shown(lambda elapsed_s: _describe(encoded, runtime, elapsed_s)):
            return await runtime.client.call(encoded, options, runtime.worker if here else None)

    async def begin(self, encoded: EncodedCall, options: CallOptions) -> Handle[Any]:
        """A call that has begun. The verbs are written in terms of this."""
        record = await (await self._client()).begin(encoded, options)
        return Handle(record.id, self._client, encoded.function.signature.result)

    # --- opening and closing

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop working and close the store. What runs is given back, and goes on when the app is opened again."""
        loop = asyncio.get_running_loop()
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done() and opening.get_loop() is loop:
            await asyncio.wait([opening])
        runtime, self._runtime = self._runtime, None
        if runtime is None:
            return
        if runtime.loop is not loop:
            await self._leave(runtime)
            return
        self._closing = loop.create_task(runtime.close(_closed))
        await asyncio.shield(self._closing)

    def _open_here(self) -> Runtime | None:
        runtime = self._runtime
        return runtime if runtime is not None and runtime.loop is asyncio.get_running_loop() else None

    async def _client(self) -> Client:
        return (self._open_here() or await self._open()).client

    async def _open(self) -> Runtime:
        """The open app; opened now if it is not. Concurrent first calls open it once."""
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening.get_loop() is not loop:
            before, self._runtime = self._runtime, None
            if before is not None:
                await self._leave(before)
            self._opening = loop.create_task(self._start())
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except BaseException:
            if opening.done() and self._opening is opening:
                self._opening = None
            raise

    async def _start(self) -> Runtime:
        if self._closing is not None and self._closing.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._closing])
        fresh = self._fresh_ids
        runtime = Runtime(
            EmbeddedTransport(self.location.open, self._clock),
            self._registry,
            f"{PID_PREFIX}{os.getpid()}:{fresh()}",
            self._known_errors,
            self._worker_settings,
            fresh,
        )
        await runtime.open(work=True)
        self._runtime = runtime
        return runtime

    async def _leave(self, runtime: Runtime) -> None:
        """Let go of what belongs to another event loop, if that has ended."""
        if not runtime.loop.is_closed():
            self._runtime = runtime
            raise WrongLoopError("this app is open on another event loop; close it there, or make one app a loop")
        await runtime.transport.abandon()

    def _functions_changed(self) -> None:
        """A function was registered while the app is open: its group may be new."""
        runtime = self._runtime
        if runtime is not None and not runtime.loop.is_closed():
            runtime.loop.call_soon_threadsafe(runtime.reconnect)


class Blocking(BlockingVerbs):
    """A `Troth` for code without an event loop; ``with app.blocking as b:`` closes it at the end."""

    def __init__(self, app: Troth, loop_thread: LoopThread) -> None:
        super().__init__(app, loop_thread.run)
        self._troth = app
        self._loop_thread = loop_thread
        atexit.unregister(self.close)
        atexit.register(self.close)

    def options(self, *, id: str | None = None, timeout: Span | None = None) -> BlockingVerbs:
        """As `Troth.options`."""
        return BlockingVerbs(self._troth.options(id=id, timeout=timeout), self._run)

    @overload
    def get(self, id: str) -> BlockingHandle[Any]: ...
    @overload
    def get(self, id: str, type: type[T]) -> BlockingHandle[T]: ...
    def get(self, id: str, type: Any = None) -> BlockingHandle[Any]:
        """As `Troth.get`."""
        return BlockingHandle(self._run(self._troth.get(id, type)), self._run)

    def resolve(self, id: str, value: object = None, type: Any = Any) -> None:
        """As `Troth.resolve`."""
        self._run(self._troth.resolve(id, value, type))

    def reject(self, id: str, error: Exception) -> None:
        """As `Troth.reject`."""
        self._run(self._troth.reject(id, error))

    def close(self) -> None:
        """As `Troth.close`."""
        if self._loop_thread.started:
            self._run(self._troth.close())
            self._loop_thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _describe(encoded: EncodedCall, runtime: Runtime, elapsed_s: float) -> str:
    worker = runtime.worker
    minutes, seconds = divmod(int(elapsed_s), 60)
    waiting = worker.tally.entered - worker.tally.finished - worker.running
    return (
        f"{encoded.function.name} · {worker.tally.finished:,} done · {worker.running:,} running · "
        f"{max(0, waiting):,} waiting · {minutes}:{seconds:02}"
    )


def _closed() -> Exception:
    return ClosedError("the app was closed; the call goes on when it is opened again")
