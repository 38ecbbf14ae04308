"""Tests how what was found is drawn, and its forms in other libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import framehop
from framehop.errors import InvalidArgumentError
from framehop.sinks import drawing
from framehop.sinks.colours import label_colour
from framehop.testing.memory_log import MemoryLog
from framehop.types import DetectedObject, Event, Outcome
from tests.feeder import Feeder

CAT = DetectedObject(label="cat", label_id=3, confidence=0.75, box=(10.0, 20.0, 40.0, 60.5))
DOG = DetectedObject(label="dog", label_id=4, confidence=0.5, box=(1.0, 2.0, 3.0, 4.0), track_id=7)


@pytest.fixture(scope="module")
def empty() -> Event:
    with MemoryLog(partitions=1) as log, Feeder(log) as feeder:
        return replace(feeder.feed("gate", 1)[0], width=320, height=240)


def black(width: int = 320, height: int = 240) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((height, width, 3), np.uint8)


# ---------------------------------------------------------------- draw


def test_boxes_are_drawn_on_a_copy(empty: Event) -> None:
    event, picture = replace(empty, objects=[replace(CAT, box=(100, 80, 200, 180))]), black()
    picture.flags.writeable = False
    drawn = framehop.draw(picture, event)
    assert (str(drawn.dtype), drawn.shape, drawn.flags.writeable) == ("uint8", (240, 320, 3), True)
    assert tuple(drawn[130, 200]) == tuple(drawn[180, 150]) == label_colour("cat")
    assert not drawn[130, 150].any(), "nothing is drawn inside"
    assert not picture.any()


def test_boxes_fit_a_picture_of_another_scale(empty: Event) -> None:
    event = replace(empty, objects=[replace(CAT, box=(100, 80, 200, 180))])
    assert tuple(framehop.draw(black(640, 240), event)[130, 400]) == label_colour("cat")
    unknown = replace(event, width=0, height=0)
    assert tuple(framehop.draw(black(640, 240), unknown)[130, 200]) == label_colour("cat")


def test_parts_of_a_picture_can_be_drawn_on(empty: Event) -> None:
    part = black(640, 480)[::2, ::2]
    assert framehop.draw(part, empty).shape == (240, 320, 3)


@pytest.mark.parametrize("outcome", ["skipped", "failed"])
def test_a_frame_without_boxes_says_why(empty: Event, outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(drawing, "draw_caption", lambda _image, text: said.append(text))
    framehop.draw(black(), replace(empty, outcome=outcome, reason="of the test", objects=[CAT]))
    assert said == [f"{outcome}: of the test"]


def test_no_picture_is_a_card(empty: Event) -> None:
    card = framehop.draw(None, replace(empty, outcome="failed", reason="of the test"))
    assert card.shape == (360, 640, 3)
    assert tuple(card[2, 2]) == (96, 96, 96)
    assert not np.array_equal(card, framehop.draw(None, empty)), "it has the reason"


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), black(0, 4)]
)
def test_other_arrays_are_refused(empty: Event, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(InvalidArgumentError, match="a picture to draw on is a uint8 array"):
        framehop.draw(picture, empty)


def test_a_track_is_named_beside_its_label() -> None:
    assert [drawing._tag_text(found) for found in (CAT, DOG)] == ["cat 0.75", "dog #7 0.50"]
    assert len(drawing._tag_text(replace(CAT, label="x" * 10_000))) < 200


# ---------------------------------------------------------------- supervision, COCO


def test_for_supervision_there_is_a_row_per_object(empty: Event) -> None:
    found = replace(empty, objects=[CAT, DOG]).to_supervision()
    assert found["xyxy"].tolist() == [list(CAT.box), list(DOG.box)]
    assert found["confidence"].tolist() == [0.75, 0.5]
    assert found["class_id"].tolist() == [3, 4]
    assert found["tracker_id"] is not None
    assert found["tracker_id"].tolist() == [-1, 7]
    assert found["data"]["class_name"].tolist() == ["cat", "dog"]
    assert {str(found["xyxy"].dtype), str(found["confidence"].dtype)} == {"float32"}


def test_without_tracks_supervision_gets_none(empty: Event) -> None:
    assert replace(empty, objects=[CAT]).to_supervision()["tracker_id"] is None


def test_nothing_found_is_no_rows(empty: Event) -> None:
    found = empty.to_supervision()
    assert (found["xyxy"].shape, found["confidence"].shape, found["tracker_id"]) == ((0, 4), (0,), None)
    assert found["data"]["class_name"].shape == (0,)


def test_supervision_takes_it(empty: Event) -> None:
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    for objects in ([], [CAT], [CAT, DOG]):
        detections = supervision.Detections(**replace(empty, objects=objects).to_supervision())
        assert len(detections) == len(objects)
    assert detections[detections.class_id == 4].data["class_name"].tolist() == ["dog"]


def test_for_coco_there_is_an_annotation_per_object(empty: Event) -> None:
    [cat, dog] = replace(empty, objects=[CAT, DOG]).to_coco(42)
    assert cat == {
        "image_id": 42,
        "category_id": 3,
        "bbox": [10.0, 20.0, 30.0, 40.5],
        "area": 1215.0,
        "iscrowd": 0,
        "score": 0.75,
    }
    assert (dog["category_id"], dog["bbox"]) == (4, [1.0, 2.0, 2.0, 2.0])
    assert empty.to_coco(42) == []
