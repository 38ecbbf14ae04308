"""The command line. It is thin: each command parses, calls the pipeline, and prints."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Enter the `framehop` command. One line tells when memory runs out, and Ctrl-C ends it, even while modules are loaded; so
    nothing that takes long is loaded before this."""
    try:
        from framehop.pipeline.processes.standard_streams import open_closed_streams

        open_closed_streams()
        from framehop.cli.app import main as run_command

        run_command()
    except ImportError as error:
        sys.exit(f"error: framehop cannot be loaded: {error}")
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        sys.exit(f"error: out of memory{f': {error}' if str(error) else ''}; nothing acknowledged is lost")
    except KeyboardInterrupt:
        sys.exit(130)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether `error` says that memory is short, or is of a kind that a lack of memory causes, among others: a thread that
    cannot be started is one."""
    if isinstance(error, MemoryError):
        return True
    from framehop.errors import is_out_of_memory

    return is_out_of_memory(error)
