"""The command line. It is thin: each command parses, calls the pipeline, and prints."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Enter the `framehop` command. One line tells when memory runs out, even while modules are loaded."""
    try:
        from framehop.cli.app import main as run_command

        run_command()
    except ImportError as error:
        sys.exit(f"error: framehop cannot be loaded: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory{f': {error}' if str(error) else ''}; nothing acknowledged is lost")
    except KeyboardInterrupt:
        sys.exit(130)
