from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.partitioning import fair_shares, murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # from Kafka's own UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected


def test_a_negative_hash_is_masked_as_in_java() -> None:
    assert partition_of("foobar", 8) == (-790332482 & 0x7FFFFFFF) % 8


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 64), min_size=1), st.integers(1, 64))
def test_shares_are_whole_fair_and_leave_the_large_ones_where_they_are(owned: dict[str, int], partitions: int) -> None:
    shares = fair_shares(owned, partitions)
    assert sum(shares.values()) == partitions
    assert max(shares.values()) - min(shares.values()) <= 1
    for member, other in zip(
        sorted(owned, key=lambda m: -owned[m]), sorted(owned, key=lambda m: owned[m]), strict=True
    ):
        if owned[member] > owned[other]:
            assert shares[member] >= shares[other]


def test_nobody_has_no_shares() -> None:
    assert fair_shares({}, 8) == {}
