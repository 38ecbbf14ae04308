"""The pictures that are offered, made once, and the runs that they make up: stills that cut, or films of fixed cameras."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.harness.carrying_out import say
from benchmarks.open_loop.films import Truth, jpegs_of, judged, look_at_all, write_config
from benchmarks.open_loop.ours import Job
from benchmarks.open_loop.places import Place
from benchmarks.open_loop.results import Latency, Run, Workload, latency_of
from benchmarks.open_loop.schedule import Offer
from benchmarks.whole_worker.workload import MODEL, pictures, write_log

STILLS = 64  # offered again and again
RUN_IN_S = 2.0  # who was idle has to wake up, and motion looks at every camera that paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The pictures and the programs. `pictures`: the log that has them, `count` in all. `fast`: pictures per second of one more
    camera; 0 for none. `films`: how many of each film; none for stills. `lead`: pictures of a camera that are worked off before.
    `ours`: further options of `framehop detect` by the name of the run. `truth`: the objects in films."""

    pictures: Path
    count: int
    mean_bytes: int
    size: tuple[int, int]
    fps: float
    fast: float = 0.0
    films: tuple[int, ...] = ()
    lead: int = 1
    ours: dict[str, str] = field(default_factory=dict)
    truth: Truth | None = None

    def offer(self, cameras: int, seconds: float, seed: int) -> Offer:
        return Offer(
            cameras=cameras,
            fps=self.fps,
            seconds=seconds,
            seed=seed,
            films=self.films,
            lead=self.lead,
            run_in=round(RUN_IN_S * self.fps),
            fast=self.fast,
        )

    def job(self, offer: Offer, log: str, more: str) -> str:
        """Return the task of a run of framehop as JSON. `more`: further options."""
        options = ["--model", MODEL, "--provider", "cpu", *more.split()]
        job = Job(pictures=str(self.pictures), count=self.count, log=log, size=self.size, offer=offer, options=options)
        return msgspec.json.encode(job).decode()

    def judged(self, run: Run, offer: Offer) -> Latency:
        latency = latency_of(run, offer.frames)
        return judged(latency, run, offer, self.truth) if self.truth and run.looked else latency

    def workload(self, options: argparse.Namespace, place: Place) -> Workload:
        width, height = self.size
        return Workload(
            fps=self.fps,
            seconds=options.seconds,
            width=width,
            height=height,
            mean_bytes=self.mean_bytes,
            model=MODEL,
            seed=options.seed,
            through=place.name,
            films=[film.name for film in options.film],
            watch=list(options.watch or ()),
            fast=self.fast,
        )


def make_stage(options: argparse.Namespace, directory: Path) -> Stage:
    """Make the pictures in `directory`, and find the objects in those of films."""
    width, height = options.size
    films = [jpegs_of(film, options.fps, options.size) for film in options.film]
    jpegs = [jpeg for film in films for jpeg in film] or list(islice(pictures(1, width, height), STILLS))
    made = write_log(directory / "pictures", jpegs, streams=1, width=width, height=height)
    config = f"--config {write_config(directory / 'watch.yaml', options.watch)}" if options.watch else ""
    if films:
        say(f"looking at the {len(jpegs)} pictures of the films")
    return Stage(
        pictures=directory / "pictures",
        count=len(jpegs),
        mean_bytes=made // len(jpegs),
        size=options.size,
        fps=options.fps,
        fast=options.fast,
        films=tuple(map(len, films)),
        lead=max(1, round(options.lead * options.fps)) if films else 1,
        ours={"framehop": config, **{f"framehop {more}": f"{more} {config}" for more in options.also}},
        truth=look_at_all(jpegs, options.size, options.watch) if films else None,
    )
