"""The user and password of a source's address: put into it where it is opened, and never shown."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from framehop.errors import ConfigError
from framehop.sources.address import HIDDEN, without_secrets

# The user part ends at the last @ before the path, since people write passwords with an @ in them as they are.
_USER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/?#\s]*)@")
_SHORT = 4  # characters of a password; fewer are in half of all messages


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
        text = _places_of(secret).sub(HIDDEN, text)
    return without_secrets(text)


def _places_of(secret: str) -> re.Pattern[str]:
    """Return a pattern of the places where `secret` can only be a password. In other words it is none, and to hide it there
    would give it away; a short one may be a word or a number itself, so that what stands around it has to tell."""
    text = re.escape(secret)
    if len(secret) < _SHORT:
        return re.compile(rf"(?<=:){text}(?=@)|(?<=['\"]){text}(?=['\"])|(?<==){text}(?![A-Za-z0-9])")
    return re.compile(rf"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{{2}})){text}(?![A-Za-z0-9])")
