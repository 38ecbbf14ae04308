"""Where pictures come from: video files, pictures, a pan over a still picture, a test card."""

from framehop.sources.spec import SourceOptions, SourceSpec, check_distinct, open_sources, parse_source

__all__ = ["SourceOptions", "SourceSpec", "check_distinct", "open_sources", "parse_source"]
