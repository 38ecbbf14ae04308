"""The models between which the tests of swaps change."""

from __future__ import annotations

from pathlib import Path

from tests.system.harness import House
from tests.tiny_model import write_model

LABELS = {"red": {5: "red", 6: "green"}, "rouge": {15: "rouge", 16: "vert"}}


def models_of(house: House) -> dict[str, Path]:
    paths = {}
    for name, labels in LABELS.items():
        folder = house.path / name
        folder.mkdir()
        paths[name] = folder
        head = {"name": "ssd", "scores": "scores", "boxes": "boxes", "first_label_id": min(labels)}
        write_model(folder, None, name=name, labels=labels, head=head)
    return paths
