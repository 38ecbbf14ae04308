"""Turns pictures into a network's input tensor."""

from framehop.inference.preprocess.native import InputTensor

__all__ = ["InputTensor"]
