"""One run of one function's body: what it calls gets its id here, and is answered from the journal where it can be.

Sans-I/O: what the journal does not know goes to the `Driver`.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from troth.errors import AwaitCycleError
from troth.protocol.records import NEVER, NO_VALUE, Promise, Tag
from troth.protocol.requests import CreatePromise
from troth.sdk.codec import Converter
from troth.sdk.function import DurableFunction, EncodedCall
from troth.sdk.identity import Caller, check_id, content_id

from .call import Call
from .journal import Journal
from .outcome import is_same_call, settled


class CallOptions(Struct, frozen=True):
    """What a single call may say: an explicit id, a timeout in milliseconds."""

    id: str | None = None
    timeout_ms: int | None = None


NO_OPTIONS: Final = CallOptions()


class Info(Struct, frozen=True):
    """What a function may know of its own run."""

    id: str
    """The id of the promise it computes."""
    parent: str | None
    """The id of its caller; None for a keyed call and for one from outside."""
    origin: str
    """The id of its call tree's root."""
    key: str | None
    """Its key, if it has one: the id without version and generation."""
    attempt: int
    """1 on the first attempt."""
    function: str
    version: int


class Driver(Protocol):
    """Who carries out what an execution asks for; answers by ``call.arrive`` or ``call.fail``."""

    @property
    def known_errors(self) -> Mapping[str, type[Exception]]:
        """Exception types that come back as themselves."""
        ...

    def now(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def create(self, call: Call[Any]) -> None:
        """Create the call's promise and follow it."""
        ...

    def follow(self, call: Call[Any]) -> None:
        """The call's promise is pending in the store: wait for it."""
        ...

    def perform(self, call: Call[Any], *, look: bool) -> None:
        """Run the call's function here and record what came of it; ``look``: unless that is in the store already."""
        ...


class Execution:
    """A body's run: that of a granted task, or that of a local call (``own``), which shares its caller's task."""

    def __init__(self, driver: Driver, caller: Caller, journal: Journal, own: Call[Any] | None = None) -> None:
        self._driver = driver
        self._caller = caller
        self._uses: dict[str, int] = {}
        self.journal = journal
        self.own = own
        """The call that this execution computes, for a local step."""
        self.closed = False

    @property
    def id(self) -> str:
        """The id of the promise it computes."""
        return self._caller.id

    @property
    def origin(self) -> str:
        """The id of the call tree's root."""
        return self._caller.origin

    @property
    def known_errors(self) -> Mapping[str, type[Exception]]:
        """Exception types that come back as themselves."""
        return self._driver.known_errors

    def begin_again(self, journal: Journal) -> None:
        """Another attempt at the body: its calls are counted anew, so they find what was recorded before."""
        self._uses.clear()
        self.journal = journal

    def remote(self, encoded: EncodedCall, options: CallOptions) -> Call[Any]:
        """Call a function on any worker of its group."""
        return self._make(encoded, options, target=encoded.function.target)

    def local(self, encoded: EncodedCall, options: CallOptions) -> Call[Any]:
        """Call a function here. One that is keyed or has an explicit id is shared with everybody: a task of its own."""
        function = encoded.function
        shared = (encoded.key is not None or options.id is not None) and isinstance(function, DurableFunction)
        return self._make(encoded, options, target=function.target if shared else None)

    def promise(
        self, kind: str, name: str, result: Converter[Any], *, timeout_at: int, tags: dict[str, str]
    ) -> Call[Any]:
        """A promise that no function computes: a timer, or one settled from outside."""
        use = self._use(f"{kind}-{name}")
        nth = kind if use == 1 else f"{kind}{use}"  # before the name, which may end in a number itself
        id = content_id(self._caller, f"{nth}-{name}", 1)
        create = CreatePromise(id, timeout_at, NO_VALUE, {**tags, **self._family()}, caller=self.id)
        return self._begin(Call(self, create, result), NO_OPTIONS, local=False)

    def now(self) -> int:
        """Milliseconds since the epoch. Not durable: for deadlines of new promises only."""
        return self._driver.now()

    def _make(self, encoded: EncodedCall, options: CallOptions, target: str | None) -> Call[Any]:
        keyed = encoded.key is not None and options.id is None
        id = self._identify(encoded, options)
        tags = {Tag.TARGET: target} if target is not None else {Tag.SCOPE: "local"}
        if not keyed:
            tags |= self._family()
        timeout_ms = options.timeout_ms if options.timeout_ms is not None else encoded.function.timeout_ms
        create = CreatePromise(
            id,
            NEVER if timeout_ms is None else self.now() + timeout_ms,
            encoded.param,
            tags,
            caller=self.id,
            reuse_failed=not keyed or encoded.function.on_failure == "keep",
        )
        call: Call[Any] = Call(self, create, encoded.function.signature.result, encoded)
        return self._begin(call, options, local=target is None)

    def _begin(self, call: Call[Any], options: CallOptions, *, local: bool) -> Call[Any]:
        if self.closed:
            call.cancel()
            return call
        known = self._known(call)
        named = options.id is not None or (call.encoded is not None and call.encoded.key is not None)
        cycle = self.way_down_from(call.id) if named and known is None else ()
        if cycle:
            call.fail(AwaitCycleError((*cycle, call.id)))
        elif known is not None and settled(known):
            call.arrive(known)
        elif local:
            if known is not None:  # it keeps the deadline it was given first
                call.stored = call.acknowledged = True
                call.create = replace(call.create, timeout_at=known.timeout_at)
            self._driver.perform(call, look=options.id is not None)
        elif known is not None:
            call.stored = call.acknowledged = True
            self._driver.follow(call)
        else:
            self._driver.create(call)
        return call

    def way_down_from(self, id: str) -> tuple[str, ...]:
        """The ids from an execution of the same task (its root or a local call) down to this one, if one has it."""
        path: list[str] = []
        execution: Execution | None = self
        while execution is not None:
            path.append(execution.id)
            if execution.id == id:
                return tuple(reversed(path))
            execution = execution.own.execution if execution.own is not None else None
        return ()

    def _known(self, call: Call[Any]) -> Promise | None:
        if call.encoded is None or call.encoded.key is None:
            return self.journal.take(call.id)
        known = self.journal.get(call.id)
        if known is None or known.id == call.id:
            return known
        if not is_same_call(known, call.encoded):  # a key that ends like a generation
            return None
        call.create = renamed(call.create, known.id)
        return known

    def _identify(self, encoded: EncodedCall, options: CallOptions) -> str:
        if options.id is not None:
            return check_id(options.id)
        if encoded.key is not None:
            return encoded.key
        what = encoded.content
        return content_id(self._caller, what, self._use(what))

    def _use(self, what: str) -> int:
        use = self._uses[what] = self._uses.get(what, 0) + 1
        return use

    def _family(self) -> dict[str, str]:
        return {Tag.ORIGIN: self.origin, Tag.PARENT: self.id}


def renamed(create: CreatePromise, id: str) -> CreatePromise:
    """The same request for another generation's id."""
    return replace(create, id=id)
