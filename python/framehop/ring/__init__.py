"""The ring of decoded pictures in shared memory, and the memory that it needs."""

from framehop._core import FrameTag, Lease, Ring, RingHost, RingReader, Slot, SlotRef
from framehop.ring.finding import FoundRing, find_rings, remove_ring
from framehop.ring.memory import MemoryLimit, RingPlan, check_memory, memory_limits, plan_ring, video_memory

__all__ = [
    "FoundRing",
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
    "find_rings",
    "memory_limits",
    "plan_ring",
    "remove_ring",
    "video_memory",
]
