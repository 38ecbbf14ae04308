"""The rings of the workers that a detector serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framehop import _core
from framehop.errors import FramehopError, text_of
from framehop.inference.page_locks import PageLocks

MOST = 128  # as many workers as the hop keeps


@dataclass(slots=True)
class _Ring:
    """An attached ring. `leased`: how many of its pictures are looked at."""

    reader: _core.RingReader
    leased: int = 0


class Rings:
    """The rings that are attached, `MOST` at a time. Whoever reaches the hop's socket can name any: none may end the detector. Use
    from one thread. Closing twice is harmless."""

    def __init__(self, directory: Path, locks: PageLocks) -> None:
        """Take rings of `directory` alone. `locks`: what page-locks their pixels for a GPU; it becomes ours to close."""
        self._directory, self._locks = directory, locks
        self._rings: dict[int, _Ring] = {}

    def __contains__(self, ring_id: int) -> bool:
        return ring_id in self._rings

    def attach(self, ring_id: int, path: str, timeout_s: float) -> str:
        """Attach the ring that a worker names, unless it is; return why it cannot be served, or nothing. Waits up to `timeout_s`
        seconds for the ring's host."""
        if ring_id in self._rings:
            return ""
        if Path(path).parent != self._directory:
            return f"its ring {path} does not lie in {self._directory}"
        self._drop_dead()
        if len(self._rings) >= MOST:
            return f"{MOST} rings are attached already"
        try:
            reader = _core.RingReader.attach(path, role="detector", timeout_s=timeout_s)
        except (FramehopError, MemoryError) as error:
            return text_of(error)
        return self._keep(ring_id, reader)

    def _keep(self, ring_id: int, reader: _core.RingReader) -> str:
        if reader.ring_id != ring_id:
            reader.close()
            return f"at {reader.path} is another ring than the worker's"
        self._rings[ring_id] = _Ring(reader)
        self._locks.lock(*reader.pixel_memory, read_only=True)
        return ""

    def _drop_dead(self) -> None:
        """Let go of rings whose host has gone, but of none while a lane looks at its pictures."""
        for ring_id, ring in list(self._rings.items()):
            if not ring.leased and not ring.reader.alive:
                self._locks.unlock(ring.reader.pixel_memory[0])
                ring.reader.close()
                del self._rings[ring_id]

    def try_lease(self, request: _core.FrameRequest) -> _core.Lease | None:
        """Lease the picture that is asked for; None when its slot has another by now, or its ring is not attached."""
        ring = self._rings.get(request.ring_id)
        if ring is None or request.slot >= ring.reader.slot_count:
            return None
        lease = ring.reader.try_lease(request.slot, request.generation)
        ring.leased += lease is not None
        return lease

    def give_back(self, request: _core.FrameRequest, lease: _core.Lease) -> None:
        """End a lease of `try_lease`."""
        lease.release()
        self._rings[request.ring_id].leased -= 1

    def close(self) -> None:
        self._locks.close()
        for ring in self._rings.values():
            ring.reader.close()
        self._rings.clear()
