"""The public surface: what ``import troth`` promises, name by name."""

import inspect
from types import ModuleType

import troth

EXPORTS: tuple[str, ...] = (
    "ArgumentError",
    "AwaitCycleError",
    "Blocking",
    "BlockingHandle",
    "Call",
    "CallCanceledError",
    "CallFailedError",
    "CallTimedOutError",
    "ClosedError",
    "Context",
    "DecodingError",
    "DefinitionError",
    "DurableFunction",
    "EncodingError",
    "Function",
    "Handle",
    "Info",
    "InvalidIdError",
    "KeyCollisionError",
    "LocationError",
    "NotFoundError",
    "RemoteError",
    "RequestRefusedError",
    "Retry",
    "StoreError",
    "StoreFailedError",
    "StoreFullError",
    "StoreInvalidError",
    "StoreOwnedError",
    "StoreReadOnlyError",
    "StoreTooNewError",
    "Troth",
    "TrothError",
    "UnknownFunctionError",
    "UsageError",
    "WorkerSettings",
    "WrongLoopError",
)


def faults(module: ModuleType) -> list[str]:
    """Why a module's ``__all__`` is not its surface: a name missing, hidden, undocumented or out of order."""
    promised = list(module.__all__)
    public = {name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)}
    return [
        *(f"{name} is promised and missing" for name in promised if not hasattr(module, name)),
        *(f"{name} is public and not promised" for name in sorted(public - set(promised))),
        *(f"{name} has no docstring" for name in promised if _undocumented(getattr(module, name, None))),
        *(["__all__ is not sorted"] if promised != sorted(promised) else []),
    ]


def _undocumented(value: object) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__


def test_the_exports_are_these() -> None:
    assert tuple(troth.__all__) == EXPORTS


def test_the_exports_are_the_whole_surface() -> None:
    assert faults(troth) == []


def test_a_surface_that_lies_is_found() -> None:
    liar = ModuleType("liar")
    exec("import os\ndef shown(): pass\ndef hidden(): 'Doc.'\n__all__ = ['shown', 'absent']", liar.__dict__)
    assert faults(liar) == [
        "absent is promised and missing",
        "hidden is public and not promised",
        "shown has no docstring",
        "__all__ is not sorted",
    ]
