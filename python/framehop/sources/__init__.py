"""The sources of pictures: video files, pictures, a pan over a still picture, a test card."""

from framehop.sources.expand import expand
from framehop.sources.opening import (
    OpenedSources,
    check_distinct,
    open_sources,
    open_specs,
    parse_source,
    parse_sources,
)
from framehop.sources.spec import SourceOptions, SourceSpec

__all__ = [
    "OpenedSources",
    "SourceOptions",
    "SourceSpec",
    "check_distinct",
    "expand",
    "open_sources",
    "open_specs",
    "parse_source",
    "parse_sources",
]
