"""``FILE:FUNCTION``: the file imported as Python would, the durable function and its app found in it."""

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from troth.app import Troth
from troth.sdk.function import Function

from .failure import USAGE, Failure, traceback_of


class Target(Struct, frozen=True):
    """A durable function and the app that runs it."""

    app: Troth
    function: Function[..., Any]


def find_target(text: str) -> Target:
    """What ``FILE:FUNCTION`` names; a `Failure` says why it names nothing."""
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise Failure(f"{text!r} names no function: write FILE:FUNCTION, such as jobs.py:report", USAGE)
    path = Path(file)
    if not path.is_file():
        raise Failure(f"{file} does not exist, or is no file: give the path of a Python file", USAGE)
    if path.suffix != ".py":
        raise Failure(f"{file} is no Python file: its name must end in .py", USAGE)
    return choose(import_file(path), name, file)


def import_file(path: Path) -> ModuleType:
    """The file as a module of its own name, its folder where Python looks for other modules."""
    name = path.stem
    known = sys.modules.get(name)
    if known is not None:
        origin = getattr(known, "__file__", None)
        if origin is not None and Path(origin).exists() and path.samefile(origin):
            return known
        raise Failure(f"{path} has the name of a module that is loaded already: rename the file", USAGE)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise Failure(f"{path} cannot be imported: {_reason(error, path)}", USAGE, traceback_of(error)) from error
    return module


def _reason(error: BaseException, path: Path) -> str:
    """What went wrong, and the last line of the file that led to it."""
    if isinstance(error, SystemExit):
        return 'it ends the program. Put what runs it below `if __name__ == "__main__":`'
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.absolute()
    ]
    place = f"line {lines[-1]}: " if lines else ""
    return f"{place}{type(error).__name__}: {error}"


def choose(module: ModuleType, name: str, file: str) -> Target:
    """The durable function of that Python name, or registered under it, and the app it belongs to."""
    members = vars(module)
    apps = list({id(value): value for value in members.values() if isinstance(value, Troth)}.values())
    if not apps:
        raise Failure(f"{file} has no app: make one (app = Troth()), or import the one its functions use", USAGE)
    named: Any = members.get(name)
    if isinstance(named, Function):
        found = [Target(app, known) for app in apps for known in app.functions if known is named]
        if not found:
            raise Failure(f"the app of {name} is not in {file}: import it there as well", USAGE)
    else:
        found = [Target(app, app.durable(name)) for app in apps if any(f.name == name for f in app.functions)]
    if not found:
        raise Failure(_unknown(members.get(name), name, file, apps), USAGE)
    if len(found) > 1:
        raise Failure(f"{len(found)} apps in {file} have a function {name!r}: name it as Python does", USAGE)
    return found[0]


def _unknown(named: object, name: str, file: str, apps: Iterable[Troth]) -> str:
    if callable(named):
        return f"{name} in {file} is not durable: put @app.function above it"
    names = dict.fromkeys(function.name for app in apps for function in app.functions)
    close = get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"It has: {', '.join(names) or 'none yet'}"
    return f"{file} has no durable function {name!r}. {hint}"
