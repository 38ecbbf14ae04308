"""Computes the partition of a stream, and the number of partitions for each member of a group. All functions are pure."""

from __future__ import annotations

from collections.abc import Mapping

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit murmur2, signed as in Java (org.apache.kafka.common.utils.Utils.murmur2)."""
    whole = len(data) & ~3
    h = (_SEED ^ len(data)) & _MASK
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if whole != len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h >> 31 else h


def partition_of(stream: str, partitions: int) -> int:
    """Return the partition of a stream among `partitions`, as Kafka's Java producer chooses it for this key."""
    return (murmur2(stream.encode()) & 0x7FFFFFFF) % partitions


def fair_shares(owned: Mapping[str, int], partitions: int) -> dict[str, int]:
    """Return how many partitions each living member should own, given how many it owns now.

    The shares differ by at most one and add up to `partitions`; members that own most already get the larger ones, so that few
    partitions move. Every member computes the same from the same snapshot.
    """
    if not owned:
        return {}
    base, larger = divmod(partitions, len(owned))
    ranked = sorted(owned, key=lambda member: (-owned[member], member))
    return {member: base + (rank < larger) for rank, member in enumerate(ranked)}
