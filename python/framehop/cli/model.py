"""The commands model inspect, test and init: what a network is, what it finds, and a sidecar for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from framehop.cli import detecting, options
from framehop.cli.commands import App
from framehop.cli.invocation import typed
from framehop.cli.model_cost import Cost, cost_of
from framehop.cli.model_pictures import PictureObjects, check_out, draw, find_in
from framehop.cli.model_swap import swap
from framehop.cli.option_values import separate, thresholds
from framehop.cli.output import note, out, write_json_line
from framehop.errors import ConfigError
from framehop.inference import BUILT_IN, Model, Network
from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.inference.recognise import Plan, as_yaml, recognise
from framehop.inference.registry import sidecar_of
from framehop.replacing import replace_file

app = App(help="Look at a model: what it is, what it finds in pictures, and a sidecar for it.")

File = Annotated[
    str, typer.Argument(metavar="FILE", help="A .onnx file, a directory with one, a sidecar, or a built-in name.")
]


@app.command()
def inspect(file: File, tiles: detecting.Tiles = "", json: options.Json = False, verbose: options.Verbose = 0) -> None:
    """Show what a model is recognised as: family, input, resize, colour, range, labels, suppression, and why; and what a picture
    costs, with or without tiles."""
    model = load_model(file)
    with Network.open(model) as network:
        plan = recognise(network, model)
        cost = cost_of(network, plan, tiles)
        if json:
            write_json_line(msgspec.json.encode(_described(model, network, plan) | {"cost": cost.described()}))
        else:
            _print(model, plan, cost)


@app.command("test")
def find(
    file: File,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE…", help="Pictures of any format.")],
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", show_default=False, help="Draw the boxes into this JPEG; of one picture."
        ),
    ] = None,
    scaled: Annotated[
        bool, typer.Option("--scaled", help="Decode only as large as the model needs, as the pipeline does.")
    ] = False,
    conf: detecting.Conf = None,
    classes: detecting.Classes = None,
    exclude: detecting.Exclude = None,
    tiles: detecting.Tiles = "",
    provider: detecting.Device = "auto",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Run a model on pictures, and print the objects that it finds."""
    check_out(out_path, pictures)
    usual, class_conf = thresholds(conf or [])
    wanted = EngineOptions(
        provider=provider,
        max_batch=1,
        conf=usual,
        class_conf=class_conf,
        classes=separate(classes or []),
        exclude=separate(exclude or []),
        tiles=tiles,
    )
    with Engine(load_model(file), wanted) as engine:
        for path in pictures:
            found = find_in(path, engine, scaled=scaled)
            _report(found, json=json)
            if out_path is not None:
                draw(found, out_path)
                note(f"the boxes are in {typed(out_path)}")


@app.command()
def init(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Write over a sidecar that is there.")] = False,
    verbose: options.Verbose = 0,
) -> None:
    """Write a sidecar beside a network, with all that was recognised and the reasons, to be changed by hand."""
    model = load_model(file)
    if file in BUILT_IN:
        raise ConfigError(f"{file} is built in and has its sidecar: {model.path}; copy both files to change it")
    path = model.path or sidecar_of(model.file)
    if path.exists() and not force:
        raise ConfigError(f"{path} exists; --force writes over it, and keeps what it says")
    with Network.open(model) as network:
        plan = recognise(network, model)
    replace_file(path, as_yaml(plan).encode())
    note(f"{typed(path)} is written: {plan.family}")


app.command()(swap)


def _described(model: Model, network: Network, plan: Plan) -> dict[str, object]:
    return {
        "file": str(model.file),
        "sidecar": str(model.path) if model.path else None,
        "family": plan.family,
        "producer": network.producer,
        "opset": network.opset,
        "inputs": [msgspec.to_builtins(info) for info in network.inputs],
        "outputs": [msgspec.to_builtins(info) for info in network.outputs],
        "model": plan.spec,
        "reasons": [msgspec.to_builtins(reason) for reason in plan.reasons],
    }


def _print(model: Model, plan: Plan, cost: Cost) -> None:
    spec = plan.spec
    out.print(
        f"[bold]{escape(model.file.name)}[/]: {escape(plan.family)}; {spec.name} {escape(spec.version)}", soft_wrap=True
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for reason in plan.reasons:
        table.add_row(escape(reason.key), escape(reason.value), f"[dim]{escape(reason.why)}[/]")
    for row in _costs(cost):
        table.add_row(*row)
    out.print(table)


def _costs(cost: Cost) -> Iterator[tuple[str, str, str]]:
    """Yield the rows about the cost of a picture."""
    in_all = f", {cost.picture_ms:.0f} ms in all" if cost.runs > 1 else ""
    yield "cost", _runs(cost.runs), f"[dim]about {cost.run_ms:.1f} ms each on this CPU{in_all}[/]"
    if cost.runs == 1:
        return
    for size in cost.sizes:
        width, height = size.picture
        across, down = size.pixels
        yield (
            f"{width} x {height}",
            _runs(size.runs),
            f"[dim]tiles of {size.tile[0]} x {size.tile[1]}; a pixel of the network is {across:.1f} x {down:.1f} of the picture[/]",
        )


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'} per picture"


def _count(found: PictureObjects) -> str:
    return f"{len(found.objects)} object{'' if len(found.objects) == 1 else 's'}"


def _report(found: PictureObjects, *, json: bool) -> None:
    if json:
        write_json_line(msgspec.json.encode(found.described()))
        return
    out.print(f"{escape(str(found.path))}: {_count(found)} in {found.ms:.0f} ms", soft_wrap=True)
    for item in found.objects:
        box = ", ".join(f"{side:.1f}" for side in item.box)
        out.print(f"  {escape(item.label)} {item.confidence:.3f}  [{box}]", markup=False, soft_wrap=True)
