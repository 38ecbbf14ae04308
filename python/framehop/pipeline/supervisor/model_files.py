"""Notices a network's file that was replaced while a pipeline ran it: a detector that starts again loads what is there now."""

from __future__ import annotations

import logging

from framehop.pipeline.processes.facts import FIRST_MODEL, ModelFacts

logger = logging.getLogger(__name__)

_SHOWN = 16


class ModelFiles:
    """Remembers which file detectors ran last, by its SHA-256. Used by the supervisor's thread alone."""

    def __init__(self) -> None:
        self._model = self._sha256 = ""

    def note(self, detector: str, model: str, facts: ModelFacts) -> None:
        """Note what `detector` runs now, and warn if it was started and found another file than detectors had found before.
        `model`: the name or path that detectors start with. A swap may give the same path on purpose, so nothing is said then."""
        before, now = self._sha256, facts.model.sha256
        if facts.number == FIRST_MODEL and model == self._model and now != before:
            logger.warning(
                "%s was started, and the file of %s was replaced meanwhile: its SHA-256 was %s… and now is %s…. It runs the new"
                " one, and each event names the file that found its boxes; framehop model swap changes all detectors at once",
                detector,
                model,
                before[:_SHOWN],
                now[:_SHOWN],
            )
        self._model, self._sha256 = model, now
