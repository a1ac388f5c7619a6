from troth.protocol import requests
from troth.protocol.requests import EXTENSIONS, KINDS, Request


def test_every_request_has_one_kind() -> None:
    types = {each for each in vars(requests).values() if isinstance(each, type) and issubclass(each, Request)}
    assert types - {Request} == {*KINDS, *EXTENSIONS}
    assert len({*KINDS.values(), *EXTENSIONS.values()}) == len(KINDS) + len(EXTENSIONS)


def test_the_protocol_has_twenty_one() -> None:
    families = [kind.partition(".")[0] for kind in KINDS.values()]
    assert {family: families.count(family) for family in families} == {"promise": 6, "task": 11, "schedule": 4}
