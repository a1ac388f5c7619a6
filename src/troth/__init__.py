"""Durable functions with a permanent memory.

An app (`Troth`) turns functions into durable ones; each of their calls is a write-once promise in a store, and its id
is a permanent cache key. Errors are drawn as a tree in `troth.errors`.
"""

import importlib
import typing

from troth.errors import (
    ArgumentError,
    AwaitCycleError,
    CallCanceledError,
    CallFailedError,
    CallTimedOutError,
    ClosedError,
    DecodingError,
    DefinitionError,
    EncodingError,
    InvalidIdError,
    KeyCollisionError,
    LocationError,
    NotFoundError,
    RemoteError,
    RequestRefusedError,
    StoreError,
    StoreFailedError,
    StoreFullError,
    StoreInvalidError,
    StoreOwnedError,
    StoreReadOnlyError,
    StoreTooNewError,
    TrothError,
    UnknownFunctionError,
    UsageError,
    WrongLoopError,
)

if typing.TYPE_CHECKING:
    from troth.app import Blocking, Troth
    from troth.sdk.context import Context
    from troth.sdk.engine.call import Call
    from troth.sdk.engine.execution import Info
    from troth.sdk.function import DurableFunction, Function
    from troth.sdk.handle import BlockingHandle, Handle
    from troth.sdk.retry import Retry
    from troth.sdk.worker import WorkerSettings

__all__ = [
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
]

_HOMES = {
    "Blocking": "troth.app",
    "BlockingHandle": "troth.sdk.handle",
    "Call": "troth.sdk.engine.call",
    "Context": "troth.sdk.context",
    "DurableFunction": "troth.sdk.function",
    "Function": "troth.sdk.function",
    "Handle": "troth.sdk.handle",
    "Info": "troth.sdk.engine.execution",
    "Retry": "troth.sdk.retry",
    "Troth": "troth.app",
    "WorkerSettings": "troth.sdk.worker",
}
"""Names whose modules are loaded at their first use: `troth --help` needs none of them and answers at once."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
