"""A program with durable functions in a file of its own, and the command line beside it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from troth.cli import main

PROGRAM = """
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

from troth import Context, Troth

app = Troth("own.db")


class NoMoneyError(Exception):
    pass


class Colour(Enum):
    RED = "red"


@dataclass
class Item:
    sku: str
    count: int = 1


@app.function(key="factorial-{n}")
async def factorial(ctx: Context, n: int) -> int:
    print("entered", n)
    return 1 if n <= 1 else n * await ctx.rpc(factorial, n - 1)


@app.function(key="fib-{n}")
async def fib(ctx: Context, n: int) -> int:
    return n if n < 2 else await ctx.rpc(fib, n - 1) + await ctx.rpc(fib, n - 2)


@app.function(name="order", key="order-{item:hash}")
def checkout(item: Item, price: Decimal, on: date, colour: Colour = Colour.RED) -> list:
    return [item.sku, price * item.count, on, colour.value, (1, 2)]


@app.function
def everything(a, *rest: int, note: str = "", **more: float) -> list:
    return [a, list(rest), note, more]


@app.function(key="echo-{text}")
def echo(text: str) -> str:
    return text


@app.function(key="pay-{card}")
async def pay(card: str) -> int:
    raise NoMoneyError("no money on " + card)


@app.function(key="buy")
async def buy(ctx: Context) -> int:
    return await ctx.rpc(pay, "x")


@app.function(key="power-{n}")
def power(n: int) -> int:
    return 10**n


@app.function(key="wait")
async def wait(ctx: Context) -> bool:
    print("waiting", flush=True)
    return await ctx.promise("answer", bool)


@app.function
async def wait_unkeyed(ctx: Context) -> bool:
    print("waiting", flush=True)
    return await ctx.promise("answer", bool)


@app.function(key="block")
def block() -> None:
    import threading

    print("waiting", flush=True)
    threading.Event().wait()


def plain() -> None:
    pass
"""


@dataclass
class Cli:
    """The command line over one store and one program."""

    folder: Path
    program: Path

    @property
    def store(self) -> Path:
        return self.folder / "store.db"

    def target(self, function: str) -> str:
        return f"{self.program}:{function}"

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["-l", str(self.store), *words], prog_name="troth", catch_exceptions=False)

    def run(self, function: str, *words: str) -> Result:
        return self("run", self.target(function), *words)

    def write(self, text: str) -> "Cli":
        """The same store with another program."""
        return Cli(self.folder, written(self.folder, text))


def written(folder: Path, text: str) -> Path:
    """A program of a name that no module has."""
    program = folder / f"program_{uuid4().hex}.py"
    program.write_text(text, "utf-8")
    return program


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield Cli(tmp_path, written(tmp_path, PROGRAM))
    for name in set(sys.modules) - before:
        if name.startswith("program_"):
            del sys.modules[name]
