"""Finds the pipelines of this user on this host that work on one log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.log.kafka.url import KafkaUrl
from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_rings, published
from framehop.pipeline.control_plane.requests import Publication

LANE = "main"


def pipelines_of(at: LogAt) -> Iterator[PublishedPipeline]:
    return (found for found in published() if _is_of(found.publication, at))


def rings_of(at: LogAt, lane: str = "") -> list[str]:
    """Return the sockets of the rings of those that detect in `lane`; without a name, in `main` or else in the first of their
    lanes. One that does not answer takes three seconds, and has none."""
    detecting = [found for found in pipelines_of(at) if found.publication.kind != "ingest"]
    lanes = {found.publication.lane for found in detecting}
    lane = lane or (LANE if LANE in lanes else min(lanes, default=""))
    rings: list[str] = []
    for found in detecting:
        if found.publication.lane == lane:
            with contextlib.suppress(ProcessError):
                rings += ask_rings(found).rings
    return rings


def _is_of(said: Publication, at: LogAt) -> bool:
    if at.is_kafka:
        return said.log == str(KafkaUrl.parse(at.url))  # the port and the prefix may be left out
    with contextlib.suppress(OSError):
        return Path(said.log).samefile(at.url)
    return False
