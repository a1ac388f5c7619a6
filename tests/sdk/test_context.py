"""What a durable function calls others with: each verb is a call of its execution."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from troth.errors import ArgumentError, DefinitionError, EncodingError, UnknownFunctionError
from troth.protocol.records import NEVER, Tag
from troth.sdk.codec import converter_for
from troth.sdk.context import Context, plain
from troth.sdk.engine.call import Call
from troth.sdk.engine.execution import Execution, Info
from troth.sdk.engine.journal import Journal
from troth.sdk.function import DurableFunction, Traits
from troth.sdk.identity import Caller
from troth.sdk.registry import Registry

NOW = 1_000_000


def add(a: int, b: int = 2) -> int:
    return a + b


class Notes:
    """A driver that notes who does what."""

    known_errors: dict[str, type[Exception]] = {}  # noqa: RUF012 - nobody writes to it

    def __init__(self) -> None:
        self.commands: list[str] = []

    def now(self) -> int:
        return NOW

    def create(self, call: Call[Any]) -> None:
        self.commands.append("create")

    def follow(self, call: Call[Any]) -> None:
        self.commands.append("follow")

    def perform(self, call: Call[Any], *, look: bool) -> None:
        self.commands.append("perform")


def play(story: Callable[[Context, Notes, Any], None]) -> None:
    async def main() -> None:
        notes, registry = Notes(), Registry()
        function: DurableFunction[..., Any, ..., Any] = DurableFunction(add, Traits(timeout=60), Context)
        registry.add(function)
        execution = Execution(notes, Caller("root", "root"), Journal())
        info = Info("root", None, "root", None, 1, "top", 1)
        story(Context(execution, registry, info), notes, function)

    asyncio.run(main())


def test_run_is_here_and_rpc_is_anywhere() -> None:
    def story(ctx: Context, notes: Notes, function: Any) -> None:
        here, there, named, bare = ctx.run(function, 1), ctx.rpc(function, 1), ctx.rpc("add", 1, b=2), ctx.run(add, 1)
        assert notes.commands == ["perform", "create", "create", "perform"]
        assert here.create.tags[Tag.SCOPE] == "local"
        assert there.create.tags[Tag.TARGET] == "poll://any@default"
        assert {call.create.param for call in (here, there, named, bare)} == {there.create.param}
        assert len({call.id for call in (here, there, named, bare)}) == 4

    play(story)


def test_what_cannot_be_called_is_refused_at_once() -> None:
    def story(ctx: Context, notes: Notes, function: Any) -> None:
        with pytest.raises(UnknownFunctionError, match="Did you mean 'add'"):
            ctx.rpc("ad", 1)
        with pytest.raises(ArgumentError):
            ctx.rpc(function)
        with pytest.raises(EncodingError):
            ctx.run(add, "one")  # pyright: ignore[reportArgumentType, reportCallIssue] - that is the case
        assert notes.commands == []

    play(story)


def test_options_are_one_calls() -> None:
    def story(ctx: Context, notes: Notes, function: Any) -> None:
        named = ctx.options(id="mine", timeout=timedelta(seconds=5)).rpc(function, 1)
        assert (named.id, named.create.timeout_at) == ("mine", NOW + 5_000)
        assert ctx.rpc(function, 1).create.timeout_at == NOW + 60_000
        assert ctx.options(timeout=0).run(add, 1).create.timeout_at == NOW
        assert ctx.run(add, 1).create.timeout_at == NEVER
        with pytest.raises(DefinitionError):
            ctx.options(timeout=-1)

    play(story)


def test_a_sleep_is_a_timer() -> None:
    def story(ctx: Context, notes: Notes, function: Any) -> None:
        sleep = ctx.sleep(1.5)
        assert sleep.id == "root.sleep-1500"
        assert sleep.create.timeout_at == NOW + 1_500
        assert sleep.create.tags == {Tag.TIMER: "true", Tag.ORIGIN: "root", Tag.PARENT: "root"}
        assert ctx.sleep(timedelta(milliseconds=1500)).id == "root.sleep2-1500"

    play(story)


def test_a_promise_is_for_somebody_outside() -> None:
    def story(ctx: Context, notes: Notes, function: Any) -> None:
        approval = ctx.promise("approval", bool, timeout=10)
        assert approval.id == "root.promise-approval"
        assert approval.create.timeout_at == NOW + 10_000
        assert approval.create.tags == {Tag.EXTERNAL: "true", Tag.ORIGIN: "root", Tag.PARENT: "root"}
        assert approval.result_type is converter_for(bool)
        anything = ctx.promise("anything")
        assert anything.create.timeout_at == NEVER
        assert notes.commands == ["create", "create"]

    play(story)


def test_any_function_as_it_is_is_made_durable_once() -> None:
    assert plain(add) is plain(add)
    assert plain(add).name == "add"
    assert not plain(add).keyed


def test_info_is_at_hand() -> None:
    play(lambda ctx, _, __: None if ctx.info.id == "root" else pytest.fail("another id"))
