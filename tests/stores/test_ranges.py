from hypothesis import given
from hypothesis import strategies as st

from troth.stores.ranges import end_id, first_id

IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(IDS, IDS)
def test_a_range_holds_exactly_the_ids_with_the_prefix(prefix, id):
    end = end_id(prefix)
    inside = prefix <= id and (end is None or id < end)
    assert inside == id.startswith(prefix)


@given(IDS, IDS, IDS)
def test_a_range_begins_after_the_cursor(prefix, cursor, id):
    assert (id >= first_id(prefix, cursor)) == (id >= prefix and id > cursor)


def test_the_end_of_a_prefix_is_never_half_a_surrogate_pair():
    assert end_id("a\ud7ff") == "a\ue000"
    assert end_id("\U0010ffff") is None
