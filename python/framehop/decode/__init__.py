"""Decodes frames into slots of the ring: one decoder per kind of content, behind one protocol."""

from framehop.decode.decoder import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    Decoder,
    DecoderError,
    Glimpse,
    Outcome,
    Passed,
    Refused,
    Rounds,
    TakeSlot,
)
from framehop.decode.stage import DecodeStage

__all__ = [
    "DecodeJob",
    "DecodeOptions",
    "DecodeStage",
    "Decoded",
    "Decoder",
    "DecoderError",
    "Glimpse",
    "Outcome",
    "Passed",
    "Refused",
    "Rounds",
    "TakeSlot",
]
