"""The command line. Thin: each command parses, calls the pipeline, and prints."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the `framehop` command. Where memory ends, also while modules are loaded, a line says so."""
    try:
        from framehop.cli.app import main as run_command

        run_command()
    except ImportError as error:
        sys.exit(f"error: framehop cannot be loaded: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory{f': {error}' if str(error) else ''}; nothing acknowledged is lost")
    except KeyboardInterrupt:
        sys.exit(130)
