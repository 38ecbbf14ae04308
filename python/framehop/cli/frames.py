"""The commands serve-frames and watch-frames: live frames between machines."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from framehop._core import FrameReceiver, FrameSender, ReceivedFrame, encode_jpeg
from framehop.cli import options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.live import Count, FrameLine, Only, Out, checked_folder, keep, show
from framehop.cli.output import note
from framehop.errors import ConfigError, UnsupportedPictureError
from framehop.hop.keys import load_receiver_keys, load_sender_keys
from framehop.pipeline.stop import stop_on_signals
from framehop.pipeline.taps.frame_server import FrameServer
from framehop.pipeline.taps.tap import attach
from framehop.types import DetectedObject, Event

PORT = 5570
RECEIVE_S = 1.0
PATIENCE_S = 5.0

Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help="This end's file of framehop keys create.", show_default=False),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Go without keys: everybody on that network may see the pictures.")
]


def serve_frames(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to take connections; * for every address.")
    ] = f"*:{PORT}",
    keys: Keys = None,
    insecure: Insecure = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Send pixels, not JPEGs: exact, ten to forty times the bytes, no copy here.")
    ] = False,
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, metavar="N", help="Quality of the JPEGs.")] = 85,
    pipeline: options.Pipeline = "",
    verbose: options.Verbose = 0,
) -> None:
    """Let other machines watch the live frames of a running pipeline on this one. Nobody who watches can slow the pipeline."""
    secrets = load_sender_keys(keys) if keys else None
    with (
        stop_on_signals() as stop,
        attach(pipeline) as tap,
        FrameSender(
            f"tcp://{_address(listen)}",
            secret_key=secrets.secret if secrets else None,
            receiver_keys=secrets.receivers if secrets else (),
            insecure=insecure,
        ) as sender,
    ):
        note(f"serving live frames at {sender.address}")
        FrameServer(tap, sender, quality=None if raw else quality, on_note=note).run(stop)
        end_if_interrupted(stop)
        if not stop.requested:
            note("the pipeline has ended")


def watch_frames(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where framehop serve-frames is.")],
    keys: Keys = None,
    insecure: Insecure = False,
    stream: Only = "",
    pictures: Out = None,
    frames: Count = 0,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Watch the live frames of a pipeline on another machine: the newest whenever the one before is done with."""
    folder = checked_folder(pictures)
    secrets = load_receiver_keys(keys) if keys else None
    with FrameReceiver(
        f"tcp://{_address(address)}",
        secret_key=secrets.secret if secrets else None,
        sender_key=secrets.sender if secrets else None,
        insecure=insecure,
        stream=stream,
    ) as receiver:
        for number, frame in enumerate(_received(receiver, address), 1):
            show(_line(frame), json=json)
            if folder is not None:
                keep(folder, frame.stream, _jpeg(frame))
            if number == frames:
                return


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise ConfigError(f"an address is HOST:PORT, as 192.0.2.7:{PORT}, not {text[:128]!r}")
    return text


def _received(receiver: FrameReceiver, address: str) -> Iterator[ReceivedFrame]:
    """Yield frames for ever, and say why none come."""
    said, since_s = "", time.monotonic()
    while True:
        came, notes, _ = receiver.poll(RECEIVE_S)
        if not receiver.session and time.monotonic() - since_s > PATIENCE_S:
            notes.append(f"no answer from {address} yet")
        for text in notes:
            if text != said:
                note(text)
                said = text
        yield from came


def _line(frame: ReceivedFrame) -> FrameLine:
    return FrameLine(
        stream=frame.stream,
        epoch=frame.epoch,
        seq=frame.seq,
        width=frame.width,
        height=frame.height,
        objects=_objects(frame),
        skipped=frame.skipped,
    )


def _objects(frame: ReceivedFrame) -> list[DetectedObject]:
    """Return what was found; nothing for a note that is no event, as other senders may write what they like there."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(frame.note, type=Event).objects
    return []


def _jpeg(frame: ReceivedFrame) -> bytes:
    """Return the picture as a JPEG. Raises UnsupportedPictureError for a format that only other senders than serve-frames use."""
    if frame.encoding == "jpeg":
        return frame.payload.tobytes()
    if frame.encoding != "rgb8":
        raise UnsupportedPictureError(f"frames come as {frame.encoding}: --out keeps JPEG and rgb8 only")
    return encode_jpeg(frame.array())
