"""Data from a file into a Struct: unknown keys refused, errors that name the file, the key and what is allowed."""

from __future__ import annotations

import re
from typing import Literal, TypeVar, get_args, get_origin

import msgspec

from framehop.errors import FramehopError

T = TypeVar("T", bound=msgspec.Struct)

_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?", re.DOTALL)


def to_struct(data: object, shape: type[T], *, where: str, error: type[FramehopError]) -> T:
    """Convert what a YAML or JSON reader returned. `where` opens the message, as in `model.yaml`; raises `error`."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as cause:
        raise error(_explain(str(cause), shape, where)) from cause


def _explain(message: str, shape: type[msgspec.Struct], where: str) -> str:
    found = _PLACE.fullmatch(message)
    what, key = (found["what"], found["key"] or "") if found else (message, "")
    place = f"{where}: {key}: " if key else f"{where}: "
    allowed = _allowed(what, _type_at(shape, key))
    return place + what + (f"; allowed: {', '.join(allowed)}" if allowed else "")


def _allowed(what: str, at: object) -> list[str]:
    if what.startswith("Object contains unknown field"):
        return [field.encode_name for field in _fields(at)]
    if what.startswith("Invalid enum value"):
        return [str(value) for value in get_args(at)] if get_origin(at) is Literal else []
    return []


def _type_at(shape: object, key: str) -> object:
    """The declared type at a dotted key; None below a mapping or a list, whose keys are not ours to list."""
    for part in filter(None, key.split(".")):
        shape = next((field.type for field in _fields(shape) if field.encode_name == part), None)
    return shape


def _fields(shape: object) -> tuple[msgspec.structs.FieldInfo, ...]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return msgspec.structs.fields(shape)
    return ()
