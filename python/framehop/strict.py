"""Convert a file's data into a Struct. Unknown keys are refused, and errors name the file, the key and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeVar, get_args, get_origin

import msgspec

from framehop.errors import FramehopError

T = TypeVar("T", bound=msgspec.Struct)

_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?", re.DOTALL)

_WORDS = {
    "object": "keys with values",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}
_TYPES = re.compile("`((?:{0})(?: \\| (?:{0}))*)`".format("|".join(_WORDS)))


def to_struct(data: object, shape: type[T], *, where: str, error: type[FramehopError]) -> T:
    """Convert the output of a YAML or JSON reader. `where` opens the message, as in `model.yaml`. Raises `error`."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as cause:
        raise error(_explain(str(cause), shape, data, where)) from cause


def _explain(message: str, shape: type[msgspec.Struct], data: object, where: str) -> str:
    """Add the allowed values to msgspec's message, which says only what is wrong and where."""
    found = _MESSAGE.fullmatch(message)
    what, key = (found["what"], found["key"] or "") if found else (message, "")
    allowed = _allowed(what, key, shape, data)
    place = f"{where}: {key}: " if key else f"{where}: "
    said = _TYPES.sub(_in_words, what) if what.startswith("Expected") else what
    return place + said + (f"; allowed: {', '.join(allowed)}" if allowed else "")


def _in_words(types: re.Match[str]) -> str:
    """Return msgspec's names of types as words, without null: who gave a wrong value is not helped by leaving it out."""
    names = types[1].split(" | ")
    return " or ".join(_WORDS[name] for name in names if name != "null" or len(names) == 1)


def _allowed(what: str, key: str, shape: object, data: object) -> list[str]:
    if what.startswith("Object contains unknown field"):
        return _keys(_struct_at(*_descend(shape, data, key)))
    if what.startswith("Invalid value"):  # the invalid value is the union's tag
        union, _ = _descend(shape, data, key.rpartition(".")[0])
        return [str(member.__struct_config__.tag) for member in _members(union)]
    if what.startswith("Invalid enum value"):
        at, _ = _descend(shape, data, key)
        return [str(value) for kind in (at, *get_args(at)) if get_origin(kind) is Literal for value in get_args(kind)]
    return []


def _descend(shape: object, data: object, key: str) -> tuple[object, object]:
    """Return the declared type at a dotted key and the value there. Below a list both are None, below a free mapping the value is,
    as msgspec writes `[...]` for the mapping's own key."""
    for part in filter(None, key.replace("[...]", ".*").split(".")):
        if part == "*":
            shape, data = (*get_args(shape), None, None)[1], None
            continue
        struct = _struct_at(shape, data)
        fields = msgspec.structs.fields(struct) if struct is not None else ()
        shape = next((field.type for field in fields if field.encode_name == part), None)
        data = data.get(part) if isinstance(data, Mapping) else None
    return shape, data


def _struct_at(shape: object, data: object) -> type[msgspec.Struct] | None:
    """Return the Struct that `shape` stands for: itself, or the member of a tagged union that `data` names."""
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return shape
    named = [member for member in _members(shape) if isinstance(data, Mapping) and _is_named(data, member)]
    return named[0] if named else None


def _members(shape: object) -> list[type[msgspec.Struct]]:
    return [member for member in get_args(shape) if isinstance(member, type) and issubclass(member, msgspec.Struct)]


def _is_named(data: Mapping[object, object], member: type[msgspec.Struct]) -> bool:
    config = member.__struct_config__
    return data.get(config.tag_field) == config.tag


def _keys(struct: type[msgspec.Struct] | None) -> list[str]:
    if struct is None:
        return []
    tag = struct.__struct_config__.tag_field
    return [*([tag] if tag else []), *(field.encode_name for field in msgspec.structs.fields(struct))]
