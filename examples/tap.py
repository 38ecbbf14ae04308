"""Live pictures of a pipeline that runs on this machine, with what was found in them: python tap.py [STREAM [FRAMES]].

Start a pipeline first, for example framehop run /dev/video0.
"""

from __future__ import annotations

import sys

import framehop


def main(stream: str = "", frames: str = "10") -> None:
    with framehop.attach() as tap:
        for _ in range(int(frames)):
            frame = tap.newest(stream)
            if frame is None:
                print("no picture came within five seconds")
                continue
            with frame:  # its slot goes back to the pipeline at the end of this block
                found = ", ".join(f"{one.label} {one.confidence:.2f}" for one in frame.event.objects)
                print(f"{frame.key.stream} #{frame.key.seq}: {frame.pixels.shape}, {found or 'nothing'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
