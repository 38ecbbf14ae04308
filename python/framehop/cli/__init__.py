"""The command line. Thin: each command parses, calls the pipeline, and prints."""

from framehop.cli.app import main

__all__ = ["main"]
