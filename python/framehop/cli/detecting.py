"""Options that the commands that detect share: what is found, what may be skipped, and how it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from framehop.config.detect_options import MAX_WAIT_MS
from framehop.inference.engine_options import Preprocess
from framehop.inference.providers import Provider
from framehop.motion import When
from framehop.policies import UNDERSTOOD

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
        help="Look for small objects in parts of the picture too, as 3x2; each part costs a run of the network.",
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
        help="If DEVICE does not work, warn and take one that does. Without this it is an error.",
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
        help="Most pictures in one inference. On the CPU it counts with --lanes 1 only: each of several lanes takes one.",
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
