"""Time stamps in whole microseconds: integers give what fractions would."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from framehop.sources.container import microseconds

STEPS = st.integers(-(2**63), 2**63 - 1)
BASES = st.fractions(min_value=Fraction(1, 2**31), max_value=1000, max_denominator=2**31)


@given(STEPS, BASES)
def test_a_time_stamp_is_rounded_as_its_fraction_is(steps: int, base: Fraction) -> None:
    assert microseconds(steps, base) == round(steps * base * 1_000_000)


@given(st.integers(-1000, 1000))
def test_a_half_goes_to_the_even_neighbour(steps: int) -> None:
    base = Fraction(1, 2_000_000)
    assert microseconds(steps, base) == round(steps * base * 1_000_000)
