"""Joins the two fields of an interlaced H.264 picture where they come as access units of their own: one picture, one frame.

Without it the second field would be a frame that shows nothing, and a policy might leave out half of a picture. Syntax: ITU-T
H.264, 7.3.2 and 7.3.3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from framehop.sources.unit import Unit

_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_HEADER_BYTES = 64  # of a slice, enough for the fields that are read
_SETS_BYTES = 4096  # of a parameter set; one with every list takes 2 KiB
_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})  # profiles
_NUMBER_BITS, _SETS, _LISTS = range(4, 17), 256, 12

About = TypeVar("About")


class _BrokenError(Exception):
    """The bits are no such structure."""


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._left = len(data) * 8
        self._value = int.from_bytes(data)

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise _BrokenError
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise _BrokenError
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sequence:
    """The part of a sequence parameter set that slices depend on. `planes`: each has its own slices."""

    planes: bool
    number_bits: int
    interlaced: bool


class _Field(NamedTuple):
    """The facts that a field says of itself. `number`: of its frame; pictures that no other needs share one. `reference`: others
    may need it."""

    parity: int
    number: int
    reference: bool


class FieldPairs(Generic[About]):
    """Joins fields of one stream. What is no field, or has no partner, stays as it is. Use from one thread."""

    def __init__(self) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._of_picture: dict[int, int] = {}  # the sequence's number by that of the picture parameter set
        self._first: tuple[About, Unit, _Field] | None = None
        self._order: int | None = None  # the parity of the fields that come first
        self._at_work = False

    def passes(self, unit: Unit) -> bool:
        """Return whether a unit stays as it is, and tells nothing that is needed later."""
        return not (self._at_work or unit.keyframe or self._first)

    @property
    def at_work(self) -> bool:
        """Whether the stream may have fields."""
        return self._at_work

    @property
    def waits(self) -> bool:
        """Whether a field waits for its partner."""
        return self._first is not None

    def take(self, about: About, unit: Unit) -> Iterator[tuple[About, Unit]]:
        """Yield what is complete with this unit. `about`: what to give with it; of two fields the first one's."""
        if unit.keyframe:
            self._learn(unit.payload)
        field = self._field(unit.payload) if self._at_work and not unit.error else None
        if self._first is not None and field is not None and self._completes(unit, field):
            first_about, first, (parity, _, reference) = self._first
            self._first = None
            self._order = parity if reference else self._order
            yield first_about, first._replace(payload=first.payload + unit.payload)
            return
        yield from self.rest()
        if field is None:
            yield about, unit
        else:
            self._first = about, unit, field

    def _completes(self, unit: Unit, field: _Field) -> bool:
        """Return whether a field is the partner of the one that waits. Some encoders say of both fields of a key frame that
        decoding can begin there; an IDR picture is never the second one."""
        if self._first is None or not self._are_a_pair(self._first[2], field):
            return False
        return not unit.keyframe or (self._first[1].keyframe and not _is_idr(unit.payload))

    def _are_a_pair(self, first: _Field, second: _Field) -> bool:
        """Return whether two fields are of one picture. Of pictures that no other needs only their order tells that: where a first
        field was lost, the second one and the first one of the next picture would look like a pair."""
        if first.parity == second.parity or first.number != second.number:
            return False
        return first.reference or self._order in {None, first.parity}

    def rest(self) -> Iterator[tuple[About, Unit]]:
        """Yield the field that waits for its partner, which has not come."""
        if self._first is not None:
            about, unit, _ = self._first
            self._first = None
            yield about, unit

    def _learn(self, unit: bytes) -> None:
        for header, body in _units(unit, _SETS_BYTES):
            try:
                if _kind(header) == _SPS:
                    self._learn_sequence(body)
                elif _kind(header) == _PPS:
                    bits = _Bits(body)
                    self._of_picture[bits.ue() % _SETS] = bits.ue()
            except _BrokenError:
                continue

    def _learn_sequence(self, body: bytes) -> None:
        bits = _Bits(body)
        profile = bits.u(24) >> 16
        number = bits.ue() % _SETS
        planes = _skip_chroma(bits) if profile in _WITH_CHROMA else False
        number_bits = bits.ue() + 4
        _skip_order(bits)
        bits.ue(), bits.u(1), bits.ue(), bits.ue()  # references, gaps, width, height
        if number_bits not in _NUMBER_BITS:
            raise _BrokenError
        self._sequences[number] = _Sequence(planes=planes, number_bits=number_bits, interlaced=not bits.u(1))
        self._at_work = any(sequence.interlaced for sequence in self._sequences.values())

    def _field(self, unit: bytes) -> _Field | None:
        """Return what a unit says of itself if it is a single field."""
        slices = [(header, body) for header, body in _units(unit, _HEADER_BYTES) if _kind(header) in {_SLICE, _IDR}]
        try:
            found = {self._slice(header, body) for header, body in slices}
        except _BrokenError:
            return None
        return found.pop() if len(found) == 1 else None

    def _slice(self, header: int, body: bytes) -> _Field | None:
        bits = _Bits(body)
        bits.ue(), bits.ue()  # place, kind
        sequence = self._sequences.get(self._of_picture.get(bits.ue(), -1))
        if sequence is None:
            raise _BrokenError
        bits.u(2 * sequence.planes)
        number = bits.u(sequence.number_bits)
        if not (sequence.interlaced and bits.u(1)):
            return None
        return _Field(parity=bits.u(1), number=number, reference=bool(header >> 5 & 3))


def _kind(header: int) -> int:
    return header & 0x1F


def _is_idr(unit: bytes) -> bool:
    return any(_kind(header) == _IDR for header, _ in _units(unit, 0))


def _units(data: bytes, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield header and content, without the bytes against emulated start codes, of the units of Annex B; `most` bytes of each."""
    at = data.find(b"\0\0\1")
    while at >= 0 and at + 4 <= len(data):
        after = data.find(b"\0\0\1", at + 3)
        end = min(at + 4 + most, after if after >= 0 else len(data))
        yield data[at + 3], data[at + 4 : end].replace(b"\0\0\3", b"\0\0")
        at = after


def _skip_chroma(bits: _Bits) -> bool:
    """Skip to behind the scaling lists; return whether planes have slices of their own."""
    chroma = bits.ue()
    planes = bool(bits.u(1)) if chroma == 3 else False
    bits.ue(), bits.ue(), bits.u(1)
    if bits.u(1):
        for number in range(_LISTS if chroma == 3 else 8):
            if bits.u(1):
                _skip_list(bits, 16 if number < 6 else 64)
    return planes


def _skip_list(bits: _Bits, size: int) -> None:
    last = after = 8
    for _ in range(size):
        if after:
            after = (last + bits.se()) % 256
        last = after or last


def _skip_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1), bits.se(), bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
