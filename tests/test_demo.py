"""``make demo``: what it prints is the project's promise, and the README's first screen."""

import math
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_demo_enters_each_level_once_in_three_processes() -> None:
    done = subprocess.run(["sh", "scripts/demo.sh"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    runs = re.split(r"^\$ \.venv/bin/python examples/factorial\.py (\d+)$", done.stdout, flags=re.MULTILINE)
    arguments, texts = [int(text) for text in runs[1::2]], runs[2::2]
    assert arguments == [8, 5, 10]
    entered = [[int(n) for n in re.findall(r"^  entered factorial\((\d+)\)$", text, re.MULTILINE)] for text in texts]
    assert entered == [[8, 7, 6, 5, 4, 3, 2, 1], [], [10, 9]]
    for n, text in zip(arguments, texts, strict=True):
        assert f"factorial({n}) = {math.factorial(n)}\n" in text


def test_the_demo_leaves_nothing_behind() -> None:
    before = sorted(ROOT.glob(".troth/*"))
    subprocess.run(["sh", "scripts/demo.sh"], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert sorted(ROOT.glob(".troth/*")) == before


def test_the_two_commands_are_the_makefiles_and_the_readmes() -> None:
    makefile, readme = (ROOT / "Makefile").read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")
    first_screen = "\n".join(readme.splitlines()[:50])
    for command in ("demo", "test"):
        assert re.search(rf"^{command}: setup ## ", makefile, re.MULTILINE)
        assert f"make {command}" in first_screen
