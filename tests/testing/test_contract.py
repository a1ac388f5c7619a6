from troth.stores.memory import MemoryStore
from troth.testing.contract import CONTRACT
from troth.testing.contract_queries import QUERIES
from troth.testing.contract_rows import ROWS


def test_a_sound_store_passes(failing):
    assert failing(CONTRACT, MemoryStore) == []


def test_the_contract_is_both_halves():
    assert {*ROWS, *QUERIES} == {*CONTRACT}


def test_every_check_is_listed_once_and_says_what_it_checks():
    assert len({check.__name__ for check in CONTRACT}) == len(CONTRACT)
    assert all(check.__doc__ for check in CONTRACT)
