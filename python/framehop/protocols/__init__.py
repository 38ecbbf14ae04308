"""The plug-in points: what a log, a source and a detector must do. Each has a fake in :mod:`framehop.testing`."""

from __future__ import annotations

from framehop.protocols.detector import Detector
from framehop.protocols.frame_consumer import (
    BeginAt,
    CommitResult,
    FrameConsumer,
    PartitionsCallback,
    Tenure,
    TenuresCallback,
)
from framehop.protocols.frame_log import (
    SINCE_MARGIN_US,
    ConsumableLog,
    Delivery,
    EventLog,
    EventReader,
    FrameArchive,
    FrameLog,
    GroupAdmin,
    OtherCallback,
    ProgressCallback,
    Start,
    WritableLog,
)
from framehop.protocols.frame_writer import NO_BACKLOG, NO_LABELS, Ack, Backlog, FrameWriter, Spools
from framehop.protocols.source import (
    NO_PICTURE,
    LeavesOut,
    ListedSource,
    LiveSource,
    Picture,
    Source,
    SourceFacts,
    Timed,
    Versioned,
)

__all__ = [
    "NO_BACKLOG",
    "NO_LABELS",
    "NO_PICTURE",
    "SINCE_MARGIN_US",
    "Ack",
    "Backlog",
    "BeginAt",
    "CommitResult",
    "ConsumableLog",
    "Delivery",
    "Detector",
    "EventLog",
    "EventReader",
    "FrameArchive",
    "FrameConsumer",
    "FrameLog",
    "FrameWriter",
    "GroupAdmin",
    "LeavesOut",
    "ListedSource",
    "LiveSource",
    "OtherCallback",
    "PartitionsCallback",
    "Picture",
    "ProgressCallback",
    "Source",
    "SourceFacts",
    "Spools",
    "Start",
    "Tenure",
    "TenuresCallback",
    "Timed",
    "Versioned",
    "WritableLog",
]
