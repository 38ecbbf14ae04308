"""Turns a network's raw outputs into boxes on the source picture."""

from framehop.inference.postprocess.boxes import to_source
from framehop.inference.postprocess.candidates import NO_CANDIDATES, Candidates
from framehop.inference.postprocess.heads import Head, make_head
from framehop.inference.postprocess.nms import nms
from framehop.inference.postprocess.objects import NO_OBJECTS, Objects, Postprocessor
from framehop.inference.postprocess.rows import Outputs, Rows, finite
from framehop.inference.postprocess.wanted import Wanted

__all__ = [
    "NO_CANDIDATES",
    "NO_OBJECTS",
    "Candidates",
    "Head",
    "Objects",
    "Outputs",
    "Postprocessor",
    "Rows",
    "Wanted",
    "finite",
    "make_head",
    "nms",
    "to_source",
]
