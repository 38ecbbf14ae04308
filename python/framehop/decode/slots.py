"""Takes slots of the ring: all that are needed, or none."""

from __future__ import annotations

from collections.abc import Iterable

from framehop._core import Slot
from framehop.decode.decoder import DecodeJob, TakeSlot


def take_all(jobs: Iterable[DecodeJob], take_slot: TakeSlot) -> list[Slot] | None:
    """Take a slot for each job; None when the worker is stopping, with none kept."""
    slots: list[Slot] = []
    for job in jobs:
        slot = take_slot(job.record)
        if slot is None:
            for taken in slots:
                taken.abandon()
            return None
        slots.append(slot)
    return slots
