"""The addresses of cameras: what FFmpeg gets, and what people and logs may see of it."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from framehop.errors import SourceError

Kind = Literal["rtsp", "rtmp", "http", "device"]
Transport = Literal["tcp", "udp"]

_KINDS: dict[str, Kind] = {
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "rtmp": "rtmp",
    "rtmps": "rtmp",
    "http": "http",
    "https": "http",
}
_DEVICE = re.compile(r"/dev/video[0-9]{1,4}")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_REFERENCE = r"\{env:[^\s:@{}'\"]+\}(?=[:@])"  # a user that is still to be filled in; its colon begins no password
_WHOLE = re.compile(
    rf"\A(?=\S*\Z)([A-Za-z][A-Za-z0-9+.-]*://(?:{_REFERENCE}|(?!{_REFERENCE})[^\s:/@])*):\S*@"
)  # nothing but a URL: quotes are its password's
_PASSWORD = re.compile(
    rf"(:/{{1,2}}(?:{_REFERENCE}|(?!{_REFERENCE})[^\s:/@'\"])*):[^\s'\"]*@"
)  # up to the last @, as an unescaped password may have one
_VALUE = re.compile(
    r"((?:pass|passwd|password|pwd|token|secret|key|sig|signature|auth|credential)[a-z]*=)[^&\s'\"/;]*", re.IGNORECASE
)
HIDDEN = "***"
_MOST = 100  # characters of a name


def is_address(text: str) -> bool:
    """Return whether `text` names a camera, by a URL that is understood or as a device."""
    scheme = _URL.match(text)
    return bool(_DEVICE.fullmatch(text)) or (scheme is not None and scheme[1].lower() in _KINDS)


def without_secrets(text: str) -> str:
    """Return `text` without the passwords, tokens and keys of the URLs in it."""
    return _VALUE.sub(rf"\1{HIDDEN}", _PASSWORD.sub(r"\1@", _WHOLE.sub(r"\1@", text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a camera. `url`: as FFmpeg gets it, with the password. `shown`: the same without secrets. `transport`: of
    RTSP."""

    url: str = field(repr=False)
    shown: str
    kind: Kind
    transport: Transport = "tcp"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse what `is_address` accepts. Raises SourceError, which names no secret."""
        if _DEVICE.fullmatch(text):
            return cls(url=text, shown=text, kind="device")
        try:
            parts = urlsplit(text)
            broken = (
                not parts.hostname or parts.port == 0 or bool(parts.fragment) or not text.isprintable() or " " in text
            )
        except ValueError:  # a port or an IPv6 address that is none
            broken = True
        if broken:
            raise SourceError(
                f"{_scheme_of(text)}://… is no address of a camera: write rtsp://USER:PASSWORD@HOST:PORT/PATH, and in the password "
                "%25 for %, %40 for @, %3A for :, %2F for /, %23 for #, %3F for ?"
            )
        kind = _KINDS[parts.scheme]
        parts, transport = _transport(parts) if kind == "rtsp" else (parts, "tcp")
        return cls(url=urlunsplit(parts), shown=_shown(parts), kind=kind, transport=transport)

    @property
    def name(self) -> str:
        """A name for the stream, of the host, path and query; without secrets, and not always legal."""
        if self.kind == "device":
            return self.url.rpartition("/")[2]
        parts = urlsplit(self.shown)
        text = f"{parts.hostname}{parts.path}{'?' if parts.query else ''}{parts.query}".replace(HIDDEN, "")
        return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-")[:_MOST] or self.kind

    @property
    def host_is_known(self) -> bool:
        """Whether the host's name can be resolved. Asks a name server, which may take seconds."""
        try:
            socket.getaddrinfo(urlsplit(self.shown).hostname, None)
        except OSError:
            return False
        return True


def _scheme_of(text: str) -> str:
    found = _URL.match(text)
    return found[1].lower() if found else "rtsp"


def _transport(parts: SplitResult) -> tuple[SplitResult, Transport]:
    """Take `transport=udp` out of a query, which is ours and not the camera's."""
    items = [item for item in parts.query.split("&") if item]
    ours = [item for item in items if item.startswith("transport=")]
    rest = parts._replace(query="&".join(item for item in items if item not in ours))
    match ours:
        case [] | ["transport=tcp"]:
            return rest, "tcp"
        case ["transport=udp"]:
            return rest, "udp"
    raise SourceError(f"{_shown(parts)}: RTSP comes by transport=tcp or transport=udp")


def _shown(parts: SplitResult) -> str:
    user, at, host = parts.netloc.rpartition("@")
    shown = parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}")
    return _VALUE.sub(rf"\1{HIDDEN}", urlunsplit(shown))
