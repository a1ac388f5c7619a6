"""Takes granted tasks, runs their functions, and settles their promises."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from msgspec import Struct

from troth.errors import ClosedError, StoreError, StoreFailedError, UsageError
from troth.protocol.addresses import group_address
from troth.protocol.messages import Grant
from troth.protocol.records import Promise, PromiseState, Tag, Value
from troth.protocol.requests import FulfillTask, ReleaseTask, SettlePromise

from .driver import TaskDriver, cancel_once, rejection
from .engine.call import Call
from .engine.execution import Execution
from .engine.journal import Journal
from .function import EncodedCall, Function
from .identity import Caller
from .invoke import Invoker
from .registry import Registry
from .residency import Residency
from .run import Run
from .signature import decode_invocation
from .transport.base import Transport

SWEEP_S: Final = 0.25
"""How often waiting functions and long local calls are looked at, while there are any."""

GIVE_BACK_S: Final = 1.0
"""How long after the store refused a write a task is given back, so that it is tried again."""

_log = logging.getLogger("troth.worker")


class WorkerSettings(Struct, frozen=True, kw_only=True):
    """How much a worker takes on at once."""

    slots: int = 100
    """Functions that run at the same time; one that waits for another holds no slot."""
    residents_max: int = 1_000
    """Waiting functions kept in memory; beyond it the longest waiting are dropped and replayed later."""
    linger_ms: int = 2_000
    """How long a waiting function keeps its task before the task is suspended."""
    long_step_ms: int = 250
    """A local call that runs longer is written before it ends, so that it can be seen running."""
    ttl_ms: int = 60_000
    """The lease of a task."""


class Tally(Struct):
    """What a worker has done since it started; for progress and tests."""

    entered: int = 0
    finished: int = 0


class Worker:
    """Runs tasks on the current event loop. ``on_trouble`` hears of writes the store could not take."""

    def __init__(
        self,
        transport: Transport,
        registry: Registry,
        pid: str,
        known_errors: Mapping[str, type[Exception]],
        settings: WorkerSettings,
        on_trouble: Callable[[Exception], None],
    ) -> None:
        self.transport = transport
        self.registry = registry
        self.known_errors = known_errors
        self.invoker = Invoker()
        self.tally = Tally()
        self._pid = pid
        self._settings = settings
        self._on_trouble = on_trouble
        self.residency = Residency(transport, settings.residents_max, settings.linger_ms / 1000, self.lose)
        self._runs: dict[str, Run] = {}
        self._drivers: dict[Run, TaskDriver] = {}
        self._giving_back: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing = False

    # --- what the transport sees

    @property
    def pid(self) -> str:
        """The holder of its leases."""
        return self._pid

    @property
    def ttl_ms(self) -> int:
        """The lease it wants, in milliseconds."""
        return self._settings.ttl_ms

    @property
    def targets(self) -> Iterable[str]:
        """The addresses of the groups it has functions of."""
        return dict.fromkeys(group_address(function.group) for function in self.registry)

    @property
    def running(self) -> int:
        """Functions that are running, not waiting."""
        return len(self._runs) - len(self.residency)

    def room(self) -> int:
        """How many more tasks it can start now."""
        return 0 if self._closing else self._settings.slots - self.running

    def accepts(self, param: Value) -> bool:
        """Whether the function is registered here."""
        invocation = decode_invocation(param.data)
        return invocation is not None and self.registry.find(invocation.function, invocation.version) is not None

    def deliver(self, grant: Grant) -> None:
        """Start the task's function, or go on where it waits in memory."""
        run = self._runs.get(grant.task.id)
        if run is not None:
            self.residency.resume(run, grant.task.version)
            return
        if self._closing:  # it was on its way
            self.transport.submit([ReleaseTask(grant.task.id, grant.task.version)]).add_done_callback(_observe)
            return
        run = self._runs[grant.task.id] = Run(grant.promise, grant.task.version)
        run.watcher = partial(self._settled_elsewhere, run)
        self.transport.watch(run.id, run.watcher)
        self._drivers[run] = TaskDriver(self, run)
        run.body = asyncio.get_running_loop().create_task(self._compute(run), name=run.id)
        self._sweep_soon()

    async def close(self) -> None:
        """Stop every function where it stands and give its task back; the next worker goes on from what is stored."""
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        runs = list(self._runs.values())
        held = [ReleaseTask(run.id, run.version) for run in runs if run.held]
        bodies = [body for run in runs for body in run.bodies()]
        for run in runs:
            self.lose(run)
        for task in self._giving_back:
            task.cancel()
        await asyncio.gather(*bodies, *self._giving_back, return_exceptions=True)
        self.invoker.close()
        if held:
            await asyncio.gather(self.transport.submit(held), return_exceptions=True)

    # --- a task

    async def _compute(self, run: Run) -> None:
        """Run the task's function and settle its promise with what comes of it."""
        driver = self._drivers[run]
        self.tally.entered += 1
        try:
            settle = await self._settlement(run, driver)
            if not run.dropped:
                await self._fulfill(run, driver, settle)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            self.trouble(run, error)

    async def _settlement(self, run: Run, driver: TaskDriver) -> SettlePromise:
        try:
            function, encoded = self._decode(run.promise)
            journal = await driver.journal(run.id) if run.version > 1 else Journal()
            caller = Caller(run.id, run.promise.tags.get(Tag.ORIGIN, run.id))
            execution = run.execution = Execution(driver, caller, journal)
            parent = run.promise.tags.get(Tag.PARENT)
            context = partial(driver.context, execution, encoded, parent) if function.wants_context else None
            data = await self.invoker.run(function, encoded.arguments, context)
            await run.join_steps()
        except asyncio.CancelledError:
            if run.dropped or run.canceled_from_outside:
                raise
            return SettlePromise(run.id, PromiseState.CANCELED)
        except Exception as error:
            if run.dropped:
                raise
            return rejection(run.id, error)
        finally:
            if run.execution is not None:
                run.execution.closed = True
        return SettlePromise(run.id, PromiseState.RESOLVED, Value(data=data))

    def _decode(self, promise: Promise) -> tuple[Function[..., Any], EncodedCall]:
        invocation = decode_invocation(promise.param.data)
        if invocation is None:
            raise UsageError(f"{promise.id} is no function call")
        function = self.registry.get(invocation.function, invocation.version)
        arguments = function.signature.load(invocation)
        return function, function.call(arguments.positional, arguments.keyword)

    async def _fulfill(self, run: Run, driver: TaskDriver, settle: SettlePromise) -> None:
        """Whatever is answered, the task is over for us: fulfilled, settled by others, or held by somebody else."""
        await driver.hold()
        if run.watcher is not None:
            self.transport.unwatch(run.id, run.watcher)
        await driver.submit_held(lambda: [FulfillTask(run.id, run.version, settle)])
        self.tally.finished += 1
        self._forget(run)

    # --- losing and leaving

    def lose(self, run: Run) -> None:
        """Drop a run: its task is somebody else's, or over, or suspended and to be replayed."""
        if run.dropped:
            return
        self._forget(run)
        if run.body is not None and not run.body.done():
            run.body.cancel()

    def trouble(self, run: Run, error: Exception) -> None:
        """The store could not take a write: tell whoever waits, drop the run, and give its task back later."""
        if run.dropped:
            return
        held = run.held
        self.lose(run)
        self._on_trouble(error)
        if not isinstance(error, StoreError | ClosedError):
            _log.error("a defect stopped %s; it goes on when the app is opened again", run.id, exc_info=error)
        elif held and not self._closing and not isinstance(error, StoreFailedError | ClosedError):
            _log.warning("the store refused a write of %s; it will be tried again: %s", run.id, error)
            task = asyncio.get_running_loop().create_task(self._give_back(run))
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    async def _give_back(self, run: Run) -> None:
        while True:
            await asyncio.sleep(GIVE_BACK_S)
            try:
                await self.transport.submit([ReleaseTask(run.id, run.version)])
            except (StoreFailedError, ClosedError):
                return
            except StoreError as error:
                _log.warning("the store still refuses writes: %s", error)
            else:
                return

    def _settled_elsewhere(self, run: Run, record: Promise) -> None:
        """Its deadline came, or somebody settled it: nothing is left to compute."""
        del record
        self.lose(run)

    def _forget(self, run: Run) -> None:
        run.dropped = True
        run.let_go()
        if run.execution is not None:
            run.execution.closed = True
        if run.watcher is not None:
            self.transport.unwatch(run.id, run.watcher)
        driver = self._drivers.pop(run, None)
        if driver is not None:
            driver.forget()
        for call in list(run.steps):
            if call.body is not None:
                cancel_once(call.body)
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
        self.residency.leave(run)
        self.transport.poke()

    # --- sweeping

    def stepping(self) -> None:
        """A local call has begun."""
        self._sweep_soon()

    def _sweep_soon(self) -> None:
        if self._sweeper is None and not self._closing:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        self.residency.sweep()
        long_before = asyncio.get_running_loop().time() - self._settings.long_step_ms / 1000
        for run in self._runs.values():
            if run.steps and run.held:
                self._store_long_steps(run, long_before)
        if self._runs:
            self._sweep_soon()

    def _store_long_steps(self, run: Run, long_before: float) -> None:
        for call, began in run.steps.items():
            if began <= long_before and not call.stored:
                sent = self.transport.submit(run.fenced(call))
                sent.add_done_callback(partial(_on_early_write, run, call))


def _on_early_write(run: Run, call: Call[Any], sent: "asyncio.Future[Any]") -> None:
    """If it was not stored, the write that settles the call will store it."""
    if not sent.cancelled() and sent.exception() is not None:
        run.unsend(call)


def _observe(sent: "asyncio.Future[Any]") -> None:
    """The next to open the store takes the task back, if this could not."""
    if not sent.cancelled():
        sent.exception()
