"""Writes the seeds of cpp/fuzz: small films of every kind as the targets read them, and a picture. Needs framehop[dev]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "cpp" / "fuzz" / "corpus"
KINDS = {
    "h264": ("libx264", "keyint=4:min-keyint=4:scenecut=0", 0),
    "h264_b": ("libx264", "keyint=6:min-keyint=6:scenecut=0", 2),
    "h264_open": ("libx264", "keyint=4:min-keyint=4:scenecut=0:open-gop=1", 2),
    "h264_interlaced": ("libx264", "keyint=4:min-keyint=4:scenecut=0:tff=1", 0),
    "h264_refresh": ("libx264", "keyint=4:min-keyint=4:scenecut=0:intra-refresh=1", 0),
    "h265": ("libx265", "keyint=4:min-keyint=4", 2),
    "h265_open": ("libx265", "keyint=4:min-keyint=4:open-gop=1", 2),
}


def main() -> None:
    """Write all seeds anew."""
    sys.path.insert(0, str(ROOT))
    from framehop import _core
    from framehop.sources.passthrough import PassedVideo
    from tests.clips import write_film

    with tempfile.TemporaryDirectory() as folder:
        for name, (codec, params, bframes) in KINDS.items():
            film = write_film(Path(folder) / f"{name}.mp4", 10, codec=codec, params=params, bframes=bframes)
            units = [picture.payload for picture in PassedVideo(film, stream="s").pictures()]
            _write("access_unit", name, units[0])
            _write("access_unit", f"{name}_later", units[3])
            options = int(codec == "libx265")
            for suffix, more in {"": 0, "_taken": 2, "_gaps": 4}.items():
                _write("video_decoder", name + suffix, bytes([options | more]) + b"".join(map(_sized, units)))
    _write("jpeg_header", "grey.jpg", _core.encode_jpeg(np.full((24, 32, 3), 90, np.uint8)))


def _sized(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit


def _write(target: str, name: str, content: bytes) -> None:
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
