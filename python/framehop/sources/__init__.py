"""Where pictures come from: video files, pictures, a pan over a still picture, a test card."""

from framehop.sources.spec import SourceOptions, SourceSpec, check_distinct, parse_source, parse_sources

__all__ = ["SourceOptions", "SourceSpec", "check_distinct", "parse_source", "parse_sources"]
