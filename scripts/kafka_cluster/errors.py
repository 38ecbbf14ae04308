from __future__ import annotations


class ClusterError(Exception):
    """Something a person can act upon; its message is all that is shown."""
