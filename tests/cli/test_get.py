"""``troth get``: one promise."""

import json

import pytest


def fields(output: str) -> dict[str, str]:
    """The labelled lines."""
    return {line[2:12].strip(): line[12:] for line in output.splitlines()[1:]}


def test_a_settled_call(cli) -> None:
    cli.run("factorial", "3")
    result = cli("get", "factorial-2")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "✓ resolved  factorial-2")
    seen = fields(result.stdout)
    assert (seen["call"], seen["value"], seen["task"]) == ("factorial(2)", "2", "fulfilled, handed out once")
    assert (seen["callers"], seen["callees"]) == ("1  factorial-3", "1  factorial-1")
    assert seen["settled"].endswith("ms")
    assert seen["created"].endswith("ago")


def test_a_value_is_shown_whole(cli) -> None:
    cli.run("power", "5000")
    assert fields(cli("get", "power-5000").stdout)["value"] == "1" + "0" * 5000


def test_arguments_and_values_read_as_python(cli) -> None:
    done = cli.run("order", '{"sku": "a1", "count": 2}', "3.10", "2026-01-31", "--json")
    seen = fields(cli("get", json.loads(done.stdout)["id"]).stdout)
    assert seen["call"] == "order({'sku': 'a1', 'count': 2}, '3.10', '2026-01-31', 'red')"
    assert seen["value"] == "['a1', decimal('6.20'), date('2026-01-31'), 'red', (1, 2)]"


def test_an_error_and_on_demand_where_it_was_raised(cli) -> None:
    cli.run("pay", "abc")
    seen = fields(cli("get", "pay-abc").stdout)
    assert seen["error"].endswith(".NoMoneyError: no money on abc")
    assert seen[""] == "--traceback shows where it was raised"
    assert "raise NoMoneyError" in cli("get", "pay-abc", "--traceback").stdout


def test_json_has_the_wire_record_and_what_it_means(cli) -> None:
    cli.run("power", "5000")
    told = json.loads(cli("get", "power-5000", "--json").stdout)
    assert told["value"] == "1" + "0" * 5000
    assert (told["state"], told["function"], told["version"], told["args"], told["kwargs"], told["error"]) == (
        "resolved",
        "power",
        1,
        [5000],
        {},
        None,
    )
    assert (told["callers"], told["callees"]) == (0, 0)
    assert told["durationMs"] == told["settledAt"] - told["createdAt"]
    assert told["promise"]["id"] == "power-5000"
    assert set(told["promise"]) == {"id", "state", "param", "value", "tags", "timeoutAt", "createdAt", "settledAt"}
    assert told["task"] == {"id": "power-5000", "state": "fulfilled", "version": 1, "resumes": 0}


def test_json_of_a_failure(cli) -> None:
    cli.run("pay", "abc")
    told = json.loads(cli("get", "pay-abc", "--json").stdout)
    assert (told["state"], told["value"], told["error"]["message"]) == ("rejected", None, "no money on abc")


def test_a_deadline_that_came_first(cli) -> None:
    cli.run("wait", "--timeout", "0")
    shown = cli("get", "wait").stdout
    assert shown.startswith("⧖ timed out  wait\n")
    assert fields(shown)["error"] == "CallTimedOutError: it did not finish before its deadline"


@pytest.mark.parametrize(
    ("id", "hint"),
    [
        ("factorial-22", "Close to it: factorial-2."),
        ("factorial-9", "Close to it: factorial-1, factorial-2."),
        ("other", "`troth search` lists what there is"),
    ],
)
def test_an_unknown_id_names_close_ones(cli, id: str, hint: str) -> None:
    cli.run("factorial", "2")
    result = cli("get", id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"troth: there is no promise '{id}'. {hint}")


@pytest.mark.parametrize("id", ["", "x" * 1025])
def test_what_can_be_no_id(cli, id: str) -> None:
    cli.run("echo", "a")
    result = cli("get", id)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_control_characters_never_reach_the_terminal(cli) -> None:
    cli.run("echo", "a\x1b[2Jb", "--id", "c\x1b[2J")
    shown = cli("get", "c\x1b[2J").stdout
    assert r"c\x1b[2J" in shown
    assert r"echo('a\x1b[2Jb')" in shown
