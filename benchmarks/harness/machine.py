"""Facts of the machine, by the same code that `framehop bench` has."""

from framehop.bench.machine import Load, Machine, Others, before, describe, during, look

__all__ = ["Load", "Machine", "Others", "before", "describe", "during", "look"]
