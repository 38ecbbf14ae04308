"""The sources with which a command begins."""

from __future__ import annotations

from pathlib import Path

from framehop.errors import ConfigError
from framehop.pipeline.ingest.pacing import parse_rate
from framehop.pipeline.streams.stream_file import StreamFile
from framehop.pipeline.streams.streams import Streams
from framehop.sources import check_codec


def take_sources(
    streams: Streams, sources: list[str], config: Path | None, *, rate: str, loop: int, codec: str
) -> StreamFile | None:
    """Take the sources of the command line and of the configuration; return the file that may change later. Raises ConfigError when
    there is no source at all."""
    pace, kept = parse_rate(rate), check_codec(codec)
    if sources:
        streams.add(sources, rate=pace, loop=loop, codec=kept)
    file = StreamFile(config, streams) if config is not None else None
    if file is not None:
        file.apply()
    if not streams.statuses():
        raise ConfigError(
            "there is nothing to read: name a source, such as clip.mp4, or streams in the file of --config"
        )
    return file
