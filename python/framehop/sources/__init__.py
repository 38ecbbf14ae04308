"""The sources of pictures: video files, pictures, a pan over a still picture, a test card."""

from framehop.sources.address import without_secrets
from framehop.sources.configured import StreamConfig
from framehop.sources.credentials import hide_credentials
from framehop.sources.expand import expand
from framehop.sources.film import DEFAULT_CODEC, Codec, check_codec
from framehop.sources.opening import (
    OpenedSources,
    check_distinct,
    open_specs,
    parse_source,
    parse_sources,
)
from framehop.sources.spec import STALL_S, SourceOptions, SourceSpec

__all__ = [
    "DEFAULT_CODEC",
    "STALL_S",
    "Codec",
    "OpenedSources",
    "SourceOptions",
    "SourceSpec",
    "StreamConfig",
    "check_codec",
    "check_distinct",
    "expand",
    "hide_credentials",
    "open_specs",
    "parse_source",
    "parse_sources",
    "without_secrets",
]
