"""The ring of decoded pictures in shared memory, and the memory that it needs."""

from framehop._core import FrameTag, Lease, Ring, RingHost, RingReader, Slot, SlotRef
from framehop.ring.memory import MemoryLimit, RingPlan, check_memory, memory_limits, plan_ring, video_memory

__all__ = [
    "FrameTag",
    "Lease",
    "MemoryLimit",
    "Ring",
    "RingHost",
    "RingPlan",
    "RingReader",
    "Slot",
    "SlotRef",
    "check_memory",
    "memory_limits",
    "plan_ring",
    "video_memory",
]
