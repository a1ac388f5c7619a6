"""The functions an app knows, by name and version."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from troth.errors import DefinitionError, UnknownFunctionError

from .function import Function


class Registry:
    """Functions by name and version; a name stands for its highest version unless one is asked for."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, int], Function[..., Any]] = {}
        self._latest: dict[str, Function[..., Any]] = {}

    def add(self, function: Function[..., Any]) -> None:
        """Register a function; two different ones of one name and version are refused."""
        known = self._functions.get((function.name, function.version))
        if known is not None:
            raise DefinitionError(
                f"two functions are named {function.name!r} (version {function.version}): "
                f"{_place(known)} and {_place(function)}. Give one another name=… or version=…"
            )
        self._functions[function.name, function.version] = function
        latest = self._latest.get(function.name)
        if latest is None or latest.version < function.version:
            self._latest[function.name] = function

    def find(self, name: str, version: int | None = None) -> Function[..., Any] | None:
        """The function of that name, or None."""
        return self._latest.get(name) if version is None else self._functions.get((name, version))

    def get(self, name: str, version: int | None = None) -> Function[..., Any]:
        """The function of that name; `UnknownFunctionError` where there is none."""
        found = self.find(name, version)
        if found is not None:
            return found
        close = get_close_matches(name, self._latest, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Registered: {', '.join(self._latest) or 'none'}."
        raise UnknownFunctionError(
            f"no function {name!r}{'' if version is None else f' version {version}'} is registered here. {hint}"
        )

    def __iter__(self) -> Iterator[Function[..., Any]]:
        return iter(self._functions.values())


def _place(function: Function[..., Any]) -> str:
    body = function.body
    return f"{getattr(body, '__module__', '?')}.{getattr(body, '__qualname__', body)}"
