"""The steps from the outputs of a run to objects: what is suppressed, what is kept, and what one bad picture costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.head_specs import HeadSpec, RowsSpec, TfSpec
from framehop.inference.postprocess import NO_CANDIDATES, Candidates, Outputs, Postprocessor
from framehop.inference.spec import InputSpec, ModelSpec, NmsSpec, ResizeSpec

# The second overlaps the first, and is of another class; the third is the best.
ROWS = np.array(
    [[0, 0, 10, 10, 0.8, 0], [1, 0, 11, 10, 0.7, 1], [50, 50, 60, 60, 0.9, 0]],
    np.float32,
)
FINISHED, OVERLAPPING = RowsSpec(output="o"), RowsSpec(output="o", nms=True)


def post(head: HeadSpec, *, nms: NmsSpec | None = None, max_objects: int = 100) -> Postprocessor:
    sidecar = ModelSpec(
        name="m",
        version="1",
        file="m.onnx",
        input=InputSpec(name="i", width=100, height=50, layout="NCHW", colour="RGB"),
        resize=ResizeSpec(mode="stretch"),
        head=head,
        labels={0: "a", 1: "b"},
        nms=nms or NmsSpec(),
        max_objects=max_objects,
    )
    return Postprocessor(sidecar)


def kept(built: Postprocessor, rows: NDArray[np.float32] = ROWS) -> list[float]:
    [found] = built.keep([built.candidates({"o": rows})])
    return [round(float(score), 3) for score in found.scores]


def test_boxes_of_a_network_that_suppresses_inside_are_only_put_in_order() -> None:
    assert kept(post(FINISHED)) == [0.9, 0.8, 0.7]
    assert kept(post(FINISHED, max_objects=2)) == [0.9, 0.8]


def test_boxes_of_any_other_are_suppressed() -> None:
    assert kept(post(OVERLAPPING)) == [0.9, 0.8]
    assert kept(post(OVERLAPPING, nms=NmsSpec(class_agnostic=False))) == [0.9, 0.8, 0.7]
    assert kept(post(OVERLAPPING, nms=NmsSpec(iou=0.9))) == [0.9, 0.8, 0.7]
    assert kept(post(OVERLAPPING, max_objects=1)) == [0.9]
    assert kept(post(OVERLAPPING, nms=NmsSpec(max_candidates=1))) == [0.9]


def test_pictures_do_not_suppress_each_other() -> None:
    built = post(OVERLAPPING)
    first, none, last = built.keep([built.candidates({"o": ROWS}), NO_CANDIDATES, built.candidates({"o": ROWS[:2]})])
    assert [len(one.scores) for one in (first, none, last)] == [2, 0, 1]


def test_objects_of_one_picture_in_its_source() -> None:
    transform = np.array([0.5, 0.5, 0, 0], np.float64)
    found = post(FINISHED).objects({"o": ROWS}, transform, picture_size=(100, 100), source_size=(200, 200))
    assert found.boxes.tolist() == [[0, 0, 40, 40], [4, 0, 44, 40]]
    assert found.label_ids.tolist() == [0, 1], "the best lies outside the picture"


def reasons(read: list[Candidates | str]) -> list[str]:
    return [one if isinstance(one, str) else "" for one in read]


def test_a_picture_that_cannot_be_read_fails_alone() -> None:
    not_finite, too_sure = ROWS.copy(), ROWS.copy()
    not_finite[2, 0], too_sure[0, 4] = np.nan, 7
    good, first, second = reasons(post(FINISHED).read({"o": np.stack([ROWS, not_finite, too_sure])}, 3))
    assert (good, first) == ("", "bad_output")
    assert second.startswith("bad_output: a score is 7, but the head reads scores of 0 to 1")


def test_outputs_that_are_no_batch_fail_all_its_pictures() -> None:
    outputs: Outputs = {
        "num_detections": np.zeros(2, np.float32),
        "detection_boxes": np.zeros((2, 3, 4), np.float32),
        "detection_scores": np.zeros((1, 3), np.float32),
        "detection_classes": np.zeros((2, 3), np.float32),
    }
    first, second = reasons(post(TfSpec()).read(outputs, 2))
    assert first == second
    assert first.startswith("bad_output: output 'detection_scores' is [1, 3] for 2 pictures")
