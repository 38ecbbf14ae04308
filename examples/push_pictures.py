"""Put pictures of your own camera code into a log; `framehop detect` on the same log looks at them.

Usage: python push_pictures.py LOG_DIRECTORY STREAM PICTURE.jpg…
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import framehop


def main(log: str, name: str, *pictures: str) -> None:
    with framehop.stream(name, log=log) as camera:
        for picture in pictures:
            jpeg = Path(picture).read_bytes()  # or pixels: uint8 [height, width, 3], RGB
            key = camera.push(jpeg, captured_at=datetime.now(UTC))
            print(f"{picture}: seq {key.seq}")
        if not camera.flush(timeout_s=30):
            raise TimeoutError(f"the log does not take them: {camera.stalled}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
