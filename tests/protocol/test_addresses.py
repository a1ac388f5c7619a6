import pytest

from troth.protocol.addresses import PollAddress, PushAddress, group_address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("poll://any@gpu", PollAddress("gpu", None, unicast=False)),
        ("poll://any@gpu/7", PollAddress("gpu", "7", unicast=False)),
        ("poll://uni@gpu/7", PollAddress("gpu", "7", unicast=True)),
        ("poll://any@gpu/a/b", PollAddress("gpu", "a/b", unicast=False)),
        ("http://host:1/path", PushAddress("http://host:1/path")),
        ("https://host", PushAddress("https://host")),
    ],
)
def test_an_address_is_read(text: str, address: object) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "gpu", "poll://", "poll://gpu", "poll://any@", "poll://any@/7", "poll://any@gpu/", "poll://all@gpu"),
        *("poll://uni@gpu", "http://", "https:///path", "http://[::1", "file:///etc/passwd", "javascript:alert(1)"),
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_a_group_has_an_address() -> None:
    assert parse_address(group_address("gpu")) == PollAddress("gpu", None, unicast=False)
