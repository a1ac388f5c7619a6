"""Every error troth raises, in one tree. Catch the branch you can do something about.

    TrothError
    ├── UsageError                 the program asks for something that cannot be; nothing was changed
    │   ├── DefinitionError        a function cannot be registered as written (name taken, key template wrong)
    │   ├── UnknownFunctionError   no function of that name is registered
    │   ├── ArgumentError          the arguments do not fit the function's signature (also a TypeError)
    │   ├── EncodingError          a value would not come back as it went in (also a TypeError)
    │   ├── InvalidIdError         an id is empty, too long or has a NUL (also a ValueError)
    │   ├── LocationError          the location names no store this installation can open (also a ValueError)
    │   ├── NotFoundError          no promise of that id (also a LookupError)
    │   └── WrongLoopError         a blocking call inside a running event loop, or an app used from two loops
    ├── KeyCollisionError          the id already holds another call; the stored value is not used
    ├── AwaitCycleError            the call would wait for itself
    ├── CallFailedError            the call ended without a value
    │   ├── RemoteError            it raised an exception whose type is not known here
    │   ├── CallCanceledError      it was canceled
    │   └── CallTimedOutError      its deadline came first (also a TimeoutError)
    ├── DecodingError              stored data is not what the annotation says
    ├── RequestRefusedError        the server refused a request for a reason that has no type of its own
    ├── ClosedError                the app was closed while the call was waiting; the call itself lives on
    └── StoreError                 the store cannot serve
        ├── StoreInvalidError      the file is not a troth store
        ├── StoreTooNewError       the store was written by a newer troth
        ├── StoreOwnedError        another process owns the file
        ├── StoreReadOnlyError     the file or its folder cannot be written
        ├── StoreFullError         no space left; nothing of the batch was written
        └── StoreFailedError       a commit failed half-way: its batch may or may not be stored; the writer stopped

An exception raised inside a durable function is not wrapped where its type is a builtin or registered: it arrives as
its own type.
"""


class TrothError(Exception):
    """Base of all errors of troth."""


class UsageError(TrothError):
    """The program asks for something that cannot be; nothing was changed."""


class DefinitionError(UsageError):
    """A function cannot be registered as written."""


class UnknownFunctionError(UsageError):
    """No function of that name is registered."""


class ArgumentError(UsageError, TypeError):
    """The arguments do not fit the function's signature."""


class EncodingError(UsageError, TypeError):
    """A value would not come back as it went in. ``path`` says where inside the value, such as ``$.pages[3].size``."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.path = path


class InvalidIdError(UsageError, ValueError):
    """An id is empty, too long or has a NUL."""


class LocationError(UsageError, ValueError):
    """The location names no store this installation can open."""


class NotFoundError(UsageError, LookupError):
    """No promise of that id."""


class WrongLoopError(UsageError):
    """A blocking call inside a running event loop, or an app used from two loops."""


class KeyCollisionError(TrothError):
    """The id already holds another call; the stored value is not used."""

    def __init__(self, message: str, promise_id: str) -> None:
        super().__init__(message)
        self.promise_id = promise_id


class AwaitCycleError(TrothError):
    """The call would wait for itself. ``path`` are the ids from the callee back to itself."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(
            "waiting here would never end, each waits for the next: "
            + " → ".join(path)
            + ". Call it with other arguments, or compute it without waiting for its own caller."
        )
        self.path = path


class CallFailedError(TrothError):
    """The call ended without a value. ``promise_id`` is the call's."""

    def __init__(self, message: str, promise_id: str) -> None:
        super().__init__(message)
        self.promise_id = promise_id


class RemoteError(CallFailedError):
    """It raised an exception whose type is not known here."""

    def __init__(self, type_name: str, message: str, arguments: tuple[object, ...], promise_id: str) -> None:
        super().__init__(f"{type_name}: {message}", promise_id)
        self.type_name = type_name
        self.message = message
        self.arguments = arguments


class CallCanceledError(CallFailedError):
    """It was canceled."""


class CallTimedOutError(CallFailedError, TimeoutError):
    """Its deadline came first."""


class DecodingError(TrothError):
    """Stored data is not what the annotation says. ``path`` says where inside the value."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.path = path


class RequestRefusedError(TrothError):
    """The server refused a request for a reason that has no type of its own."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class ClosedError(TrothError):
    """The app was closed while the call was waiting; the call itself lives on and resumes at the next opening."""


class StoreError(TrothError):
    """The store cannot serve."""


class StoreInvalidError(StoreError):
    """The file is not a troth store."""


class StoreTooNewError(StoreError):
    """The store was written by a newer troth."""


class StoreOwnedError(StoreError):
    """Another process owns the file. ``owner_pid`` is that process, None where it is not known."""

    def __init__(self, message: str, owner_pid: int | None = None) -> None:
        super().__init__(message)
        self.owner_pid = owner_pid


class StoreReadOnlyError(StoreError):
    """The file or its folder cannot be written."""


class StoreFullError(StoreError):
    """No space left; nothing of the batch was written."""


class StoreFailedError(StoreError):
    """A commit failed half-way: its batch may or may not be stored; the writer stopped. Open the store again."""
