"""Recognises a detector by its file: which family it is of, what goes in and how its outputs become boxes, and why."""

from framehop.inference.recognise.choices import Reason
from framehop.inference.recognise.plan import Plan, recognise
from framehop.inference.recognise.probe import run_ms
from framehop.inference.recognise.sidecar_text import as_yaml

__all__ = ["Plan", "Reason", "as_yaml", "recognise", "run_ms"]
