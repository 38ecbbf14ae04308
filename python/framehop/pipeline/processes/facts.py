"""The facts that a worker must know of a detector's model, in a file that the detector writes before it answers with that model.

A model's labels may not fit into a control message, so messages carry only a stem and a number, and the file lies beside the
pipeline's sockets: `<stem>-<number>.json`. A stem belongs to one incarnation of one detector, which numbers its models from 1.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from framehop.errors import ProcessError
from framehop.pipeline.processes.limits import limit_of
from framehop.protocols import Detector
from framehop.replacing import replace_file
from framehop.types import ModelInfo, Need

FIRST_MODEL = 1  # the number of the model that a detector starts with


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded model. `number`: in the replies of its detector. `labels`: names by label id. `need`: the pixels to which a decoder
    may scale a picture down. `at_once`: how many pictures are looked at side by side. `run_s`: seconds that it took to look at as
    many when the model was made, on the CPU; 0 elsewhere."""

    number: int
    model: ModelInfo
    labels: dict[int, str]
    need: Need
    at_once: int = 1
    run_s: float = 0.0

    @classmethod
    def of(cls, detector: Detector, number: int, at_once: int = 1, run_s: float = 0.0) -> ModelFacts:
        return cls(
            number=number,
            model=detector.info,
            labels=dict(detector.labels),
            need=detector.need,
            at_once=at_once,
            run_s=run_s,
        )


_decoder = msgspec.json.Decoder(ModelFacts)


def write_facts(stem: str, facts: ModelFacts) -> None:
    """Write the file, complete from the moment it is there."""
    replace_file(_path(stem, facts.number), msgspec.json.encode(facts))


def read_facts(stem: str, number: int) -> ModelFacts:
    """Read the file of a model. Raises ProcessError if it is not there or broken."""
    path = _path(stem, number)
    try:
        facts = _decoder.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = limit_of(error) or str(error)
        raise ProcessError(f"what the detector wrote of its model {number} cannot be read, {path}: {why}") from error
    if facts.number != number:
        raise ProcessError(f"{path} tells of model {facts.number}: something else writes into this directory")
    return facts


def remove_facts(stem: str) -> None:
    """Remove all files of a stem."""
    start = Path(stem)
    for path in start.parent.glob(f"{start.name}-*.json"):
        path.unlink(missing_ok=True)


def _path(stem: str, number: int) -> Path:
    return Path(f"{stem}-{number}.json")
