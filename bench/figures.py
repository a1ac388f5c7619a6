"""What the benchmarks share: a place on the disk, rounds, and one line a figure."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

ROUNDS = 3
"""Measurements of one figure; the median is shown, because these machines are shared."""


@contextmanager
def scratch() -> Generator[Path]:
    """A folder on the disk that the working directory is on, so that a sync costs what it costs there."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        yield Path(folder)


def show(what: str, values: list[float], unit: str, target: str = "") -> None:
    """One line: the median, the range, and the target."""
    middle = statistics.median(values)
    spread = f"{min(values):,.3g} to {max(values):,.3g}"
    print(f"{what:<44} {middle:>10,.3g} {unit:<8} ({spread}){'   target ' + target if target else ''}", flush=True)


def sync_us(folder: Path, writes: int = 300) -> float:
    """Median microseconds of one 4 KiB overwrite with fdatasync: the floor under every durable figure."""
    took: list[float] = []
    handle = os.open(folder / "sync.probe", os.O_RDWR | os.O_CREAT)
    try:
        os.write(handle, bytes(4096 * writes))
        os.fsync(handle)
        for index in range(writes):
            began = time.perf_counter()
            os.pwrite(handle, b"x" * 4096, 4096 * index)
            os.fdatasync(handle)
            took.append((time.perf_counter() - began) * 1e6)
    finally:
        os.close(handle)
    return statistics.median(took)


def bare_commit_us(folder: Path, commits: int = 1_000) -> float:
    """Microseconds of the least that a durable call could cost here: two selects, two inserts and a commit, FULL."""
    connection = apsw.Connection(str(folder / f"bare-{time.monotonic_ns()}.db"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT); CREATE TABLE u (a INTEGER, b INTEGER)").fetchall()
    began = time.perf_counter()
    for number in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            connection.execute("SELECT * FROM t WHERE id = ?", (f"call-{number}",)).fetchall()
        connection.execute("INSERT INTO t VALUES (?, ?)", (f"call-{number}", "x" * 200))
        connection.execute("INSERT INTO u VALUES (?, ?)", (number, number))
        connection.execute("COMMIT")
    took = (time.perf_counter() - began) / commits * 1e6
    connection.close()
    return took


def each_us(action: Callable[[], object], times: int) -> float:
    """Microseconds an action takes, on average over ``times`` of it."""
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times * 1e6
