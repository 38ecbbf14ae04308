"""Reads playlists before FFmpeg does, which keeps all that they name, however much that is."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

from framehop.sources.container import lacks_memory, open_address

MOST_BYTES = 16 << 20  # of a playlist and all that it names; FFmpeg needs some ten times as much for what is in them
MOST_NAMED = 200  # qualities and sounds of one film; FFmpeg needs 10 KB for each
PLAYLIST = "#EXTM3U"  # the first line
_LINES = bytes.maketrans(b"\r\0", b"\n\n")  # where FFmpeg ends a line; empty ones say nothing
# Each line is read once, whatever a hostile server has in it, and no lock of Python is held for long.
_OTHERS = ("#EXT-X-STREAM-INF:", "#EXT-X-MEDIA:")
_VARIANT = re.compile(
    r"^#EXT-X-STREAM-INF:.*+\n(?:(?:#(?!EXT-X-STREAM-INF:).*+|[^\S\n]++)?+\n)*+([^#\n].*+)", re.MULTILINE
)
_MEDIA = re.compile(r'^#EXT-X-MEDIA:(?:(?!URI=).)*+URI="?+([^",\n]++)', re.MULTILINE)

Reads = Callable[[str, int], str]  # the text at an address, up to so many bytes; nothing if there is no playlist


def excess_of(text: str, url: str, read: Reads) -> str:
    """Return what is too much about a playlist and those that it names; nothing if FFmpeg may have it. `url`: of the playlist.
    `read`: reads the others."""
    if names_others(text) > MOST_NAMED:
        return f"names more than {MOST_NAMED} playlists"
    left = MOST_BYTES - _bytes_of(text)
    for name in dict.fromkeys(joined(url, name) for name in variants_in(text)):
        if left < 0:
            break
        other = read(name, left)
        if names_others(other):
            return "names playlists that name others"
        left -= _bytes_of(other)
    return "" if left >= 0 else f"has playlists of more than {MOST_BYTES >> 20} MiB"


def _bytes_of(text: str) -> int:
    """Return how many bytes a text was read from, or more where they are no UTF-8."""
    return len(text.encode())


def names_others(text: str) -> int:
    """Return how many other playlists a playlist names, at most."""
    return sum(text.count(tag) for tag in _OTHERS)


def variants_in(text: str) -> Iterator[str]:
    """Iterate over the playlists that a playlist names, as it writes their addresses: first those with pictures."""
    for pattern in (_VARIANT, _MEDIA):
        yield from (match[1].strip() for match in pattern.finditer(text))


def joined(url: str, name: str) -> str:
    """Return the address that a playlist at `url` calls `name`."""
    try:
        return urljoin(url, name)
    except ValueError:  # no address that anything could be at
        return name


def text_at(
    url: str, options: dict[str, str], ends: Callable[[], bool], *, open_s: float, read_s: float, most: int
) -> str:
    """Return the text of the playlist at an address, up to `most` bytes and one packet; of anything else one packet, and nothing if
    nothing is there. `ends` is asked before each wait, as those inside FFmpeg have deadlines of their own."""
    data = bytearray()
    try:
        if ends():
            return ""
        options = options | {"format_whitelist": "data"}
        with open_address(url, format_name="data", options=options, open_s=open_s, read_s=read_s) as container:
            for packet in container.demux():
                data += bytes(packet)
                if not begins_as_playlist(data) or len(data) > most or ends():
                    break
    except Exception as error:  # a demuxer may raise anything for what a hostile host sends
        if lacks_memory(error):
            raise
        if not (
            isinstance(error, OSError) and error.errno == errno.EIO
        ):  # as FFmpeg calls the end of what tells no length
            return ""
    return data.translate(_LINES).decode(errors="replace")


def begins_as_playlist(data: bytes | bytearray) -> bool:
    """Return whether bytes, which may be few yet, are the beginning of a playlist."""
    return data.startswith(PLAYLIST[: len(data)].encode())
