"""Scenes whose objects are known, as the events that a detector would write of them, and how well tracks fit the truth."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from framehop.tracking.assignment import best_pairs
from framehop.types import DetectedObject, Event, FramePointer, Outcome, rfc3339

BEGIN_US = 1_795_354_262_000_000
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An object that moves straight on. `frames`: in which it is in the picture. `at`: the centre in the first of them, `speed`: in
    pixels per frame. `hidden`: the frames in which nobody sees it. `weak`: those in which it scores low."""

    at: tuple[float, float]
    speed: tuple[float, float] = (0.0, 0.0)
    size: tuple[float, float] = (40.0, 80.0)
    label: str = "person"
    frames: range = range(1 << 30)
    hidden: range = range(0)
    weak: range = range(0)

    def box(self, frame: int) -> Box:
        x, y = (at + step * (frame - self.frames.start) for at, step in zip(self.at, self.speed, strict=True))
        width, height = self.size
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`events`: one per frame. `truth`: per frame, by the place of an object in the event, the number of its actor; None for what
    is no object. `visible`: per frame the actors that are seen."""

    events: list[Event]
    truth: list[list[int | None]]


def play(
    actors: Sequence[Actor],
    frames: int,
    *,
    fps: float = 25.0,
    noise: float = 0.0,
    missed: float = 0.0,
    false: float = 0.0,
    seed: int = 1,
) -> Scene:
    """Play a scene. `noise`: pixels by which boxes tremble. `missed`, `false`: the shares of boxes that are not found, and of
    frames with one of nothing."""
    chance = random.Random(seed)
    events, truth = [], []
    for frame in range(frames):
        found: list[tuple[DetectedObject, int | None]] = []
        for number, actor in enumerate(actors):
            if frame in actor.frames and frame not in actor.hidden and chance.random() >= missed:
                found.append((_seen(actor, frame, noise, chance), number))
        if chance.random() < false:
            x, y = chance.uniform(0, 640), chance.uniform(0, 360)
            found.append((thing((x, y, x + 30, y + 30), confidence=0.6), None))
        found.sort(key=lambda pair: -pair[0].confidence)
        events.append(event(frame, [seen for seen, _ in found], at_us=BEGIN_US + round(frame * 1e6 / fps)))
        truth.append([number for _, number in found])
    return Scene(events=events, truth=truth)


def _seen(actor: Actor, frame: int, noise: float, chance: random.Random) -> DetectedObject:
    x1, y1, x2, y2 = (round(side + chance.gauss(0, noise), 2) for side in actor.box(frame))
    confidence = chance.uniform(0.3, 0.45) if frame in actor.weak else chance.uniform(0.6, 0.95)
    return thing((x1, y1, x2, y2), label=actor.label, confidence=round(confidence, 4))


def thing(box: Box, *, label: str = "person", confidence: float = 0.9) -> DetectedObject:
    return DetectedObject(label=label, label_id=1, confidence=confidence, box=box)


def event(
    seq: int,
    objects: Iterable[DetectedObject] = (),
    *,
    at_us: int | None = None,
    outcome: Outcome = "detected",
    stream: str = "cam",
    epoch: int = 1,
    offset: int | None = None,
    lane: str = "main",
) -> Event:
    """Return the event of a frame that lies at `offset` of frames/0, by default at its seq. Frames are 40 ms apart."""
    moment = rfc3339(BEGIN_US + 40_000 * seq if at_us is None else at_us)
    return Event(
        event_id=f"{stream}/{epoch}/{seq}/{lane}",
        lane=lane,
        outcome=outcome,
        stream=stream,
        epoch=epoch,
        seq=seq,
        captured_at=moment,
        received_at=moment,
        clock="ingest",
        width=640,
        height=360,
        frame=FramePointer(topic="frames", partition=0, offset=seq if offset is None else offset),
        writer="test",
        objects=list(objects),
    )


def without_ids(found: Event) -> Event:
    """Return an event as it is before its objects have ids."""
    return replace(found, objects=[replace(seen, track_id=None) for seen in found.objects], last_track_id=None)


def ids(found: Event) -> list[int | None]:
    return [seen.track_id for seen in found.objects]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """MOTA (Bernardin and Stiefelhagen, 2008) and IDF1 (Ristani et al., 2016), both at most 1. `switches`: how often an object got
    another id than before."""

    mota: float
    idf1: float
    switches: int


def score(scene: Scene, followed: Sequence[Event]) -> Scores:
    """Compare ids with the truth. A box with an id belongs to the actor from which it was made, so only ids can be wrong."""
    together: Counter[tuple[int, int]] = Counter()
    last: dict[int, int] = {}
    switches = found = false = objects = boxes = 0
    for truth, seen in zip(scene.truth, followed, strict=True):
        for actor, number in zip(truth, ids(seen), strict=True):
            objects += actor is not None
            boxes += number is not None
            false += number is not None and actor is None
            if actor is None or number is None:
                continue
            found += 1
            together[actor, number] += 1
            switches += last.get(actor, number) != number
            last[actor] = number
    return Scores(
        mota=1 - (objects - found + false + switches) / objects,
        idf1=2 * _best(together) / (objects + boxes),
        switches=switches,
    )


def _best(together: Counter[tuple[int, int]]) -> int:
    """Return how many boxes are right if each actor is the one id that suits it best, and each id one actor."""
    actors = sorted({actor for actor, _ in together})
    numbers = sorted({number for _, number in together})
    shared = np.array([[together[actor, number] for number in numbers] for actor in actors], np.float64)
    return int(sum(shared[pair] for pair in best_pairs(shared))) if together else 0
