"""``troth search``: promises by id."""

import json

import pytest


def ids(result) -> list[str]:
    return [promise["id"] for promise in json.loads(result.stdout)["promises"]]


@pytest.fixture
def filled(cli):
    cli.run("factorial", "4")
    cli.run("fib", "2")
    cli.run("pay", "abc")
    return cli


def test_a_table_by_id(filled) -> None:
    head, *rows = filled("search", "fib-").stdout.splitlines()
    assert head.split() == ["STATE", "ID", "CALL", "OUTCOME", "AGE", "TOOK"]
    assert [row.split()[:6] for row in rows] == [
        ["✓", "resolved", "fib-0", "fib(0)", "=", "0"],
        ["✓", "resolved", "fib-1", "fib(1)", "=", "1"],
        ["✓", "resolved", "fib-2", "fib(2)", "=", "1"],
    ]


def test_by_state_function_and_tag(filled) -> None:
    assert ids(filled("search", "--state", "rejected", "--json")) == ["pay-abc"]
    assert ids(filled("search", "--function", "fib", "--json")) == ["fib-0", "fib-1", "fib-2"]
    assert len(ids(filled("search", "--tag", "resonate:target=poll://any@default", "--json"))) == 8
    assert ids(filled("search", "--tag", "colour=red", "--json")) == []
    assert ids(filled("search", "factorial-", "--state", "pending", "--json")) == []


@pytest.mark.parametrize("filters", [[], ["--function", "factorial"]])
def test_pages_go_on_where_the_last_one_ended(filled, filters: list[str]) -> None:
    first = filled("search", "fa", "--limit", "3", "--json", *filters)
    cursor = json.loads(first.stdout)["cursor"]
    second = filled("search", "fa", "--limit", "3", "--json", "--cursor", cursor, *filters)
    assert ids(first) == ["factorial-1", "factorial-2", "factorial-3"]
    assert ids(second) == ["factorial-4"]
    assert json.loads(second.stdout)["cursor"] is None
    assert "--cursor factorial-3" in filled("search", "fa", "--limit", "3", *filters).stdout
    assert "--cursor" not in filled("search", "fa", "--limit", "4", *filters).stdout


def test_nothing_found_is_no_failure(filled) -> None:
    result = filled("search", "zzz")
    assert (result.exit_code, result.stdout) == (0, "no promises found.\n")


def test_long_texts_are_cut_and_ids_are_not(filled) -> None:
    filled.run("echo", "x" * 500, "--id", "y" * 300)
    row = filled("search", "yyy").stdout.splitlines()[1]
    assert "y" * 300 in row
    assert "x" * 60 not in row
    assert "…" in row


def test_a_tag_needs_a_value(filled) -> None:
    result = filled("search", "--tag", "colour")
    assert result.exit_code == 2
    assert "write NAME=VALUE" in result.stderr
