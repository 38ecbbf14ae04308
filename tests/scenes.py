"""Scenes whose objects are known, as the events that a detector would write of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

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

    def is_seen(self, frame: int) -> bool:
        return frame in self.frames and frame not in self.hidden

    def box(self, frame: int) -> Box:
        x, y = (at + step * (frame - self.frames.start) for at, step in zip(self.at, self.speed, strict=True))
        width, height = self.size
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`events`: one per frame. `truth`: per frame, by the place of an object in the event, the number of its actor; None for what
    is no object. `visible`: per frame where each actor is that is not hidden, whether the detector found it or not."""

    events: list[Event]
    truth: list[list[int | None]]
    visible: list[dict[int, Box]]


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
    events, truth, visible = [], [], []
    for frame in range(frames):
        found: list[tuple[DetectedObject, int | None]] = []
        there = {number: actor for number, actor in enumerate(actors) if actor.is_seen(frame)}
        for number, actor in there.items():
            if chance.random() >= missed:
                found.append((_seen(actor, frame, noise, chance), number))
        if chance.random() < false:
            x, y = chance.uniform(0, 640), chance.uniform(0, 360)
            found.append((thing((x, y, x + 30, y + 30), confidence=0.6), None))
        found.sort(key=lambda pair: -pair[0].confidence)
        events.append(event(frame, [seen for seen, _ in found], at_us=BEGIN_US + round(frame * 1e6 / fps)))
        truth.append([number for _, number in found])
        visible.append({number: actor.box(frame) for number, actor in there.items()})
    return Scene(events=events, truth=truth, visible=visible)


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


def tracks_in(found: Event) -> dict[int, Box]:
    """Return the boxes of an event by their ids."""
    return {seen.track_id: seen.box for seen in found.objects if seen.track_id is not None}
