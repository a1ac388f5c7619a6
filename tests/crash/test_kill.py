"""``kill -9`` at any instant, start again: the same answer, and nothing that was recorded is entered again."""

import itertools
import math
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

HERE = Path(__file__).parent
LEVELS = 200
KILLS = 50
KILLS_A_TEST = 5

START_S = 0.6
"""About as long as a child takes to start, to open the file and to get through."""

LIMIT_S = 60.0
"""No child takes so long; one that does has hung."""


class Child:
    """A program that prints lines, until it is killed or done."""

    def __init__(self, name: str, *args: object, **environment: str) -> None:
        command = [sys.executable, str(HERE / name), *map(str, args)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._rest = b""
        self._give_up_at = time.monotonic() + LIMIT_S

    def read(self, seconds: float | None = None) -> bytes | None:
        """What it printed next; empty when it has ended, None when nothing came in that time."""
        limit = self._give_up_at - time.monotonic() if seconds is None else seconds
        if not select.select([self._out], [], [], max(0.0, limit))[0]:
            assert seconds is not None, "the child hangs"
            return None
        return os.read(self._out, 65_536)

    def lines(self) -> Iterator[str]:
        """What it prints, as it comes."""
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                yield line.decode()
            found = self.read()
            assert found is not None
            if not found:
                return
            self._rest += found

    def until(self, line: str) -> None:
        """Read up to the line."""
        assert any(each == line for each in self.lines()), self.end()

    def kill_after(self, seconds: float) -> bool:
        """Kill it after a time, or let it end; whether it was killed."""
        kill_at = time.monotonic() + seconds
        while (left := kill_at - time.monotonic()) > 0:
            if self.read(left) == b"":
                break
        return self.kill()

    def kill(self) -> bool:
        """Kill it where it stands; False if it has ended before."""
        self._process.send_signal(signal.SIGKILL)
        self.end()
        return self._process.returncode == -signal.SIGKILL

    def finish(self) -> str:
        """Let it run to the end; its last line."""
        *_, last = self.lines()
        errors = self.end()
        assert self._process.returncode == 0, errors
        return last

    def end(self) -> str:
        """Wait for its end; what it said of errors."""
        with self._process:
            assert self._process.stderr is not None
            return self._process.stderr.read().decode()


def resolved(path: Path) -> set[str]:
    """The ids of the promises that have a value, read beside whoever owns the file or has died over it."""
    if not path.exists():
        return set()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("query_only", 1)
        assert connection.pragma("quick_check") == "ok"
        return {id for (id,) in connection.execute("SELECT id FROM promises WHERE state = 1")}
    finally:
        connection.close()


def logged(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def kill_somewhere(chance: random.Random, child: Child, done: int) -> bool:
    """Kill it where chance says: while it starts and opens the file, or after some of the lines it has to print."""
    if chance.random() < 0.25:
        return child.kill_after(chance.uniform(0, START_S))
    lines = child.lines()
    for _ in range(chance.randrange(2 * (LEVELS - done))):
        next(lines, None)
    return child.kill_after(chance.uniform(0, 0.002))


def crash_and_finish(chance: random.Random, store: Path, log: Path, kills_max: int) -> int:
    """Kill the run again and again, until it is through or was killed so often; then let it finish. How many kills."""
    killed = 0
    done: set[str] = set()
    while killed < kills_max and len(done) < LEVELS:
        entries = len(logged(log))
        killed += kill_somewhere(chance, Child("factorial_child.py", store, log), len(done))
        entered = {f"factorial-{n}" for n in logged(log)[entries:]}
        assert not entered & done, "a level was entered again that had its value before the kill"
        before, done = done, resolved(store)
        assert before <= done, "a kill lost a value"
    entries = len(logged(log))
    assert Child("factorial_child.py", store, log).finish() == f"answer {math.factorial(LEVELS)}"
    assert not {f"factorial-{n}" for n in logged(log)[entries:]} & done
    assert resolved(store) == {f"factorial-{n}" for n in range(1, LEVELS + 1)}
    return killed


@pytest.mark.parametrize("seed", range(KILLS // KILLS_A_TEST))
def test_factorial_200_survives_a_kill_at_any_instant(seed: int, tmp_path: Path) -> None:
    """What one crash leaves is what the next one begins with; a file that is through makes room for a new one."""
    chance = random.Random(seed)
    killed = 0
    store, log = tmp_path / "0.db", tmp_path / "0.log"
    for number in itertools.count(1):
        killed += crash_and_finish(chance, store, log, KILLS_A_TEST - killed)
        if killed == KILLS_A_TEST:
            break
        store, log = tmp_path / f"{number}.db", tmp_path / f"{number}.log"
    entries = len(logged(log))
    assert Child("factorial_child.py", store, log).finish() == f"answer {math.factorial(LEVELS)}"
    assert len(logged(log)) == entries, "the answer was not read from the file"


@pytest.mark.parametrize("flow", ["fan", "stack"])
@pytest.mark.parametrize("seed", range(3))
def test_recorded_local_steps_are_never_entered_again(flow: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    store, log = tmp_path / "troth.db", tmp_path / "log"
    child = Child("flows_child.py", store, log, flow)
    for _ in range(chance.randint(1, 100)):
        next(child.lines())
    assert child.kill()
    first = logged(log)
    recorded = {line.replace("recorded", "step") for line in first if line.startswith("recorded")}
    assert Child("flows_child.py", store, log, flow).finish() == f"result {sum(range(60))}"
    second = logged(log)[len(first) :]
    assert not recorded & set(second)
    again = {line.removeprefix("recorded ") for line in second if line.startswith("recorded")}
    assert again == {str(n) for n in range(60)}, "the function itself is replayed from its beginning"


def test_a_durable_sleep_does_not_start_anew(tmp_path: Path) -> None:
    store, log = tmp_path / "troth.db", tmp_path / "log"
    child = Child("flows_child.py", store, log, "nap")
    child.until("asleep")
    _until_stored(store, "nap.sleep-2000", child)
    assert child.kill()
    deadline = _deadline(store, "nap.sleep-2000")
    assert Child("flows_child.py", store, log, "nap").finish() == "result rested"
    assert _deadline(store, "nap.sleep-2000") == deadline
    connection = apsw.Connection(str(store))
    settled, created = connection.execute("SELECT settled_at, created_at FROM promises WHERE id = 'nap.sleep-2000'").get
    connection.close()
    assert settled == deadline
    assert created < deadline <= created + 2_000
    assert logged(log) == ["asleep", "asleep"]


def test_what_waited_for_an_answer_from_outside_gets_it_from_a_later_process(tmp_path: Path) -> None:
    store, log = tmp_path / "troth.db", tmp_path / "log"
    for _ in range(2):
        child = Child("flows_child.py", store, log, "ask")
        child.until("asking")
        _until_stored(store, "ask.promise-answer", child)
        assert child.kill()
    assert Child("flows_child.py", store, log, "resolve").finish() == "result 1 forty-two"
    assert logged(log) == ["step 1"]


def test_a_kill_inside_a_def_function_enters_it_again_and_not_its_callers_steps(tmp_path: Path) -> None:
    store, log = tmp_path / "troth.db", tmp_path / "log"
    child = Child("flows_child.py", store, log, "leaves", HANG="1")
    child.until("leaf")
    assert child.kill()
    assert Child("flows_child.py", store, log, "leaves").finish() == "result 12"
    assert logged(log) == ["step 7", "leaf", "leaf"]


def _until_stored(store: Path, id: str, child: Child) -> None:
    """Look until the promise is there; the child runs meanwhile."""
    give_up_at = time.monotonic() + LIMIT_S
    while time.monotonic() < give_up_at:
        if _deadline(store, id) is not None:
            return
        child.read(0.005)
    raise AssertionError(f"{id} was never stored")


def _deadline(store: Path, id: str) -> int | None:
    connection = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return connection.execute("SELECT timeout_at FROM promises WHERE id = ?", (id,)).get
    finally:
        connection.close()
