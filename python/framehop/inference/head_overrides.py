"""The head in `model.yaml`: its name, and those of its keys that are given. Recognition fills in the rest."""

from __future__ import annotations

import functools
import operator
from typing import Any, get_args

import msgspec

from framehop.errors import ModelError
from framehop.inference.head_specs import HeadSpec
from framehop.strict import to_struct


class _Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A file with nothing but a complete head, so that errors name the key by its whole path."""

    head: HeadSpec


def _partial(spec: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return `spec` with every key optional."""
    fields = [(field.encode_name, field.type | None, None) for field in msgspec.structs.fields(spec)]
    config = spec.__struct_config__
    return msgspec.defstruct(
        spec.__name__, fields, tag_field=config.tag_field, tag=config.tag, forbid_unknown_fields=True, kw_only=True
    )


_ANY_PART: Any = functools.reduce(operator.or_, map(_partial, get_args(HeadSpec)))
_Part = msgspec.defstruct("_Part", [("head", _ANY_PART)], kw_only=True)


def check_head(head: dict[str, object], *, where: str) -> None:
    """Check the names and values of the keys that are given. `where` opens the message. Raises ModelError."""
    to_struct({"head": head}, _Part, where=where, error=ModelError)


def make_head_spec(head: dict[str, object], *, where: str) -> HeadSpec:
    """Make the description of a head whose keys are complete. Raises ModelError naming the one that is missing."""
    return to_struct({"head": head}, _Whole, where=where, error=ModelError).head


def reads_one_output(name: object) -> bool:
    """Return whether the head `name` reads a single output, whose name is its key `output`."""
    specs = [spec for spec in get_args(HeadSpec) if spec.__struct_config__.tag == name]
    return any("output" in spec.__struct_fields__ for spec in specs)


def keys_of(head: HeadSpec) -> dict[str, object]:
    """Return a head as the mapping that stands in `model.yaml`."""
    keys: dict[str, object] = msgspec.to_builtins(head)
    return keys
