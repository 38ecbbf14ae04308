"""Options that several commands share, so that they are spelled and explained in one place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from framehop.cli.units import parse_size
from framehop.config.detect_options import DEFAULT_LOG, MAX_LANES, MAX_PIXELS, MAX_WAIT_MS, DetectOptions
from framehop.config.file import FileConfig, load_config
from framehop.errors import ConfigError
from framehop.inference.engine_options import Preprocess
from framehop.inference.providers import Provider
from framehop.log import LogAt, SpoolOptions
from framehop.motion import When
from framehop.policies import UNDERSTOOD, parse_policies
from framehop.tracked import parse_tracks

T = TypeVar("T")


def _checked_report(path: Path | None) -> Path | None:
    """Refuse an unusable path now, not after hours of work."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ConfigError(f"--report {path} cannot be written: name a file in a directory that exists")
    return path


def _be_verbose(count: int) -> int:
    """Set the log level. The option may stand before and after the command's name; the higher count wins."""
    logger = logging.getLogger("framehop")
    wanted = (logging.NOTSET, logging.INFO, logging.DEBUG)[min(count, 2)]
    if count and (logger.level == logging.NOTSET or wanted < logger.level):
        logger.setLevel(wanted)
    return count


Verbose = Annotated[
    int,
    typer.Option(
        "-v", "--verbose", count=True, show_default=False, callback=_be_verbose, help="Say more: -v notes, -vv details."
    ),
]
Log = Annotated[
    str,
    typer.Option(
        "--log",
        metavar="DIR|URL",
        show_default=False,
        help=f"The log: a directory, or kafka://HOST:PORT, or with /PREFIX. Default: the one in --config, else {DEFAULT_LOG}.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings of the log, the streams and the detection, as YAML."),
]
Spool = Annotated[
    str,
    typer.Option(
        "--spool",
        metavar="DIR",
        show_default=False,
        help="While Kafka is away or slow, keep the frames of live sources in DIR on this disk. Default: what --config says.",
    ),
]
SpoolMax = Annotated[
    str,
    typer.Option(
        "--spool-max",
        metavar="SIZE",
        show_default=False,
        help="The most that the spool takes, as 10GiB (default 1GiB); beyond it the oldest groups of pictures are dropped.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Pipeline = Annotated[
    str,
    typer.Option(
        "--pipeline",
        metavar="PROCESS|LANE",
        show_default=False,
        help="Which pipeline, by what framehop status shows; not needed if there is one.",
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        show_default=False,
        help="Camera (rtsp://, http://, /dev/video0), film, picture, folder, a pattern in quotes, list:FILE, pan:PICTURE or"
        " testsrc; NAME=SOURCE sets the stream id. Besides those that --config names under streams.",
    ),
]
Stream = Annotated[
    str, typer.Option("--stream", metavar="ID", help="Stream id, for a single source (default: the file's stem).")
]
Rate = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="PACE",
        help="realtime: the sources' own pace; max: as fast as it goes; or a number of pictures per second.",
    ),
]
Loop = Annotated[int, typer.Option("--loop", min=0, metavar="N", help="Passes over finite sources; 0 for ever.")]
Codec = Annotated[
    str,
    typer.Option(
        "--codec",
        metavar="auto|copy|jpeg",
        help="How films and cameras go into the log. auto: as they are where that can be, else as JPEGs; copy: as they are, or an"
        " error; jpeg: as JPEGs.",
    ),
]

Ui = Annotated[bool, typer.Option("--ui", help="Show it in the browser meanwhile, and print the address.")]
UiAddress = Annotated[
    str,
    typer.Option(
        "--ui-address",
        metavar="HOST[:PORT]",
        show_default=False,
        help="The same at another address than 127.0.0.1:8642, as 0.0.0.0:8642; a token is made then, and printed.",
    ),
]

FINDING, SKIPPING, MACHINE = "What is found", "What may be skipped", "How it runs"
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        rich_help_panel=FINDING,
        help="coco-ssd, or your own .onnx file, alone or with a sidecar beside it.",
    ),
]
Conf = Annotated[
    list[str] | None,
    typer.Option(
        "--conf",
        metavar="SHARE|LABEL=SHARE",
        show_default=False,
        rich_help_panel=FINDING,
        help="Least confidence of a box, as 0.3, or of one label, as person=0.35; may be repeated. Default: the model's own.",
    ),
]
Classes = Annotated[
    list[str] | None,
    typer.Option(
        "--classes",
        metavar="LABEL,…",
        show_default=False,
        rich_help_panel=FINDING,
        help="Only objects with these labels, by name or number: person,car. May be repeated.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="LABEL,…",
        show_default=False,
        rich_help_panel=FINDING,
        help="No objects with these labels.",
    ),
]
MinSize = Annotated[
    float,
    typer.Option(
        "--min-size",
        min=0.0,
        metavar="PIXELS",
        rich_help_panel=FINDING,
        help="Only objects at least so wide and so high, in pixels of the source.",
    ),
]
Tiles = Annotated[
    str,
    typer.Option(
        "--tiles",
        metavar="COLUMNSxROWS",
        show_default=False,
        rich_help_panel=FINDING,
        help="Look for small objects in parts of the picture too, as 3x2; costs a run of the network each.",
    ),
]
Tracking = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="[STREAMS=]byte|off",
        show_default=False,
        rich_help_panel=FINDING,
        help="byte: give an object the same id from frame to frame. For some streams as 'gate-*=byte'; may be repeated.",
    ),
]
NewLane = Annotated[
    str,
    typer.Option(
        "--lane",
        metavar="NAME",
        rich_help_panel=FINDING,
        help="Write the events under this name: each lane gets one event of every frame.",
    ),
]
Sample = Annotated[
    float,
    typer.Option(
        "--sample",
        metavar="SHARE",
        rich_help_panel=FINDING,
        help="Look at this share of the frames, as 0.1; the others get skipped events. For a second lane.",
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="[STREAMS=]POLICY",
        show_default=False,
        rich_help_panel=SKIPPING,
        help=f"What may be skipped, each frame with its event: {UNDERSTOOD}. For some streams as 'gate-*=fps=2'; may be repeated."
        " Default: all; in run, max_age_ms=1000 for live sources.",
    ),
]
WhenToLook = Annotated[
    When | None,
    typer.Option(
        "--when",
        metavar="always|motion",
        show_default=False,
        rich_help_panel=SKIPPING,
        help="motion: look only at frames in which something has changed, and at one every 10 seconds. For fixed cameras.",
    ),
]
Device = Annotated[
    Provider,
    typer.Option(
        "--provider",
        metavar="DEVICE",
        rich_help_panel=MACHINE,
        help="Where the model runs: cpu, cuda, tensorrt, openvino, or auto for the GPU if it works.",
    ),
]
Fp16 = Annotated[
    bool,
    typer.Option(
        "--fp16", rich_help_panel=MACHINE, help="Let TensorRT compute in float16: faster, a little less exact."
    ),
]
AllowFallback = Annotated[
    bool,
    typer.Option(
        "--allow-fallback",
        rich_help_panel=MACHINE,
        help="Where DEVICE does not work, take what does, with a warning. Else that is an error.",
    ),
]
Preprocessing = Annotated[
    Preprocess,
    typer.Option(
        "--preprocess",
        metavar="BY",
        rich_help_panel=MACHINE,
        help="Who resizes and normalises: native, dali, or auto for DALI on a GPU where it is installed.",
    ),
]
Gpus = Annotated[
    list[int] | None,
    typer.Option(
        "--gpu",
        min=0,
        metavar="N",
        show_default=False,
        rich_help_panel=MACHINE,
        help="Which GPU, by number; repeat it for several, each with a detector of its own. Default: 0.",
    ),
]
Workers = Annotated[
    int,
    typer.Option("--workers", min=1, metavar="N", rich_help_panel=MACHINE, help="Worker processes on this host."),
]
Slots = Annotated[
    int,
    typer.Option(
        "--slots", min=1, max=4096, metavar="N", rich_help_panel=MACHINE, help="Pictures in each worker's ring."
    ),
]
SlotMib = Annotated[
    float,
    typer.Option("--slot-mib", min=0.01, metavar="MIB", rich_help_panel=MACHINE, help="Size of a ring slot, MiB."),
]
MaxBatch = Annotated[
    int,
    typer.Option(
        "--max-batch",
        min=1,
        max=256,
        metavar="N",
        rich_help_panel=MACHINE,
        help="Most pictures in one inference. On the CPU only with --lanes 1: several lanes take one each.",
    ),
]
MaxWait = Annotated[
    float,
    typer.Option(
        "--max-wait-ms",
        min=0.0,
        max=MAX_WAIT_MS,
        metavar="MS",
        rich_help_panel=MACHINE,
        help="How long a picture may wait for others to fill a batch, where a lane takes several.",
    ),
]
Lanes = Annotated[
    str,
    typer.Option(
        "--lanes",
        metavar="auto|N",
        rich_help_panel=MACHINE,
        help="Inferences side by side. auto: 1 on a GPU; on the CPU one per core, each of one thread and one picture. Decoding has"
        " as many threads, split among the workers, on the same cores.",
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        rich_help_panel=MACHINE,
        help="A picture that claims more pixels in all is refused.",
    ),
]
Lane = Annotated[str, typer.Option("--lane", metavar="NAME", help="Which lane's events.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        callback=_checked_report,
        help="Write what the run came to as JSON: counters, incidents.",
    ),
]


def detect_options(
    *,
    model: str,
    provider: Provider = "auto",
    fp16: bool = False,
    allow_fallback: bool = False,
    lane: str = "main",
    sample: float = 1.0,
    conf: list[str] | None = None,
    classes: list[str] | None = None,
    exclude: list[str] | None = None,
    min_size: float = 0.0,
    tiles: str = "",
    track: list[str] | None = None,
    policies: list[str] | None = None,
    when: When | None = None,
    config: Path | None = None,
    with_streams: bool = False,
    gpus: list[int] | None = None,
    workers: int,
    slots: int,
    slot_mib: float,
    max_batch: int,
    max_wait_ms: float = 0.0,
    lanes: str = "auto",
    preprocess: Preprocess = "auto",
    max_pixels: int = MAX_PIXELS,
) -> DetectOptions:
    """Return what was typed over what the file says. `with_streams`: whether what the file's streams say themselves is meant too,
    as where other programs read those. Raises ConfigError."""
    usual, class_conf = thresholds(conf or [])
    file = load_config(config) if config else FileConfig()
    from_file = file.detect
    by_pattern = _first(parse_policies(policies or []), from_file.parsed_policies)
    tracks = _first(parse_tracks(track or []), from_file.parsed_tracks)
    return DetectOptions(
        model=model,
        provider=provider,
        fp16=fp16,
        allow_fallback=allow_fallback,
        lane=lane,
        sample=sample,
        conf=usual,
        class_conf=class_conf,
        classes=separate(classes or []),
        exclude=separate(exclude or []),
        min_size_px=min_size,
        regions=from_file.regions,
        hop=from_file.hop,
        tiles=tiles,
        track=_first(file.stream_tracks, tracks) if with_streams else tracks,
        policies=_first(file.stream_policies, by_pattern) if with_streams else by_pattern,
        when=when or from_file.when,
        motion=from_file.motion,
        devices=tuple(gpus or [0]),
        workers=workers,
        slots=slots,
        slot_bytes=int(slot_mib * (1 << 20)),
        max_batch=max_batch,
        max_wait_ms=max_wait_ms,
        lanes=lane_number(lanes),
        preprocess=preprocess,
        max_pixels=max_pixels,
    )


def _first(first: dict[str, T], then: dict[str, T]) -> dict[str, T]:
    """Return both, in the order in which they are tried."""
    return first | {pattern: value for pattern, value in then.items() if pattern not in first}


def lane_number(text: str) -> int:
    """Return the number of lanes that was typed; 0 for `auto`."""
    if text == "auto":
        return 0
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LANES):
        raise ConfigError(f"--lanes takes auto, or a number from 1 to {MAX_LANES}, not {text[:64]!r}")
    return int(text)


def thresholds(texts: list[str]) -> tuple[float | None, dict[str, float]]:
    """Return the least confidence of all labels, if it is given, and those of single ones. The last of each counts."""
    usual, of_label = None, {}
    for text in texts:
        label, named, share = text.rpartition("=")
        try:
            value = float(share)
        except ValueError as error:
            raise ConfigError(
                f"--conf takes a number, as 0.3, or a label's, as person=0.35, not {text[:64]!r}"
            ) from error
        if named:
            of_label[label] = value
        else:
            usual = value
    return usual, of_label


def separate(texts: list[str]) -> tuple[str, ...]:
    """Split labels at commas, which may also be separate arguments. A label that contains a comma must be given by its number."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def log_at(log: str, config: Path | None) -> LogAt:
    """Return the log that `--log` and `--config` name together; `--log` wins."""
    at = load_config(config).log.at if config else LogAt(url="")
    return msgspec.structs.replace(at, url=log or at.url or DEFAULT_LOG)


def with_spool(at: LogAt, directory: str, size: str) -> LogAt:
    """Return the log with the spool of `--spool` and `--spool-max`. Raises ConfigError for a log that needs none."""
    if not (directory or size):
        return at
    if not at.is_kafka:
        raise ConfigError(
            f"{at.url}: a spool is for a log in Kafka; a log in a directory is on this machine's disk already"
        )
    spool = at.kafka.spool or SpoolOptions()
    if not (directory or at.kafka.spool):
        raise ConfigError("--spool-max needs --spool DIR, or a spool in --config")
    if directory:
        spool = msgspec.structs.replace(spool, dir=str(Path(directory).absolute()))
    if size:
        spool = msgspec.structs.replace(spool, max_bytes=parse_size(size, "--spool-max"))
    return msgspec.structs.replace(at, kafka=msgspec.structs.replace(at.kafka, spool=spool))


def named(sources: list[str], stream: str) -> list[str]:
    """Return the sources with `--stream` applied."""
    if not stream:
        return sources
    if len(sources) != 1:
        raise ConfigError(f"--stream names one source, and there are {len(sources)}: use NAME=SOURCE for each instead")
    return [f"{stream}={sources[0]}"]
