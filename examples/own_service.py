"""The pieces, for a service of your own: decode JPEGs into a shared-memory ring, lease the pixels, detect.

The ring's reader could as well be another process: it attaches by the ring's path.
Usage: python own_service.py PICTURE.jpg…
"""

import sys
import tempfile
from pathlib import Path

import framehop
from framehop import Engine, JpegDecoder, Ring, RingReader
from framehop.ring import FrameTag


def main(*pictures: str) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,  # mode 0700, as a ring's socket wants it
        Ring.create(f"{directory}/ring.sock", slots=4, slot_bytes=4 << 20) as ring,
        RingReader.attach(ring.path) as reader,
        JpegDecoder(threads=2) as decoder,
        Engine(framehop.load_model("coco-ssd")) as engine,
    ):
        for seq, picture in enumerate(pictures):
            slot = ring.wait_acquire(FrameTag("my-camera", 0, seq), timeout_s=1.0)
            if slot is None:
                raise TimeoutError("no free slot: somebody holds them all")
            need = engine.need
            [decoded] = decoder.decode(
                [slot], [Path(picture).read_bytes()], min_width=need.width, min_height=need.height, fit=need.fit
            )
            if decoded.ref is None:
                print(f"{picture}: {decoded.message}")
                continue
            lease = reader.try_lease(decoded.ref.slot, decoded.ref.generation)
            assert lease is not None, "nobody retired it"
            with lease:
                [found] = engine.detect([lease.array()], [(decoded.source_width, decoded.source_height)])
            ring.retire(decoded.ref)
            names = [engine.labels.get(label, str(label)) for label in found.label_ids.tolist()]
            print(f"{picture}: {', '.join(names) or 'nothing'}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
