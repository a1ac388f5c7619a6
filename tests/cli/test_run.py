"""``troth run``: a durable call from the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEARS_INTERRUPTS = """
import signal
from troth.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main(prog_name="troth")
"""
"""The command, also where the tests run in a shell's background, which is deaf to interrupts."""


def test_a_call_prints_its_value_and_is_computed_once(cli) -> None:
    first = cli.run("factorial", "4")
    assert first.exit_code == 0
    assert first.stdout.splitlines() == ["entered 4", "entered 3", "entered 2", "entered 1", "24"]
    again = cli.run("factorial", "3")
    assert again.stdout == "6\n"


def test_json_has_id_and_value_and_nothing_else_on_stdout(cli) -> None:
    result = cli.run("factorial", "3", "--json")
    assert json.loads(result.stdout) == {"id": "factorial-3", "value": 6}
    assert "entered 3" in result.stderr


def test_a_failed_call_exits_1_and_names_type_message_and_where_to_look(cli) -> None:
    result = cli.run("buy")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("troth: buy failed with ")
    assert "NoMoneyError: no money on x" in result.stderr
    assert "--traceback shows where" in result.stderr
    assert "Traceback" not in result.stderr


def test_traceback_shows_where_it_was_raised(cli) -> None:
    result = cli.run("buy", "--traceback")
    assert 'raise NoMoneyError("no money on " + card)' in result.stderr
    assert result.stderr.splitlines()[-1].startswith("troth: buy")


def test_json_of_a_failed_call(cli) -> None:
    result = cli.run("pay", "abc", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["id"], told["error"]["message"]) == ("pay-abc", "no money on abc")
    assert told["error"]["type"].endswith(".NoMoneyError")
    assert "in pay" in told["error"]["traceback"]


def test_an_id_of_ones_own(cli) -> None:
    assert cli.run("echo", "a", "--id", "mine").exit_code == 0
    collision = cli.run("echo", "b", "--id", "mine")
    assert collision.exit_code == 1
    assert "already holds echo" in collision.stderr


def test_a_deadline(cli) -> None:
    result = cli.run("wait", "--timeout", "0")
    assert result.exit_code == 1
    assert "CallTimedOutError" in result.stderr
    wrong = cli.run("wait", "--timeout", "-1")
    assert (wrong.exit_code, wrong.stderr) == (2, "troth: a span is zero or more seconds, not -1.0\n")


def test_negative_numbers_are_no_options(cli) -> None:
    assert cli.run("everything", "-5", "-2", "half=-0.5").stdout == "[-5, [-2], '', {'half': -0.5}]\n"


def test_what_looks_like_an_option_goes_behind_two_dashes(cli) -> None:
    assert cli.run("echo", "--", "--json").stdout == "--json\n"
    refused = cli.run("echo", "--jsn")
    assert refused.exit_code == 2
    assert "--json" in refused.stderr


def test_huge_integers_are_exact(cli) -> None:
    assert cli.run("power", "5000").stdout == "1" + "0" * 5000 + "\n"
    assert json.loads(cli.run("power", "5000", "--json").stdout)["value"] == "1" + "0" * 5000


def test_the_programs_own_location_holds_unless_another_is_named(cli) -> None:
    cli.run("echo", "a")
    assert cli.store.exists()
    assert not Path("own.db").exists()
    done = subprocess.run(
        [sys.executable, "-m", "troth", "run", cli.target("echo"), "a"], check=True, capture_output=True, text=True
    )
    assert done.stdout == "a\n"
    assert Path("own.db").exists()


def test_a_store_that_is_none_exits_3(cli) -> None:
    cli.store.write_text("no store at all", "utf-8")
    result = cli.run("echo", "a")
    assert result.exit_code == 3
    assert "not a troth store" in result.stderr
    assert cli.store.read_text("utf-8") == "no store at all"


@pytest.mark.parametrize(
    ("function", "resumption"),
    [
        ("wait", "The run wait is kept; the same command resumes it."),
        ("block", "The run block is kept; the same command resumes it."),
        ("wait_unkeyed", "the same command with --id wait_unkeyed-"),
    ],
)
def test_ctrl_c_keeps_the_run_and_exits_130(cli, function: str, resumption: str) -> None:
    words = [sys.executable, "-c", HEARS_INTERRUPTS, "-l", str(cli.store), "run", cli.target(function)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "waiting\n"
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.startswith("troth: interrupted. ")
    assert resumption in said
    assert "Traceback" not in said
    left = json.loads(cli("search", "--function", function, "--json").stdout)
    assert [promise["state"] for promise in left["promises"]] == ["pending"]


def test_a_store_that_another_process_owns_names_the_owner(cli) -> None:
    words = [sys.executable, "-m", "troth", "-l", str(cli.store), "run", cli.target("wait")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "waiting\n"
        refused = cli.run("echo", "a")
        seen = cli("get", "wait")
        tree = cli("tree", "wait", "--json")
        found = cli("search", "wait")
        owner.kill()
    assert refused.exit_code == 3
    assert f"process {owner.pid}" in refused.stderr
    assert (seen.exit_code, tree.exit_code, found.exit_code) == (0, 0, 0)
    assert f"held by embedded:{owner.pid}" in seen.stdout
    assert len(json.loads(tree.stdout)["nodes"]) == 2
    assert "● running" in found.stdout


def test_debug_in_the_environment_shows_the_traceback(cli) -> None:
    environment = {**os.environ, "TROTH_DEBUG": "1"}
    words = [sys.executable, "-m", "troth", "-l", str(cli.store), "get", "nothing"]
    result = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert result.returncode == 3
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("troth: ")
