"""What ``import troth`` loads: nothing that ``troth --help`` would wait for."""

import subprocess
import sys

import pytest

import troth


def test_importing_troth_loads_neither_the_app_nor_what_it_needs() -> None:
    code = "import sys, troth; print([n for n in ('troth.app', 'asyncio', 'apsw', 'msgspec') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_every_name_is_there_when_it_is_asked_for() -> None:
    code = "from troth import *\nimport troth\nprint([n for n in troth.__all__ if n not in globals()])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'troth' has no attribute 'Trot'"):
        _ = troth.Trot
