"""The table of recognisers: a row for each family, in the order in which evidence is trusted. A new one is a row and a head."""

from __future__ import annotations

from framehop.inference.recognise.families_named import NAMED
from framehop.inference.recognise.families_shaped import SHAPED
from framehop.inference.recognise.family import Family

FAMILIES: tuple[Family, ...] = NAMED + SHAPED
