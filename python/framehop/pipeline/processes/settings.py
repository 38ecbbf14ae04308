"""The settings with which the supervisor starts its processes."""

from __future__ import annotations

import os
from typing import BinaryIO

import msgspec

from framehop.config.detect_options import DetectOptions
from framehop.errors import ProcessError
from framehop.log import LogAt
from framehop.motion import Motion, When
from framehop.pipeline.processes.source_messages import SourceOrder, SourceTraits
from framehop.policies import Policy
from framehop.protocols import Start
from framehop.regions import Regions
from framehop.tracked import Track
from framehop.types import FrameKey


class Suspect(msgspec.Struct, frozen=True):
    """A frame that was in the decoder when a worker died. `attempts`: how often that happened so far."""

    key: FrameKey
    attempts: int


class WorkerSettings(msgspec.Struct, frozen=True, tag="worker"):
    """The settings of a worker. `traits`: of the sources of this pipeline."""

    log: LogAt
    name: str
    group: str
    lane: str
    start: Start
    ring_path: str
    decode_threads: int
    max_pixels: int
    video_bytes: int
    max_attempts: int
    regions: dict[str, Regions]
    min_size_px: float
    suspects: list[Suspect]
    drain_s: float
    sample: float
    policies: dict[str, Policy]
    track: dict[str, Track]
    traits: list[SourceTraits]
    when: When
    motion: Motion


class DetectorSettings(msgspec.Struct, frozen=True, tag="detector"):
    """The settings of a detector. `facts`: the stem of the files in which it describes its models; see `facts.py`."""

    address: str
    facts: str
    ring_dir: str
    options: DetectOptions
    device: int = 0


class IngestSettings(msgspec.Struct, frozen=True, tag="ingest"):
    """The settings of an ingest process. `stays`: more sources may come; otherwise it ends once all of these have ended."""

    log: LogAt
    sources: list[SourceOrder]
    stays: bool = False


Settings = WorkerSettings | DetectorSettings | IngestSettings


class Begin(msgspec.Struct, frozen=True):
    """The settings that a process reads from its standard input at its start, since its sources may not fit into a packet.
    Messages on the channel wait meanwhile. `fail_at`: a point at which a test has the process killed."""

    settings: Settings
    fail_at: str = ""
    fail_nth: int = 1

    def to_file(self) -> BinaryIO:
        """Write the settings to a file in memory, positioned at its beginning for the child that inherits it."""
        file = os.fdopen(os.memfd_create("framehop-begin"), "w+b")
        file.write(_encoder.encode(self))
        file.seek(0)
        return file

    @classmethod
    def from_bytes(cls, data: bytes) -> Begin:
        """Parse `data`. Raises ProcessError."""
        try:
            return _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ProcessError(f"the settings from the supervisor do not parse: {error}") from error


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Begin)
