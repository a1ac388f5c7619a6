"""``troth tree``: who called what."""

import asyncio
import json

import pytest

from troth import Context, Troth


def lines(output: str) -> list[str]:
    """The drawing without the times, which differ from run to run."""
    return [line.rpartition("  ")[0].partition(" ms")[0].rstrip("0123456789").rstrip() for line in output.splitlines()]


def test_a_recursion_is_drawn_with_what_is_shared_unfolded_once(cli) -> None:
    cli.run("fib", "4")
    assert lines(cli("tree", "fib-4").stdout) == [
        "✓ fib(4) = 3",
        "├─ ✓ fib(3) = 2",
        "│  ├─ ✓ fib(2) = 1",
        "│  │  ├─ ✓ fib(1) = 1",
        "│  │  └─ ✓ fib(0) = 0",
        "│  └─ ✓ fib(1) = 1  shared, see above",
        "└─ ✓ fib(2) = 1  shared, see above",
    ]


def test_failures_and_ids_are_shown(cli) -> None:
    cli.run("buy")
    root, below = cli("tree", "buy").stdout.splitlines()
    assert root.startswith("✗ buy() ! ")
    assert "NoMoneyError: no money on x" in below
    assert below.startswith("└─ ✗ pay('x') ! ")
    assert below.endswith("  pay-x")


def test_depth_folds_and_says_how_much(cli) -> None:
    cli.run("fib", "5")
    drawn = cli("tree", "fib-5", "--depth", "1").stdout.splitlines()
    assert len(drawn) == 3
    assert "2 calls below" in drawn[1]
    assert "calls below" not in drawn[0]
    assert len(cli("tree", "fib-5", "--depth", "0").stdout.splitlines()) == 1


def test_the_limit_says_what_it_left_out(cli) -> None:
    cli.run("factorial", "6")
    drawn = cli("tree", "factorial-6", "--limit", "2").stdout.splitlines()
    assert len(drawn) == 3
    assert drawn[-1] == "… 4 more calls are not shown: --limit 6 or --depth N."
    assert "not shown" not in cli("tree", "factorial-6", "--limit", "6").stdout


def test_json_is_flat_and_whole(cli) -> None:
    cli.run("fib", "4")
    tree = json.loads(cli("tree", "fib-4", "--json").stdout)
    assert (tree["root"], tree["omitted"]) == ("fib-4", 0)
    assert {id: node["callees"] for id, node in tree["nodes"].items()} == {
        "fib-4": ["fib-3", "fib-2"],
        "fib-3": ["fib-2", "fib-1"],
        "fib-2": ["fib-1", "fib-0"],
        "fib-1": [],
        "fib-0": [],
    }
    node = tree["nodes"]["fib-3"]
    assert (node["id"], node["state"], node["function"], node["args"], node["value"]) == (
        "fib-3",
        "resolved",
        "fib",
        [3],
        2,
    )


def test_json_limits_promises_and_counts_the_rest(cli) -> None:
    cli.run("fib", "6")
    tree = json.loads(cli("tree", "fib-6", "--json", "--limit", "3").stdout)
    assert list(tree["nodes"]) == ["fib-6", "fib-5", "fib-4"]
    assert tree["omitted"] == 4


@pytest.fixture
def deep(cli):
    """A recursion deeper than Python's own stack."""
    app = Troth(str(cli.store))

    @app.function(key="deep-{n}")
    async def deep(ctx: Context, n: int) -> int:
        return n if n == 0 else await ctx.rpc(deep, n - 1)

    async def compute() -> None:
        async with app:
            await app.rpc(deep, 1_500)

    asyncio.run(compute())
    return cli


def test_a_tree_deeper_than_the_stack_is_printed(deep) -> None:
    drawn = deep("tree", "deep-1500", "--limit", "2000").stdout.splitlines()
    assert len(drawn) == 1_501
    assert drawn[12].startswith(" " * 33 + "└─ ✓ deep(1488)")
    assert drawn[13].split()[:4] == ["13", "⋯", "└─", "✓"]
    assert drawn[-1].split()[:2] == ["1,500", "⋯"]
    assert "501 more calls" in deep("tree", "deep-1500").stdout
    assert len(json.loads(deep("tree", "deep-1500", "--limit", "2000", "--json").stdout)["nodes"]) == 1_501


def test_an_unknown_id(cli) -> None:
    cli.run("echo", "a")
    result = cli("tree", "echo-b")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "troth: there is no promise 'echo-b'. Close to it: echo-a.\n"
