"""Turns pictures into a network's input tensor. Importing this imports nothing heavy; making a DALI preprocessor does."""

from framehop.inference.preprocess.choosing import dali_installed, make_preprocessor, shared_stream
from framehop.inference.preprocess.native import InputTensor
from framehop.inference.preprocess.preprocessor import Preprocessor

__all__ = ["InputTensor", "Preprocessor", "dali_installed", "make_preprocessor", "shared_stream"]
