"""What a failed command says, and its exit code."""

import click
import pytest

from troth import errors
from troth.cli.failure import Failure, failure_of, report


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ArgumentError("x"), 2),
        (errors.LocationError("x"), 2),
        (errors.NotFoundError("x"), 1),
        (errors.KeyCollisionError("x", "id"), 1),
        (errors.ClosedError("x"), 1),
        (errors.StoreOwnedError("x", 7), 3),
        (errors.StoreTooNewError("x"), 3),
        (click.UsageError("x"), 2),
        (click.ClickException("x"), 1),
        (Failure("x", 130), 130),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    failure = failure_of(error)
    assert (failure.message, failure.code) == ("x", code)


def test_an_error_without_words_is_named() -> None:
    assert failure_of(errors.StoreFailedError()).message == "StoreFailedError"


def test_details_only_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("it failed", 1, "Traceback: here\n")
    report(failure, details=False)
    assert capsys.readouterr().err == "troth: it failed\n"
    report(failure, details=True)
    assert capsys.readouterr().err == "Traceback: here\ntroth: it failed\n"
