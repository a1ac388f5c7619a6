from random import Random

from msgspec.structs import replace

from troth.protocol.records import Tag, TaskState
from troth.stores.tables import Agenda, Links, Row, Tables
from troth.testing.samples import NOW, acquired, promise, schedule, targeted, task


def test_an_agenda_is_in_order_of_its_instants():
    agenda = Agenda()
    for number, at in enumerate((5, 3, 5, 9)):
        agenda.move(number, f"p{number}", None, at)
    agenda.move(3, "p3", 9, 1)
    agenda.move(1, "p1", 3, None)
    agenda.move(0, "p0", 5, 5)
    assert agenda.due(5, 10) == ("p3", "p0", "p2")
    assert agenda.due(5, 2) == ("p3", "p0")
    assert agenda.due(0, 10) == ()
    assert (agenda.next_at(), agenda.next_at(1), agenda.next_at(5)) == (1, 5, None)


def test_links_remember_the_order_in_which_they_were_added():
    links = Links()
    for right in "cab":
        links.add("p", right)
    assert links.add("p", "c") is None
    assert list(links.of("p")) == ["c", "a", "b"]
    assert links.remove("p", "x") is None
    assert links.remove("q", "c") is None
    links.add("o", "z")
    assert links.pairs() == (("p", "c"), ("p", "a"), ("p", "b"), ("o", "z"))


def test_a_removed_link_goes_back_to_its_place():
    links = Links()
    for right in "cab":
        links.add("p", right)
    undo = links.remove("p", "a")
    assert list(links.of("p")) == ["c", "b"]
    undo()
    assert list(links.of("p")) == ["c", "a", "b"]


def _facts(tables):
    """Everything a table can be asked for."""
    agendas = (tables.timeouts, tables.leases, tables.retries, tables.undrained, tables.occurrences)
    return (
        dict(tables.rows),
        dict(tables.schedules),
        list(tables.ids_between("", None)),
        [agenda.due(NOW * 2, 100) for agenda in agendas],
        {target: due for target, queue in tables.queues.items() if (due := queue.due(NOW * 2, 100))},
        {branch: ids[:] for branch, ids in tables.branches.items() if ids},
    )


def test_undoing_backwards_restores_everything():
    random, tables = Random(7), Tables()
    for round_ in range(30):
        before = _facts(tables)
        undo = []
        for _ in range(20):
            id = f"p{random.randrange(10)}"
            old = tables.rows.get(id)
            tags = {Tag.BRANCH: random.choice("xy")}
            born = old.promise if old else targeted(id, tags=tags, timeout_at=NOW + random.randrange(9))
            held = random.choice((None, task(id), acquired(id), task(id, TaskState.SUSPENDED)))
            number = old.number if old else len(tables.rows)
            undo.append(tables.put_row(id, Row(number, born, held, undrained=False)))
            run_at = NOW + random.randrange(9)
            undo.append(tables.put_schedule(f"s{random.randrange(3)}", schedule("s", next_run_at=run_at)))
        if round_ % 3:
            for step in reversed(undo):
                step()
            assert _facts(tables) == before


def test_a_settled_promise_leaves_the_timeouts():
    tables = Tables()
    tables.put_row("p", Row(0, promise(), None))
    assert tables.timeouts.next_at() == promise().timeout_at
    tables.put_row("p", Row(0, promise().timed_out(), None, undrained=True))
    assert tables.timeouts.next_at() is None
    assert tables.undrained.due(NOW * 2, 1) == ("p",)


def test_ids_are_found_between_two():
    tables = Tables()
    for number, id in enumerate("cadb"):
        tables.put_row(id, Row(number, replace(promise(), id=id), None))
    assert list(tables.ids_between("b", "d")) == ["b", "c"]
    tables.put_row("bb", Row(4, promise("bb"), None))
    assert list(tables.ids_between("b", None)) == ["b", "bb", "c", "d"]
