"""The group: help, version, exit codes, one line for every error."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from troth.cli import main
from troth.cli.main import COMMANDS

NAMES = [name for commands in COMMANDS.values() for name in commands]


def test_help_says_what_it_is_and_lists_commands_and_examples() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    assert "Durable functions with a permanent memory." in shown
    for name in NAMES:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE), name
    assert shown.count("  troth ") == 3
    assert "Exit codes: 0 done" in shown


def test_no_command_shows_the_help() -> None:
    bare = CliRunner().invoke(main, [])
    assert bare.exit_code == 0
    assert bare.stdout == CliRunner().invoke(main, ["-h"]).stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_its_json(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "JSON: {" in result.stdout
    assert all(len(line) <= 100 for line in result.stdout.splitlines())


def test_the_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"troth {version('troth')}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serach"], "Did you mean `troth search`?"),
        (["zzz"], "there is no command 'zzz'"),
        (["get"], "Missing argument 'ID'. See `troth get --help`."),
        (["get", "a", "--jsn"], "--json"),
        (["search", "--limit", "0"], "--limit"),
        (["--location", "ftp://x", "get", "a"], "'ftp://x' is no location"),
        (["-l", ":memory:", "get", "a"], "--location path/to/troth.db"),
        (["-l", "https://example.com", "search"], "not served by this version yet"),
    ],
)
def test_wrong_usage_exits_2_with_one_line(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, words, prog_name="troth")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("troth: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_options_stand_before_or_after_the_command(cli) -> None:
    cli.run("echo", "a")
    place = str(cli.store)
    before = CliRunner().invoke(main, ["--json", "-l", place, "search"])
    after = CliRunner().invoke(main, ["search", "-l", place, "--json"])
    assert before.stdout == after.stdout
    assert '"echo-a"' in before.stdout


def test_the_environment_names_the_store(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.run("echo", "a")
    monkeypatch.setenv("TROTH_URL", f"sqlite:///{cli.store}")
    assert "echo-a" in CliRunner().invoke(main, ["search"]).stdout


def test_a_store_that_is_not_there(cli) -> None:
    result = cli("get", "a")
    assert result.exit_code == 3
    assert "does not exist" in result.stderr
    assert not cli.store.exists()


def test_help_and_version_load_neither_the_engine_nor_a_store() -> None:
    code = (
        "import sys\nfrom troth.cli import main\n"
        "try:\n    main([sys.argv[1]], prog_name='troth')\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print([name for name in ('asyncio', 'apsw', 'msgspec', 'rich', 'troth.app') if name in sys.modules])"
    )
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", code, option], check=True, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "troth", "get"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "troth: Missing argument 'ID'. See `troth get --help`.\n"


def test_a_reader_that_stops_reading_is_no_error(cli) -> None:
    cli.run("factorial", "500")
    words = [sys.executable, "-m", "troth", "-l", str(cli.store), "tree", "factorial-500"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert "Traceback" not in running.stderr.read()
