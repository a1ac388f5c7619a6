"""``FILE:FUNCTION``: what it names, and why it may name nothing."""

import pytest

from troth.cli.target import find_target

STRANGER = """
from troth import Troth

def of(app):
    @app.function
    def f(): ...
    return f

app, f = Troth(), of(Troth())
"""


def test_a_function_is_found_by_either_name(cli) -> None:
    by_python = find_target(cli.target("checkout"))
    registered = find_target(cli.target("order"))
    assert by_python.function is registered.function
    assert by_python.app is registered.app
    assert by_python.function.name == "order"


def test_a_file_imports_its_neighbours(cli) -> None:
    (cli.folder / "program_neighbour.py").write_text("from troth import Troth\napp = Troth()\n", "utf-8")
    program = cli.write("from program_neighbour import app\n@app.function\ndef here() -> int: return 7\n")
    assert find_target(program.target("here")).function.name == "here"


def test_the_guard_of_a_script_holds(cli) -> None:
    program = cli.write(
        "from troth import Troth\napp = Troth()\n@app.function\ndef f(): ...\n"
        "if __name__ == '__main__':\n    raise SystemExit(1)\n"
    )
    assert find_target(program.target("f")).function.name == "f"


def test_of_two_apps_the_one_that_knows_the_function_runs_it(cli) -> None:
    program = cli.write(
        "from troth import Troth\none, two = Troth(), Troth()\n@two.function\ndef f(): ...\n"
        "@one.function(name='twice')\ndef a(): ...\n@two.function(name='twice')\ndef b(): ...\n"
    )
    found = find_target(program.target("f"))
    assert found.app.functions[0] is found.function
    assert find_target(program.target("b")).app is found.app
    assert "2 apps" in program.run("twice").stderr


def test_the_latest_version_answers_to_the_registered_name(cli) -> None:
    program = cli.write(
        "from troth import Troth\napp = Troth()\n@app.function(name='f')\ndef old(): ...\n"
        "@app.function(name='f', version=2)\ndef new(): ...\n"
    )
    assert find_target(program.target("f")).function.version == 2
    assert find_target(program.target("old")).function.version == 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("factorail", "Did you mean 'factorial'?"),
        ("zzz", "It has: factorial, fib, order"),
        ("plain", "put @app.function above it"),
    ],
)
def test_an_unknown_function(cli, function: str, said: str) -> None:
    result = cli.run(function)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no_colon", "write FILE:FUNCTION"),
        ("missing.py:f", "missing.py does not exist"),
        (".:f", "does not exist, or is no file"),
    ],
)
def test_what_names_no_file(cli, text: str, said: str) -> None:
    result = cli("run", text)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_is_no_python(cli) -> None:
    (cli.folder / "notes.txt").write_text("", "utf-8")
    assert "must end in .py" in cli("run", "notes.txt:f").stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise ValueError('broken')\n", "line 2: ValueError: broken"),
        ("def f(:\n", "line 1: invalid syntax"),
        ("raise SystemExit(3)\n", 'below `if __name__ == "__main__":`'),
        ("x = 1\n", "has no app"),
        (STRANGER, "the app of f is not in"),
    ],
)
def test_a_file_that_cannot_be_used(cli, text: str, said: str) -> None:
    result = cli.write(text).run("f")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_the_traceback_of_a_failed_import_is_there_on_demand(cli) -> None:
    result = cli.write("raise ValueError('broken')\n").run("f", "--traceback")
    assert "Traceback" in result.stderr
    assert "ValueError: broken" in result.stderr


def test_a_file_with_the_name_of_a_loaded_module(cli) -> None:
    (cli.folder / "json.py").write_text("", "utf-8")
    result = cli("run", "json.py:f")
    assert result.exit_code == 2
    assert "rename the file" in result.stderr
