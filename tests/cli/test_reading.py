"""What the commands read, and what JSON says of a promise."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from troth.cli.failure import Failure
from troth.cli.reading import Stored, look, wire_json
from troth.cli.settings import Settings
from troth.protocol.records import NEVER, NO_VALUE, Promise, PromiseState, Tag, Value
from troth.protocol.requests import SearchPromises
from troth.sdk.codec import to_base64
from troth.sdk.signature import encode_invocation

CRASH = """

@app.function
async def crash(ctx: Context) -> None:
    import os

    await ctx.rpc(factorial, 9)
    os._exit(9)
"""
MEMBERS = ["id", "state", "function", "version", "args", "kwargs", "value", "error"]
TIMES = ["createdAt", "settledAt", "durationMs"]


def stored(param: Value, tags: dict[str, str] | None = None) -> Stored:
    return Stored(Promise("a", PromiseState.PENDING, param, NO_VALUE, tags or {}, NEVER, 7))


def of_call(*call) -> Stored:
    return stored(Value(data=to_base64(encode_invocation(*call))))


def test_a_call_as_one_would_write_it() -> None:
    assert of_call("f", 1, [1, "a"], {"k": None}).call() == "f(1, 'a', k=None)"
    assert of_call("f", 2, [], {}).call() == "f@2()"
    assert stored(NO_VALUE).call() == "promise"
    assert stored(NO_VALUE, {Tag.TIMER: "true"}).call() == "sleep"


def test_json_always_has_all_members() -> None:
    told = stored(NO_VALUE).as_json()
    assert list(told) == MEMBERS + TIMES
    assert {name: value for name, value in told.items() if value is not None} == {
        "id": "a",
        "state": "pending",
        "createdAt": 7,
    }
    assert list(of_call("f", 1, [], {}).as_json()) == MEMBERS + TIMES


def test_a_record_as_the_wire_shows_it() -> None:
    assert wire_json(None) is None
    assert wire_json(stored(NO_VALUE).promise) == {
        "id": "a",
        "state": "pending",
        "param": {},
        "value": {},
        "tags": {},
        "timeoutAt": NEVER,
        "createdAt": 7,
    }


def test_everything_is_read_through_one_look(cli) -> None:
    cli.run("fib", "3")

    async def work(store):
        callees = [promise.id for promise in await store.callees("fib-3")]
        callers = [promise.id for promise in await store.callers("fib-1")]
        page = await store.search(SearchPromises(prefix="fib", limit=2))
        with pytest.raises(Failure, match="Close to it: fib-3"):
            await store.stored("fib-33")
        return callees, callers, [promise.id for promise in page.promises], page.cursor

    found = look(Settings(str(cli.store)), work)
    assert found == (["fib-2", "fib-1"], ["fib-2", "fib-3"], ["fib-0", "fib-1"], "fib-1")


def test_reading_changes_nothing(cli) -> None:
    cli.run("factorial", "20")
    before = contents(cli.store)
    for words in (["get", "factorial-3"], ["tree", "factorial-20"], ["search"], ["get", "nothing"]):
        cli(*words)
    assert contents(cli.store) == before


def test_reading_changes_nothing_after_a_crash_either(cli) -> None:
    crashes = cli.write(cli.program.read_text("utf-8") + CRASH)
    words = [sys.executable, "-m", "troth", "-l", str(cli.store), "run", crashes.target("crash")]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 9
    before = contents(cli.store)
    assert len(before) == 4
    assert "factorial(9) = 362880" in cli("tree", "factorial-9").stdout
    assert {name for name, text in contents(cli.store).items() if before[name] != text} <= {f"{cli.store.name}-shm"}
    assert cli.run("factorial", "9").stdout == "362880\n"


def contents(store: Path) -> dict[str, str]:
    """Every file of the store and what is in it."""
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in store.parent.glob(f"{store.name}*")}
