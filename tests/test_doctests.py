"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
NAMES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in (SOURCE / "troth").rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


def failures(module: ModuleType) -> list[str]:
    """The examples of a module that do not hold, or that there is none to find."""
    lines: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(module):
        runner.run(test, out=lines.append)
    return lines or ([] if runner.tries else ["no example was found"])


def test_there_are_examples() -> None:
    assert "troth.sdk.identity" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold(name: str) -> None:
    assert failures(importlib.import_module(name)) == []


@pytest.mark.parametrize("text", ["def f():\n    '''\n    >>> 1 + 1\n    3\n    '''", "def f(): pass"])
def test_an_example_that_does_not_hold_is_found(text: str) -> None:
    module = ModuleType("sample")
    exec(text, module.__dict__)
    for value in vars(module).copy().values():
        if callable(value):
            value.__module__ = "sample"
    assert failures(module)
