"""Names of groups and their members."""

from __future__ import annotations

from framehop.errors import InvalidArgumentError
from framehop.types import check_stream


def check_name(what: str, name: str) -> None:
    """Raise InvalidArgumentError unless `name` may name a group or a member, as `what` says. The rules are those of stream ids."""
    try:
        check_stream(name)
    except InvalidArgumentError:
        raise InvalidArgumentError(
            f"{what} name {name[:140]!r} is not allowed: use 1 to 128 of the characters A-Z a-z 0-9 . _ -"
        ) from None
