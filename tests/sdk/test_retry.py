"""When a failed attempt is made again: the pauses."""

import pytest

from troth.sdk.retry import ONCE, Retry


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [
        (Retry(), [1.0, 2.0]),
        (ONCE, []),
        (Retry(attempts=0), []),
        (Retry(attempts=5, delay=2, backoff="constant"), [2, 2, 2, 2]),
        (Retry(attempts=5, delay=2, backoff="linear"), [2, 4, 6, 8]),
        (Retry(attempts=5, delay=2, backoff="exponential"), [2, 4, 8, 16]),
        (Retry(attempts=5, delay=2, backoff="exponential", delay_max=5), [2, 4, 5, 5]),
        (Retry(attempts=4, delay=90), [60, 60, 60]),
        (Retry(attempts=3, delay=0), [0, 0]),
    ],
)
def test_pauses(retry: Retry, pauses: list[float]) -> None:
    assert list(retry.delays()) == pauses


def test_however_many_attempts_no_pause_exceeds_the_longest() -> None:
    pauses = list(Retry(attempts=5_000, delay=0.5, delay_max=30).delays())
    assert len(pauses) == 4_999
    assert max(pauses) == pauses[-1] == 30
