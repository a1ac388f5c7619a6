"""The tree that the module draws is the tree that there is."""

import inspect
import re

import pytest

from troth import errors


def drawn() -> dict[str, str]:
    """Class name → parent's name, read from the picture in the module's docstring."""
    picture = re.findall(r"^    ((?:[│ ]   )*)(?:[├└]── )?(\w+)(?: |$)", errors.__doc__ or "", re.MULTILINE)
    parents: dict[str, str] = {}
    path: list[str] = []
    for indent, name in picture:
        depth = 0 if name == "TrothError" else len(indent) // 4 + 1
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    return parents


def actual() -> dict[str, str]:
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    return {each.__name__: each.__bases__[0].__name__ for each in classes}


def test_the_drawn_tree_is_the_tree() -> None:
    assert drawn() == actual()


@pytest.mark.parametrize("name", sorted(actual()))
def test_every_error_says_what_it_is(name: str) -> None:
    assert getattr(errors, name).__doc__


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ArgumentError", TypeError),
        ("EncodingError", TypeError),
        ("InvalidIdError", ValueError),
        ("LocationError", ValueError),
        ("NotFoundError", LookupError),
        ("CallTimedOutError", TimeoutError),
    ],
)
def test_an_error_is_also_the_builtin_that_people_expect(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)


def test_a_cycle_is_shown_as_a_path() -> None:
    error = errors.AwaitCycleError(("a", "b", "a"))
    assert error.path == ("a", "b", "a")
    assert "a → b → a" in str(error)
