"""Tests of Motion JPEG: pictures without Huffman tables get the standard ones, and everything else stays as it is."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest
from av.packet import Packet

from framehop.sources.jpegs import size_of, with_tables
from framehop.sources.live import makers
from framehop.testing.synthetic import jpeg, truncated_jpeg

TABLES = b"\xff\xc4"


def test_a_picture_without_tables_gets_the_standard_ones_where_libjpeg_has_them() -> None:
    whole = jpeg()
    scan = whole.index(b"\xff\xda")
    first = whole.index(TABLES)
    assert with_tables(whole[:first] + whole[scan:]) == whole


def test_a_picture_with_tables_stays_as_it_is() -> None:
    for data in (jpeg(), truncated_jpeg(), b"", b"\xff\xd8", b"no picture"):
        assert with_tables(data) == data


def test_a_picture_that_is_nothing_but_markers_is_not_looked_through() -> None:
    whole = jpeg()
    bare = whole[whole.index(b"\xff\xda") :]
    few, many = (b"\xff\xd8" + b"\xff\xe0\x00\x02" * count + bare for count in (100, 2000))
    assert with_tables(few) != few
    assert with_tables(many) == many


def test_what_is_larger_than_any_picture_is_one_that_failed_and_the_next_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, large = jpeg(16, 16), jpeg(640, 480)
    monkeypatch.setattr(makers, "MAX_FILE_BYTES", len(small))
    monkeypatch.setattr("framehop.sources.units.MAX_FILE_BYTES", len(small))  # which says it in words
    maker = makers._Jpegs("cam")
    found = [made for data in (small, large, small) for made in maker.make(Packet(data))]  # type: ignore[arg-type]
    assert [made.payload for made in found] == [small, b"", small]
    assert [made.error for made in found] == [
        "",
        f"picture_too_large: cam: {len(large)} bytes, and {len(small)} are allowed",
        "",
    ]
    assert not found[1].keyframe


def test_the_size_is_that_of_the_header() -> None:
    assert size_of(jpeg(64, 48)) == (64, 48)
    assert size_of(b"\xff\xd8 no header") == (0, 0)


@hypothesis.given(st.binary(max_size=64), st.integers(0, 600))
def test_hostile_bytes_raise_nothing(tail: bytes, cut: int) -> None:
    for data in (b"\xff\xd8" + tail, jpeg()[:cut] + tail):
        found = with_tables(data)
        assert found == data or (TABLES in found and len(found) > len(data))
