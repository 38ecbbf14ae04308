"""The command tap: live frames of a pipeline on this machine."""

from __future__ import annotations

import itertools

from framehop._core import encode_jpeg
from framehop.cli import options
from framehop.cli.live import Count, FrameLine, Only, Out, checked_folder, keep, show
from framehop.cli.output import note
from framehop.pipeline.taps.tap import LiveFrame, attach


def tap(
    stream: Only = "",
    pictures: Out = None,
    frames: Count = 0,
    pipeline: options.Pipeline = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show live frames of a running pipeline on this machine, with what was found in them. It never slows the pipeline: frames that
    come faster than they are shown are left out."""
    folder = checked_folder(pictures)
    with attach(pipeline) as attached:
        for number, frame in zip(itertools.count(1), attached.frames(stream), strict=False):
            with frame:
                show(_line(frame, attached.missed), json=json)
                if folder is not None:
                    keep(folder, frame.key.stream, encode_jpeg(frame.pixels))
            if number == frames:
                return
    note("the pipeline has ended")


def _line(frame: LiveFrame, missed: int) -> FrameLine:
    key, ref = frame.key, frame.lease.ref
    return FrameLine(
        stream=key.stream,
        epoch=key.epoch,
        seq=key.seq,
        width=ref.width,
        height=ref.height,
        objects=frame.event.objects,
        skipped=missed,
    )
