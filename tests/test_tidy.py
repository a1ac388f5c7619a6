"""Architecture and style as tests.

A check is a function from one module, as text, to its faults. Each is proven below by samples: what it must
find and what it must let pass. Where a rule has exceptions, a table names them with the reason.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

ABOVE_SIZE: Mapping[str, str] = {}
"""``path`` or ``path:function`` → why it is longer than the limit."""

LAYERS: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "protocol": frozenset(),
    "machine": frozenset({"protocol", "errors"}),
    "stores": frozenset({"machine", "protocol", "errors"}),
    "kernel": frozenset({"stores", "machine", "protocol", "errors"}),
    "sdk": frozenset({"protocol", "errors"}),
    "embedded": frozenset({"kernel", "stores", "machine", "protocol", "sdk", "errors"}),
    "app": frozenset({"embedded", "kernel", "sdk", "errors", "protocol"}),
    "cli": frozenset({"app", "embedded", "stores", "sdk", "protocol", "errors"}),
    "testing": frozenset({"app", "embedded", "kernel", "stores", "machine", "sdk", "protocol", "errors", "troth"}),
    "troth": frozenset({"app", "sdk", "errors"}),  # the package's own __init__
}
"""Layer → the layers it may import, lazy and TYPE_CHECKING imports included."""

NO_IMPORT: Mapping[str, tuple[str, ...]] = {
    "src/troth/*": ("pickle", "marshal", "shelve", "dill", "cloudpickle"),  # stored data is never code
    "src/troth/machine/*": (
        *("asyncio", "threading", "concurrent", "time", "random", "secrets", "uuid", "logging"),
        *("sqlite3", "apsw", "socket", "os", "io", "pathlib"),
    ),
    "src/troth/sdk/engine/*": (
        *("troth.sdk.transport", "troth.sdk.worker"),
        *("socket", "ssl", "selectors", "http", "urllib.request", "subprocess", "sqlite3", "apsw"),
    ),
}
"""Files → what they must not import, nor anything inside it."""

AMBIENT: tuple[str, ...] = (
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("random", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom"),
    *("asyncio.sleep", "asyncio.to_thread", "threading", "concurrent.futures"),
)
"""Time, randomness and threads that nobody passed in."""

ADAPTERS: Mapping[str, str] = {
    "src/troth/kernel/clock.py": "the server's clock",
    "src/troth/sdk/clock.py": "the worker's clock",
    "src/troth/app.py": "the composition root: it hands clocks and randomness to all others",
    "src/troth/embedded/*": "composes server and worker in one process",
    "src/troth/cli/*": "a program of its own",
    "src/troth/sdk/blocking.py": "an event loop in a thread, for code that has none",
    "src/troth/sdk/invoke.py": "def functions in threads, pauses between attempts",
    "src/troth/sdk/progress.py": "a line for a human at a terminal",
    "src/troth/sdk/worker.py": "pauses before a task is given back to a store in trouble",
    "src/troth/stores/sqlite*.py": "commits in a thread",
}
"""Files that may use what is ambient → why."""

BAD_NAMES = frozenset({"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"})

UNTESTED: frozenset[str] = frozenset(
    {
        "src/troth/sdk/transport/base.py",  # Protocols only; those who implement them are tested
        "src/troth/stores/base.py",  # likewise
    }
)
"""Modules with code and no test file of their own; it only shrinks."""

WAITS = ("time.sleep", "asyncio.sleep")
EVASIONS = tuple(
    f"{owner}.{name}"
    for owner in ("pytest", "pytest.mark", "unittest")
    for name in (
        "skip",
        "skipif",
        "skipIf",
        "skipUnless",
        "xfail",
        "importorskip",
        "expectedFailure",
        "SkipTest",
    )
)

FOREIGN_TEXT = (
    re.compile(r"(?<![\w.])/(?:home|root|Users|private|tmp|work|workspace|mnt)\b"),
    re.compile(r"[A-Z]:\\Users\b"),
    re.compile(r"pypi\.(?:org|python)|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang"),
    re.compile(r"index-url[= ]+\S*://"),
)
"""What no file may say: a path of somebody's machine, or where packages come from."""


@dataclass(frozen=True)
class Module:
    """A Python file by its path from the project's root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def package(self) -> tuple[str, ...]:
        """The dotted parts relative imports start from."""
        return PurePosixPath(self.path).parts[1:-1]

    @cached_property
    def layer(self) -> str:
        parts = PurePosixPath(self.path).with_suffix("").parts[1:]
        return {"__init__": parts[0], "__main__": "cli"}.get(parts[1], parts[1])

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of everything imported anywhere; ``from a import b`` is ``a.b``."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import():
                    yield from ((node.lineno, alias.name) for alias in node.names)
                case ast.ImportFrom():
                    base = self._base(node)
                    yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
                case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
                    if _dotted(func) in {"__import__", "import_module", "importlib.import_module"}:
                        yield node.lineno, name if not name.startswith(".") else ".".join(self.package) + name
                case _:
                    pass

    def uses(self) -> Iterator[tuple[ast.expr, str]]:
        """Every name and whole attribute chain that begins at an import, spelled out by that import."""
        bound: dict[str, str] = {}
        inner: set[int] = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.Import():
                    for alias in node.names:
                        top = alias.name.partition(".")[0]
                        bound[alias.asname or top] = alias.name if alias.asname else top
                case ast.ImportFrom():
                    bound |= {a.asname or a.name: f"{self._base(node)}.{a.name}" for a in node.names}
                case ast.Attribute():
                    inner.add(id(node.value))
                case _:
                    pass
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
                first, dot, rest = _dotted(node).partition(".")
                if first in bound:
                    yield node, bound[first] + dot + rest

    def _base(self, node: ast.ImportFrom) -> str:
        above = self.package[: len(self.package) - node.level + 1] if node.level else ()
        return ".".join([*above, *([node.module] if node.module else [])])


Check = Callable[[Module], list[str]]


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if owner := _dotted(value):
            return f"{owner}.{name}"
        case _:
            return ""


def _within(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


# --- the checks


def points_down(module: Module) -> list[str]:
    """Imports of troth stay within the layer or go to one it may use."""
    if module.layer not in LAYERS:
        return [f"{module.path}: {module.layer} is in no layer"]
    faults: list[str] = []
    for line, name in module.imports():
        parts = name.split(".")
        if parts[0] != "troth":
            continue
        target = parts[1] if len(parts) > 1 and parts[1] in LAYERS else "troth"
        if target not in {module.layer, *LAYERS[module.layer]}:
            faults.append(f"{module.path}:{line}: {module.layer} imports {name}")
    return faults


def imports_nothing_foreign(module: Module) -> list[str]:
    """No import that ``NO_IMPORT`` rules out for this file."""
    return [
        f"{module.path}:{line}: imports {name}"
        for pattern, banned in NO_IMPORT.items()
        if fnmatch(module.path, pattern)
        for line, name in module.imports()
        if _within(name, banned)
    ]


def is_synchronous(module: Module) -> list[str]:
    """The machine never waits."""
    return [
        f"{module.path}:{node.lineno}: is asynchronous"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef) and module.layer == "machine"
    ]


def is_handed_its_world(module: Module) -> list[str]:
    """Time, randomness and threads come as arguments; a seeded ``random.Random(seed)`` is one."""
    if any(fnmatch(module.path, pattern) for pattern in ADAPTERS):
        return []
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    unseeded = {id(call.func) for call in calls if not call.args and not call.keywords}
    ambient = [(line, name) for line, name in module.imports() if "." in name and name != "random.Random"]
    ambient += [(node.lineno, name) for node, name in module.uses() if name != "random.Random" or id(node) in unseeded]
    threads = [node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)]
    return [
        *(f"{module.path}:{line}: {name}" for line, name in ambient if _within(name, AMBIENT)),
        *(f"{module.path}:{node.lineno}: {node.attr}" for node in threads if node.attr == "run_in_executor"),
    ]


def runs_no_data(module: Module) -> list[str]:
    """Nothing stored or sent is ever run as code."""
    return [
        f"{module.path}:{node.lineno}: {node.func.id}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}
    ]


def is_named_for_what_it_holds(module: Module) -> list[str]:
    """No module or package whose name says nothing."""
    parts = PurePosixPath(module.path).with_suffix("").parts
    return [f"{module.path}: {part} says nothing" for part in parts if part.strip("_") in BAD_NAMES]


def oversize(module: Module) -> list[str]:
    """The module's path if it is too long, and ``path:function`` of each function that is."""
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > FUNCTION_LINES_MAX]
    whole = [module.path] if len(module.text.splitlines()) > MODULE_LINES_MAX else []
    return whole + [f"{module.path}:{function.name}" for function in long]


def never_waits_nor_evades(module: Module) -> list[str]:
    """A test neither waits for the clock nor is skipped; ``asyncio.sleep(0)`` only gives way."""
    gives_way = {
        id(node.func)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and [ast.unparse(a) for a in node.args] == ["0"]
    }
    return [
        f"{module.path}:{node.lineno}: {name}"
        for node, name in module.uses()
        if name in EVASIONS or (name in WAITS and not (name == "asyncio.sleep" and id(node) in gives_way))
    ]


def mirror(module: Module) -> str | None:
    """The test file a source file with functions or classes must have (``__init__``: ``test_init``)."""
    code = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    if not any(isinstance(node, code) for node in module.tree.body):
        return None
    path = PurePosixPath(module.path)
    return PurePosixPath("tests", *path.parts[2:-1], f"test_{path.stem.strip('_')}.py").as_posix()


def foreign_text(path: str, text: str) -> list[str]:
    """Paths of somebody's machine and package registries in a file's text."""
    return [
        f"{path}:{number}: {found.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern in FOREIGN_TEXT
        for found in pattern.finditer(line)
    ]


SOURCE_CHECKS: tuple[Check, ...] = (
    points_down,
    imports_nothing_foreign,
    is_synchronous,
    is_handed_its_world,
    runs_no_data,
    is_named_for_what_it_holds,
)


# --- the project


def modules(folder: str) -> list[Module]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [Module(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


SOURCES = modules("src/troth")


def tracked() -> list[str]:
    """Files git knows or would take, so that a new one is held to the rules before it is added."""
    listing = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


@pytest.mark.parametrize("check", SOURCE_CHECKS, ids=lambda check: check.__name__)
def test_every_source_file_keeps_the_rule(check: Check) -> None:
    assert SOURCES
    assert [fault for module in SOURCES for fault in check(module)] == []


def test_no_module_or_function_is_too_long() -> None:
    """The table of exceptions is exact: what has become short enough must leave it."""
    assert sorted(fault for module in SOURCES for fault in oversize(module)) == sorted(ABOVE_SIZE)


def test_every_module_has_a_test_file_of_its_own() -> None:
    """The table of exceptions is exact: what has a test file must leave it."""
    missing = {m.path for m in SOURCES if (expected := mirror(m)) and not (ROOT / expected).is_file()}
    assert missing == UNTESTED, "\n".join(
        [
            *(f"write {mirror(m)}" for m in SOURCES if m.path in missing - UNTESTED),
            *(f"take {path} off the list" for path in sorted(UNTESTED - missing)),
        ]
    )


def test_no_test_waits_or_is_skipped() -> None:
    assert [fault for module in modules("tests") for fault in never_waits_nor_evades(module)] == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    names = tracked()
    assert "pyproject.toml" in names
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in names}
    assert [fault for name, text in texts.items() for fault in foreign_text(name, text)] == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(records)
    assert len({name[:4] for name in records}) == len(records), "two decisions share a number"


# --- the checks can fail

FOUND: tuple[tuple[Check, str, str], ...] = (
    (points_down, "machine/a.py", "from troth.stores import base"),
    (points_down, "machine/a.py", "import troth.kernel.clock"),
    (points_down, "machine/a.py", "from ..stores.base import Store"),
    (points_down, "machine/a.py", "from .. import sdk"),
    (points_down, "machine/a.py", "from troth import Troth"),
    (points_down, "machine/a.py", "def f():\n    from troth import kernel"),
    (points_down, "machine/a.py", "if TYPE_CHECKING:\n    from troth.sdk import context"),
    (points_down, "protocol/a.py", "from troth.errors import TrothError"),
    (points_down, "sdk/engine/a.py", "from ...machine import view"),
    (points_down, "sdk/a.py", "importlib.import_module('troth.embedded')"),
    (points_down, "sdk/a.py", "__import__('troth.embedded')"),
    (points_down, "kernel/__init__.py", "from ..sdk import worker"),
    (points_down, "app.py", "from .stores import memory"),
    (points_down, "cli/a.py", "from troth.testing import contract"),
    (points_down, "testing/a.py", "from troth.cli import main"),
    (points_down, "__init__.py", "from .kernel import kernel"),
    (points_down, "novel/a.py", ""),
    (imports_nothing_foreign, "machine/a.py", "import time"),
    (imports_nothing_foreign, "machine/a.py", "from asyncio import Queue"),
    (imports_nothing_foreign, "machine/a.py", "import logging.handlers"),
    (imports_nothing_foreign, "sdk/engine/a.py", "from troth.sdk.transport import embedded"),
    (imports_nothing_foreign, "sdk/engine/a.py", "from ..worker import Worker"),
    (imports_nothing_foreign, "sdk/engine/a.py", "from urllib.request import urlopen"),
    (imports_nothing_foreign, "app.py", "def f():\n    from pickle import loads"),
    (is_synchronous, "machine/a.py", "async def f(): pass"),
    (is_handed_its_world, "machine/a.py", "from datetime import datetime\ndatetime.now()"),
    (is_handed_its_world, "machine/a.py", "import datetime as d\nd.datetime.utcnow()"),
    (is_handed_its_world, "kernel/a.py", "import time\ntime.time()"),
    (is_handed_its_world, "kernel/a.py", "import time as t\nclock = t.monotonic"),
    (is_handed_its_world, "kernel/a.py", "from time import time_ns"),
    (is_handed_its_world, "sdk/a.py", "import random\nrandom.random()"),
    (is_handed_its_world, "sdk/a.py", "import random\nrandom.Random()"),
    (is_handed_its_world, "sdk/a.py", "import random\nshuffled(random)"),
    (is_handed_its_world, "sdk/a.py", "from random import choice\nchoice([1])"),
    (is_handed_its_world, "sdk/a.py", "import uuid\nstr(uuid.uuid4())"),
    (is_handed_its_world, "sdk/a.py", "from secrets import token_hex\ntoken_hex()"),
    (is_handed_its_world, "sdk/a.py", "import os\nos.urandom(8)"),
    (is_handed_its_world, "sdk/a.py", "import asyncio\nasync def f(): await asyncio.sleep(1)"),
    (is_handed_its_world, "sdk/a.py", "import threading\nthreading.Thread()"),
    (is_handed_its_world, "sdk/a.py", "asyncio.get_running_loop().run_in_executor(None, print)"),
    (runs_no_data, "sdk/a.py", "eval('1')"),
    (runs_no_data, "sdk/a.py", "def f(): exec('1')"),
    (is_named_for_what_it_holds, "sdk/utils.py", ""),
    (is_named_for_what_it_holds, "sdk/_common.py", ""),
    (is_named_for_what_it_holds, "helpers/__init__.py", ""),
    (oversize, "sdk/a.py", "\n" * (MODULE_LINES_MAX + 1)),
    (oversize, "sdk/a.py", "def f():" + "\n    pass" * FUNCTION_LINES_MAX),
    (oversize, "sdk/a.py", "class A:\n  async def f(self):" + "\n    pass" * FUNCTION_LINES_MAX),
    (never_waits_nor_evades, "a.py", "import time\ntime.sleep(0.1)"),
    (never_waits_nor_evades, "a.py", "from asyncio import sleep\nawait sleep(1)"),
    (never_waits_nor_evades, "a.py", "import time\ntime.sleep(0)"),
    (never_waits_nor_evades, "a.py", "import pytest\npytest.skip('later')"),
    (never_waits_nor_evades, "a.py", "import pytest\n@pytest.mark.skipif(True, reason='')\ndef test(): pass"),
    (never_waits_nor_evades, "a.py", "from pytest import mark\nm = mark.xfail"),
    (never_waits_nor_evades, "a.py", "import unittest\n@unittest.skip('')\ndef test(): pass"),
)

PASSED: tuple[tuple[Check, str, str], ...] = (
    (
        points_down,
        "machine/a.py",
        "from .view import View\nfrom troth.errors import TrothError\nimport msgspec",
    ),
    (points_down, "machine/a.py", "from ..protocol.records import Promise\nfrom .. import errors"),
    (points_down, "__init__.py", "from .app import Troth\nfrom .sdk.context import Context"),
    (points_down, "testing/a.py", "from troth import Troth\nfrom troth.kernel import clock"),
    (imports_nothing_foreign, "machine/a.py", "from datetime import datetime\nimport troth.machine.time"),
    (
        imports_nothing_foreign,
        "sdk/engine/a.py",
        "import msgspec.json\nimport asyncio\nimport troth.sdk.codec",
    ),
    (imports_nothing_foreign, "sdk/worker.py", "from .transport import embedded"),
    (is_synchronous, "kernel/a.py", "async def f(): pass"),
    (is_handed_its_world, "machine/a.py", "from datetime import datetime\ndatetime.fromtimestamp(now)"),
    (is_handed_its_world, "kernel/a.py", "def f(clock, random): return clock.time() + random.random()"),
    (is_handed_its_world, "sdk/a.py", "import random\ndef f(r: random.Random): return random.Random(7)"),
    (is_handed_its_world, "sdk/a.py", "from random import Random\nRandom(seed)"),
    (is_handed_its_world, "kernel/clock.py", "import time\ntime.time()"),
    (runs_no_data, "sdk/a.py", "import re\nre.compile('x')\nmodel.eval()"),
    (is_named_for_what_it_holds, "sdk/commons.py", ""),
    (oversize, "sdk/a.py", "\n" * MODULE_LINES_MAX),
    (oversize, "sdk/a.py", "def f():" + "\n    pass" * (FUNCTION_LINES_MAX - 1)),
    (never_waits_nor_evades, "a.py", "import asyncio\nawait asyncio.sleep(0)"),
    (never_waits_nor_evades, "a.py", "await ctx.sleep(5)\nimport pytest\npytest.mark.parametrize"),
)


def sample(check: Check, path: str, text: str) -> list[str]:
    folder = "tests" if check is never_waits_nor_evades else "src/troth"
    return check(Module(f"{folder}/{path}", text))


@pytest.mark.parametrize(("check", "path", "text"), FOUND)
def test_a_violation_is_found(check: Check, path: str, text: str) -> None:
    assert sample(check, path, text)


@pytest.mark.parametrize(("check", "path", "text"), PASSED)
def test_what_keeps_the_rule_passes(check: Check, path: str, text: str) -> None:
    assert sample(check, path, text) == []


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/troth/machine/view.py", "class View: pass", "tests/machine/test_view.py"),
        ("src/troth/app.py", "def f(): pass", "tests/test_app.py"),
        ("src/troth/cli/__init__.py", "def main(): pass", "tests/cli/test_init.py"),
        ("src/troth/sdk/_loop.py", "async def f(): pass", "tests/sdk/test_loop.py"),
        ("src/troth/sdk/names.py", "from typing import Final\nLIMIT: Final = 3", None),
    ],
)
def test_a_module_with_code_needs_a_test_file(path: str, text: str, expected: str | None) -> None:
    assert mirror(Module(path, text)) == expected


@pytest.mark.parametrize(
    "parts",
    [
        ("/ho", "me/me/x"),
        ("sqlite:////tm", "p/x"),
        ("https://pyp", "i.org/simple"),
        ("--index-url", " https://example.com"),
        ("C:\\Us", "ers\\me"),
    ],
)
def test_a_foreign_name_in_a_file_is_found(parts: tuple[str, str]) -> None:
    assert foreign_text("a.md", "".join(parts))


@pytest.mark.parametrize(
    "text", ["https://example.com/home", "#!/usr/bin/env bash", "./root/x", "a/work/b", "index-url"]
)
def test_an_ordinary_text_passes(text: str) -> None:
    assert foreign_text("a.md", text) == []
