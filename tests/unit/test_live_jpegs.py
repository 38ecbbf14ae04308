"""Tests of Motion JPEG: pictures without Huffman tables get the standard ones, and everything else stays as it is."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st

from framehop.sources.live.jpegs import size_of, with_tables
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


def test_the_size_is_that_of_the_header() -> None:
    assert size_of(jpeg(64, 48)) == (64, 48)
    assert size_of(b"\xff\xd8 no header") == (0, 0)


@hypothesis.given(st.binary(max_size=64), st.integers(0, 600))
def test_hostile_bytes_raise_nothing(tail: bytes, cut: int) -> None:
    for data in (b"\xff\xd8" + tail, jpeg()[:cut] + tail):
        found = with_tables(data)
        assert found == data or (TABLES in found and len(found) > len(data))
