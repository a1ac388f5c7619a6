"""Exceptions as data (protocol §8): written with all that tells the cause, read back without trusting it.

Only classes that the reader already holds are made again: builtins, troth's own, and those it is given.
Nothing is imported by name, nothing is unpickled, and whatever was stored, reading it gives an exception and
raises none.
"""

import builtins
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeAlias, cast

from troth import errors
from troth.errors import DecodingError, EncodingError, RemoteError
from troth.sdk.codec.dynamic import ANY
from troth.sdk.codec.text import decode_base64, decode_json, encode_json, to_base64
from troth.sdk.codec.tree import DEPTH_MAX, JsonValue, depth_within, payload, shape_of, tagged

KnownTypes: TypeAlias = Mapping[str, type[Exception]]

REMOTE_NOTE: Final = "Traceback where it was raised:\n"
"""How the note begins that holds the remote traceback; such notes are not stored again on the way up."""

_STACK_MAX: Final = 8_192
"""Characters of a traceback that are kept, the last ones: the end names the place."""

_STACK_INNER_MAX: Final = 1_024
"""The same for the exceptions inside a group."""

_TEXT_MAX: Final = 65_536
"""Characters of a message or note, and bytes of an argument: beyond it the beginning or the repr must do."""

_REPR_MAX: Final = 1_000
_NOTES_MAX: Final = 32
_GROUP_MAX: Final = 256
"""Exceptions of a group that travel, the first ones."""

_GROUP_DEPTH_MAX: Final = 16
"""Exception groups inside exception groups."""

_NO_PLACE_IN_COROUTINES: Final = (StopIteration, StopAsyncIteration)
"""Raised into a coroutine or set on a future, they mean something else: they stay remote."""


def _raisable(namespace: Mapping[str, object]) -> dict[str, type[Exception]]:
    return {
        _type_name(cls): cls
        for cls in namespace.values()
        if isinstance(cls, type) and issubclass(cls, Exception) and not issubclass(cls, _NO_PLACE_IN_COROUTINES)
    }


def _type_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


_ALWAYS_KNOWN: Final = _raisable(vars(builtins)) | _raisable(vars(errors))


def encode_error(exc: BaseException) -> str:
    """An exception as a protocol value's ``data``."""
    return to_base64(encode_json(_dump(exc, 0)))


def _dump(exc: BaseException, depth: int) -> dict[str, JsonValue]:
    tree: dict[str, JsonValue] = {
        "__type": "error",
        "message": _text(exc),
        "name": type(exc).__name__,
        "type": _type_name(type(exc)),
        "args": [_dump_part(part) for part in _arguments(exc)],
    }
    if isinstance(exc, RemoteError):  # it passes through as what it was where it was raised
        name = exc.type_name
        arguments: list[JsonValue] = [_dump_part(part) for part in exc.arguments]
        tree |= {
            "message": _clean(exc.message),
            "name": name.rpartition(".")[2],
            "type": name,
            "args": arguments,
        }
    elif attributes := _attributes(exc):
        tree["attributes"] = attributes
    tree["stack"] = _formatted(exc, chain=False)[-_STACK_MAX if depth == 0 else -_STACK_INNER_MAX :]
    cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if cause is not None:
        tree["cause"] = _formatted(cause, chain=True)
    if notes := [_clean(note) for note in _notes(exc) if not note.startswith(REMOTE_NOTE)]:
        tree["notes"] = list(notes[:_NOTES_MAX])
    if isinstance(exc, BaseExceptionGroup) and depth < _GROUP_DEPTH_MAX:
        group = cast("BaseExceptionGroup[BaseException]", exc)
        tree["exceptions"] = [_dump(part, depth + 1) for part in group.exceptions[:_GROUP_MAX]]
    return tree


def _text(exc: BaseException) -> str:
    try:
        return _clean(str(exc))
    except Exception:  # noqa: BLE001 - the user's __str__ may raise anything, and must not hide the failure
        return f"a {type(exc).__qualname__} whose str() fails"


def _clean(text: str) -> str:
    """Text of bounded length that UTF-8 can carry."""
    return text[:_TEXT_MAX].encode("utf-8", "backslashreplace").decode()


def _formatted(exc: BaseException, *, chain: bool) -> str:
    try:
        lines = traceback.format_exception(exc, chain=chain)
    except Exception:  # noqa: BLE001 - it reads attributes that the user may have set to anything
        return ""
    return _clean("".join(lines)[-_STACK_MAX:])


def _notes(exc: BaseException) -> list[str]:
    notes: object = getattr(exc, "__notes__", ())
    if not isinstance(notes, list | tuple):
        return []
    return [note for note in cast("list[object]", notes) if isinstance(note, str)]


def _arguments(exc: BaseException) -> tuple[object, ...]:
    if isinstance(exc, BaseExceptionGroup):
        return (cast("BaseExceptionGroup[BaseException]", exc).message,)
    if isinstance(exc, OSError) and exc.filename is not None and len(exc.args) == 2:
        second = () if exc.filename2 is None else (None, exc.filename2)
        return (*exc.args, exc.filename, *second)
    return exc.args


def _attributes(exc: BaseException) -> dict[str, JsonValue]:
    """What the exception holds beside its arguments, as far as it can travel."""
    attributes: dict[str, JsonValue] = {}
    for name, value in vars(exc).items():
        if not name.startswith("__"):
            with suppress(EncodingError):
                attributes[name] = _dump_small(value)
    return attributes


def _dump_small(value: object) -> JsonValue:
    tree = ANY.dump(value)
    if len(encode_json(tree)) > _TEXT_MAX or not depth_within(tree, DEPTH_MAX // 2):
        raise EncodingError("$: too large or too deep to travel with an exception")
    return tree


def _dump_part(value: object) -> JsonValue:
    """An argument, or its repr where it cannot travel."""
    try:
        return _dump_small(value)
    except EncodingError:
        pass
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the user's __repr__ may raise anything, and must not hide the failure
        text = f"<{type(value).__qualname__}>"
    return tagged("repr", _clean(text[:_REPR_MAX]))


def decode_error(data: str | None, known_types: KnownTypes, promise_id: str = "") -> BaseException:
    """The exception of a rejected promise's ``data``, to be raised.

    Its own type where that is a builtin, troth's, or in ``known_types`` (by module-qualified name, or by the
    bare name that other SDKs write); else `RemoteError`, which carries ``promise_id``.
    """
    try:
        tree = decode_json(decode_base64(data)) if data else None
    except DecodingError as error:
        return RemoteError("Error", f"a reason that cannot be read ({error})", (), promise_id)
    return _load(tree, known_types, promise_id, 0)


def _load(tree: JsonValue, known_types: KnownTypes, promise_id: str, depth: int) -> Exception:
    if tree is None:
        return RemoteError("Error", "rejected without a reason", (), promise_id)
    if type(tree) is not dict:
        message = tree if type(tree) is str else _json_text(tree)
        return RemoteError("Error", message, (_load_part(tree),), promise_id)
    name = _string(tree, "type") or _string(tree, "name") or "Error"
    message = _string(tree, "message")
    if message is None:
        message = _json_text(tree)
    arguments = _load_arguments(tree, message)
    cls = _ALWAYS_KNOWN.get(name) or known_types.get(name)
    exc: Exception | None = None
    if cls is not None and not issubclass(cls, (RemoteError, *_NO_PLACE_IN_COROUTINES)):
        if issubclass(cls, BaseExceptionGroup):
            exc = _load_group(cls, message, tree, known_types, promise_id, depth)
        else:
            exc = _make(cls, arguments, tree)
    if exc is None:
        exc = RemoteError(name, message, arguments, promise_id)
    _annotate(exc, tree)
    return exc


def _string(tree: dict[str, JsonValue], key: str) -> str | None:
    value = tree.get(key)
    return value if type(value) is str else None


def _json_text(tree: JsonValue) -> str:
    return encode_json(tree).decode()[:_TEXT_MAX]


def _load_arguments(tree: dict[str, JsonValue], message: str) -> tuple[object, ...]:
    parts = tree.get("args")
    return tuple(map(_load_part, parts)) if type(parts) is list else (message,)


def _load_part(tree: JsonValue) -> object:
    try:
        return payload(tree) if shape_of(tree) == "repr" else ANY.load(tree)
    except DecodingError:
        return tree


def _load_group(
    cls: type[Exception],
    message: str,
    tree: dict[str, JsonValue],
    known_types: KnownTypes,
    promise_id: str,
    depth: int,
) -> Exception | None:
    parts = tree.get("exceptions")
    if type(parts) is not list or not parts or depth >= _GROUP_DEPTH_MAX:
        return None
    title = _load_arguments(tree, message)[:1]
    inner = [_load(part, known_types, promise_id, depth + 1) for part in parts]
    return _make(cls, (*(title if title and type(title[0]) is str else (message,)), inner), tree)


def _make(cls: type[Exception], arguments: tuple[object, ...], tree: dict[str, JsonValue]) -> Exception | None:
    """By its constructor where that keeps its arguments, else past it; None where neither works."""
    exc = _called(cls, arguments)
    if exc is None or type(exc) is not cls or not _kept(exc, arguments, tree):
        exc = _bare(cls, arguments) or exc
    if exc is None or type(exc) is not cls or (not _text(exc) and tree.get("message")):
        return None
    attributes = tree.get("attributes")
    if type(attributes) is dict:
        for name, part in attributes.items():
            if name.isidentifier() and not name.startswith("__"):
                vars(exc)[name] = _load_part(part)
    return exc


def _called(cls: type[Exception], arguments: tuple[object, ...]) -> Exception | None:
    try:
        return cls(*arguments)
    except Exception:  # noqa: BLE001 - a constructor may refuse stored arguments in any way
        return None


def _kept(exc: Exception, arguments: tuple[object, ...], tree: dict[str, JsonValue]) -> bool:
    """Whether the constructor took the arguments for what they were: many make their message from others."""
    if isinstance(exc, OSError | BaseExceptionGroup):
        return True
    return len(exc.args) == len(arguments) and _text(exc) == tree.get("message", _text(exc))


def _bare(cls: type[Exception], arguments: tuple[object, ...]) -> Exception | None:
    try:
        exc = cls.__new__(cls, *arguments)
        exc.args = arguments
    except Exception:  # noqa: BLE001 - a class may refuse to be made this way in any way
        return None
    return exc


def _annotate(exc: Exception, tree: dict[str, JsonValue]) -> None:
    notes = tree.get("notes")
    if type(notes) is list:
        for note in notes[:_NOTES_MAX]:
            exc.add_note(note if type(note) is str else _json_text(note))
    stack = _string(tree, "stack")
    if stack:
        cause = _string(tree, "cause")
        exc.add_note(REMOTE_NOTE + stack + (f"\nCaused by:\n{cause}" if cause else ""))
