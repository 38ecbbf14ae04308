"""A worker's intake thread: polls the log, refuses what cannot be a picture, decodes the rest into ring slots."""

from __future__ import annotations

from framehop import _core
from framehop.errors import BY_CODE, FramehopError, PictureError
from framehop.pipeline.control import WorkerSettings
from framehop.pipeline.worker.in_flight import Decoded, InFlight
from framehop.pipeline.worker.outcomes import make_event
from framehop.pipeline.worker.refusal import refusal
from framehop.protocols import FrameConsumer
from framehop.sources.identity import name_in, shown
from framehop.timing import now_us
from framehop.types import FrameRecord

POLL_S = 1.0
SLOT_WAIT_S = 0.25


_PICTURES_FAULT = frozenset(code for code, error in BY_CODE.items() if issubclass(error, PictureError))


class DecoderError(FramehopError):
    """A frame could not be decoded, and not for what is in its bytes."""

    def __init__(self, record: FrameRecord, why: str) -> None:
        super().__init__(f"{record.meta.key} could not be decoded: {why}")
        self.key = record.meta.key


class Intake:
    """Decodes at most one picture per thread at a time: the first of a batch never waits for a second round."""

    def __init__(
        self, consumer: FrameConsumer, ring: _core.Ring, in_flight: InFlight, settings: WorkerSettings, writer: str
    ) -> None:
        self._consumer = consumer
        self._ring = ring
        self._in_flight = in_flight
        self._settings = settings
        self._writer = writer
        self._decoder = _core.JpegDecoder(threads=settings.decode_threads, max_pixels=settings.max_pixels)
        self._suspects = {suspect.key: suspect.attempts for suspect in settings.suspects}

    def run(self) -> None:
        with self._in_flight.failing(), self._decoder:
            while self._in_flight.intake_open:
                for frame in self._in_flight.take_again():
                    self._decode([(frame.record, frame.polled_us, frame.attempts + 1)])
                self._take(self._consumer.poll(self._room(), POLL_S))
            self._hold_membership()

    def _room(self) -> int:
        """How many frames to poll: what can be decoded at once; one even when the ring is full, which then waits for its slot."""
        return max(1, min(self._decoder.threads, self._ring.free_slots()))

    def _hold_membership(self) -> None:
        """Draining: no new frames, and nobody else may think we are gone."""
        while not self._in_flight.stopping.wait(SLOT_WAIT_S):
            self._consumer.poll(0, 0.0)

    def _take(self, records: list[FrameRecord]) -> None:
        self._in_flight.add(records)
        polled_us = now_us()
        wanted = [(record, polled_us, 0) for record in records if not self._refused(record)]
        alone = [item for item in wanted if self._is_suspect(item[0])]
        together = [item for item in wanted if not self._is_suspect(item[0])]
        for item in alone:
            self._decode([item])
        self._decode(together)

    def _is_suspect(self, record: FrameRecord) -> bool:
        return record.meta.key in self._suspects

    def _refused(self, record: FrameRecord) -> bool:
        """Complete a frame that must not reach the decoder; True if it was one."""
        attempts = self._suspects.get(record.meta.key, 0)
        if record.meta.error:
            self._fail(record, record.meta.error)
        elif record.payload is None:
            self._fail(record, "lost_data: the log's checksum does not match the picture's bytes")
        elif attempts >= self._settings.max_attempts:
            self._fail(record, f"decoder_crash: the decoder died {attempts} times on this picture")
        elif record.meta.content_type != "image/jpeg":
            self._fail(record, f"unsupported_content: {record.meta.content_type[:64]!r} is not image/jpeg")
        else:
            return False
        return True

    def _fail(self, record: FrameRecord, reason: str, size: tuple[int, int] | None = None) -> None:
        event = make_event(
            record.meta, lane=self._settings.lane, writer=self._writer, outcome="failed", reason=reason, size=size
        )
        self._in_flight.complete(event, record.tenure)

    def _decode(self, items: list[tuple[FrameRecord, int, int]]) -> None:
        slots: list[_core.Slot] = []
        for record, _, _ in items:
            slot = self._acquire(record)
            if slot is None:  # stopping: the frames stay uncommitted and are read again by whoever comes next
                for taken in slots:
                    taken.abandon()
                return
            slots.append(slot)
        if not items:
            return
        results = self._decoder.decode(
            slots,
            [record.payload for record, _, _ in items if record.payload is not None],
            min_width=self._settings.min_width,
            min_height=self._settings.min_height,
        )
        self._hand_on(items, results)

    def _hand_on(self, items: list[tuple[FrameRecord, int, int]], results: list[_core.DecodeResult]) -> None:
        decoded = []
        for (record, polled_us, attempts), result in zip(items, results, strict=True):
            if result.ref is None:
                if result.error not in _PICTURES_FAULT:
                    raise DecoderError(record, f"{result.error}: {result.message}")
                size = (result.source_width, result.source_height) if result.source_width else None
                self._fail(record, self._why(record, result), size)
            else:
                decoded.append(
                    Decoded(record=record, ref=result.ref, result=result, polled_us=polled_us, attempts=attempts)
                )
        self._in_flight.decoded(decoded)

    def _why(self, record: FrameRecord, result: _core.DecodeResult) -> str:
        """With the name of the file, where the picture is one of a folder's."""
        settings = self._settings
        min_size = (settings.min_width, settings.min_height)
        file = shown(name_in(record.meta.origin))
        return refusal(result, file=file, min_size=min_size, max_pixels=settings.max_pixels)

    def _acquire(self, record: FrameRecord) -> _core.Slot | None:
        """A slot for the frame: back-pressure is here, and membership is kept by the consumer's own heartbeat meanwhile."""
        key, pointer = record.meta.key, record.meta.pointer
        tag = _core.FrameTag(key.stream, key.epoch, key.seq, pointer.partition, pointer.offset)
        while not self._in_flight.stopping.is_set():
            slot = self._ring.wait_acquire(tag, SLOT_WAIT_S)
            if slot is not None:
                return slot
        return None
