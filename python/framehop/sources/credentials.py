"""The user and password of a source's address: put into it where it is opened, and never shown."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from framehop.errors import ConfigError
from framehop.sources.address import HIDDEN, without_secrets

# The user part ends at the last @ before the path, since people write passwords with an @ in them as they are.
_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/?#\s]*)@")


def with_credentials(address: str, username: str, password: str) -> str:
    """Return the address with this user in it, whatever characters the password has. Raises ConfigError when the address takes no
    user, or has one already."""
    scheme, parted, rest = address.partition("://")
    if not parted:
        raise ConfigError("username and password are for an address, as rtsp://camera/stream, and this source is none")
    if _USER.match(address):
        raise ConfigError("the source has a user in its address already: leave that out, or username and password")
    user = quote(username, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"{scheme}://{user}@{rest}"


def hide_credentials(text: str, address: str) -> str:
    """Return `text` without secrets, and without the password of `address` wherever else it stands in it."""
    found = _USER.search(address)
    _, _, password = found["user"].partition(":") if found else ("", "", "")
    for secret in {password, unquote(password)} - {""}:
        text = text.replace(secret, HIDDEN)
    return without_secrets(text)
