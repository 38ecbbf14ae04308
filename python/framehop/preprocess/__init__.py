"""Pictures into a network's input tensor."""

from framehop.preprocess.tensor import InputTensor

__all__ = ["InputTensor"]
