"""The functions an app knows, by name and version."""

from typing import Any

import pytest

from troth.errors import DefinitionError, UnknownFunctionError
from troth.sdk.context import Context
from troth.sdk.function import Function, Traits
from troth.sdk.registry import Registry


def body() -> int:
    return 1


def other() -> int:
    return 2


def function(name: str, version: int = 1, of: Any = body) -> Function[..., Any]:
    return Function(of, Traits(name=name, version=version), Context)


def registry(*functions: Function[..., Any]) -> Registry:
    registry = Registry()
    for each in functions:
        registry.add(each)
    return registry


def test_a_name_stands_for_its_highest_version() -> None:
    second, first, third = function("f", 2), function("f", 1), function("f", 3)
    known = registry(second, first, third)
    assert known.find("f") is known.get("f") is third
    assert known.find("f", 1) is known.get("f", 1) is first
    assert list(known) == [second, first, third]


def test_what_is_not_there_is_none_or_an_error() -> None:
    known = registry(function("render"), function("charge", 2))
    assert known.find("reader") is None
    assert known.find("charge", 1) is None
    with pytest.raises(UnknownFunctionError, match=r"no function 'rendr' is registered.*Did you mean 'render'\?"):
        known.get("rendr")
    with pytest.raises(UnknownFunctionError, match=r"no function 'charge' version 1 is registered"):
        known.get("charge", 1)
    with pytest.raises(UnknownFunctionError, match=r"Registered: render, charge\."):
        known.get("xyz")
    with pytest.raises(UnknownFunctionError, match=r"Registered: none\."):
        registry().get("xyz")


def test_two_functions_of_one_name_and_version_are_refused_and_both_named() -> None:
    with pytest.raises(DefinitionError, match=r"'f' \(version 1\): .*\.body and .*\.other"):
        registry(function("f"), function("f", of=other))
    known = registry(function("f"))
    with pytest.raises(DefinitionError):
        known.add(function("f", of=other))
    assert known.get("f").body is body
