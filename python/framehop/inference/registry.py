"""Finds the sidecar of a model that a user names."""

from __future__ import annotations

from pathlib import Path

from framehop.errors import ModelError
from framehop.inference.sidecar import Model, read_sidecar

SIDECAR = "model.yaml"
_MODELS = Path(__file__).parents[1] / "models"
BUILT_IN = {"coco-ssd": _MODELS / "coco_ssd" / SIDECAR}


def load_model(name_or_path: str | Path) -> Model:
    """Load a built-in model by name, or a `model.yaml`, a directory with one, or a `.onnx` file with one beside it.

    Everything that needs no runtime is checked now, before any process is started: the sidecar, and the network's SHA-256 where the
    sidecar pins it. A built-in name wins over a directory of that name: write `./coco-ssd` for the directory. Raises ModelError.
    """
    return _find(name_or_path).checked()


def sample_picture() -> bytes:
    """Return a JPEG of a person in a space suit, to try a network on. It is NASA's and in the public domain."""
    return (_MODELS / "astronaut.jpg").read_bytes()


def _find(name_or_path: str | Path) -> Model:
    if str(name_or_path) in BUILT_IN:
        return read_sidecar(BUILT_IN[str(name_or_path)])
    path = Path(name_or_path)
    if path.is_dir():
        return read_sidecar(path / SIDECAR)
    if path.suffix == ".onnx":
        return _beside(path)
    if path.suffix in {".yaml", ".yml"}:
        return read_sidecar(path)
    raise ModelError(
        f"there is no model {str(name_or_path)!r}; built in: {', '.join(BUILT_IN)};"
        f" or give the path of a directory with {SIDECAR}, of a {SIDECAR}, or of a .onnx file beside one"
    )


def _beside(network: Path) -> Model:
    if not network.is_file():
        raise ModelError(f"{network} does not exist")
    sidecar = network.parent / SIDECAR
    if not sidecar.is_file():
        raise ModelError(f"{network} needs a {SIDECAR} beside it with its input, head and labels: see docs/models.md")
    model = read_sidecar(sidecar)
    if model.file != network.resolve():
        raise ModelError(
            f"{sidecar} describes {model.sidecar.file}, not {network.name}; give each network its own directory"
        )
    return model
