"""Finds the model that a user names: its network, and the sidecar beside it."""

from __future__ import annotations

from pathlib import Path

from framehop.errors import ModelError
from framehop.inference.sidecar import Model, model_of, networks_in, read_sidecar, read_yaml

SIDECAR = "model.yaml"
_MODELS = Path(__file__).parents[1] / "models"
BUILT_IN = {"coco-ssd": _MODELS / "coco_ssd" / SIDECAR}

# A YAML file beside the network may be its training framework's, which may also have `name`, `nms: true` and a list as `head`.
# Only a sidecar of ours has one of these keys.
_OURS = frozenset({"file", "input", "resize", "labels", "version", "score_threshold", "max_objects"})


def load_model(name_or_path: str | Path) -> Model:
    """Load a built-in model by name, or a `.onnx` file, or a directory with one, or the path of a sidecar.

    A sidecar is a `STEM.yaml` or `model.yaml` beside the network; none is needed. All that needs no runtime is checked now, before
    any process starts: the sidecar, the network's SHA-256 where the sidecar pins it, and whether the file can be ONNX at all. A
    built-in name wins over a directory of that name: write `./coco-ssd` for the directory. Raises ModelError.
    """
    return _find(name_or_path).checked()


def from_anywhere(name_or_path: str | Path) -> str:
    """Return what names the same model in a process with another working directory."""
    return str(name_or_path) if str(name_or_path) in BUILT_IN else str(Path(name_or_path).absolute())


def sample_picture() -> bytes:
    """Return a JPEG of a person in a space suit, to try a network on. It is NASA's and in the public domain."""
    return (_MODELS / "astronaut.jpg").read_bytes()


def sidecar_of(network: Path) -> Path:
    """Return the path of the sidecar that is for one network alone, whether it exists or not."""
    return network.with_suffix(".yaml")


def _find(name_or_path: str | Path) -> Model:
    if str(name_or_path) in BUILT_IN:
        return read_sidecar(BUILT_IN[str(name_or_path)])
    path = Path(name_or_path)
    if path.is_dir():
        return _in_directory(path)
    if path.suffix in {".yaml", ".yml"}:
        return read_sidecar(path)
    if path.exists() or path.suffix == ".onnx":
        return _of_network(path)
    raise ModelError(
        f"there is no model {str(name_or_path)!r}; built in: {', '.join(BUILT_IN)};"
        f" or give the path of a .onnx file, of a directory with one, or of a {SIDECAR}"
    )


def _in_directory(directory: Path) -> Model:
    if (sidecar := directory / SIDECAR).exists():
        return read_sidecar(sidecar)
    found = networks_in(directory)
    if len(found) == 1:
        return _of_network(found[0])
    there = "there are " + ", ".join(file.name for file in found[:8]) if found else "there is no .onnx file"
    raise ModelError(f"{directory} is no model: {there} in it; give the path of one .onnx file")


def _of_network(network: Path) -> Model:
    if not network.exists():
        raise ModelError(f"{network} does not exist: give the path of a .onnx file, or the name of a built-in model")
    file, own, shared = network.absolute(), sidecar_of(network), network.parent / SIDECAR
    if own.is_file() and _is_ours(content := read_yaml(own)):
        return model_of(own, content, file)
    return read_sidecar(shared, file) if shared.is_file() else Model(file=file)


def _is_ours(content: object) -> bool:
    if not isinstance(content, dict):
        return False
    sections = isinstance(content.get("head"), dict | str) or isinstance(content.get("nms"), dict)
    return sections or not _OURS.isdisjoint(content)
