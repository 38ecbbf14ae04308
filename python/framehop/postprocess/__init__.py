"""A network's raw outputs into boxes on the source picture."""

from framehop.postprocess.boxes import to_source
from framehop.postprocess.candidates import Candidates
from framehop.postprocess.heads import Head, make_head
from framehop.postprocess.nms import nms
from framehop.postprocess.objects import NO_OBJECTS, Objects, Postprocessor
from framehop.postprocess.wanted import Wanted

__all__ = ["NO_OBJECTS", "Candidates", "Head", "Objects", "Postprocessor", "Wanted", "make_head", "nms", "to_source"]
