"""Where a message goes (protocol §7): ``poll://any@group[/id]``, ``poll://uni@group/id``, ``http(s)://…``."""

from urllib.parse import urlsplit

from msgspec import Struct


class PollAddress(Struct, frozen=True):
    """Members of a group that hold a poll connection; with ``unicast`` exactly the one named."""

    group: str
    member: str | None
    unicast: bool


class PushAddress(Struct, frozen=True):
    """A URL the message is POSTed to."""

    url: str


Address = PollAddress | PushAddress


def parse_address(text: str) -> Address | None:
    """The address that a text names; None if it names none.

    >>> parse_address("poll://any@gpu/worker-7")
    PollAddress(group='gpu', member='worker-7', unicast=False)
    >>> parse_address("file:///etc/passwd") is None
    True
    """
    if text.startswith("poll://"):
        return _parse_poll(text.removeprefix("poll://"))
    if not text.startswith(("http://", "https://")):
        return None
    try:
        host = urlsplit(text).hostname
    except ValueError:
        return None
    return PushAddress(text) if host else None


def _parse_poll(rest: str) -> PollAddress | None:
    cast, at, place = rest.partition("@")
    group, slash, member = place.partition("/")
    if not at or cast not in ("any", "uni") or not group or (slash and not member):
        return None
    if cast == "uni" and not member:
        return None
    return PollAddress(group, member or None, unicast=cast == "uni")


def group_address(group: str) -> str:
    """The address of any member of a group.

    >>> group_address("factorial-workers")
    'poll://any@factorial-workers'
    """
    return f"poll://any@{group}"
