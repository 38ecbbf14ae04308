"""Every head on the same objects, written as its family writes them (tests/head_layouts.py), and on what is not its family's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from framehop.errors import ModelError
from framehop.inference import head_specs as specs
from framehop.inference.postprocess import Candidates, Head, Outputs, finite, make_head
from framehop.inference.spec import InputSpec
from tests.head_layouts import HEIGHT, LAYOUTS, WIDTH, Layout, Thing, Values, stack

INPUT = InputSpec(name="image", width=WIDTH, height=HEIGHT, layout="NCHW", colour="RGB")
THREE = [
    Thing(10, 12, 50, 40, 2, 0.9),
    Thing(60.5, 8, 100, 58.25, 0, 0.75),
    Thing(104, 30, 140, 76, 3, 0.6),
]
ONE = [Thing(20, 20.5, 60, 61, 1, 0.8)]

every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def head_of(layout: Layout) -> Head:
    return make_head(layout.spec, INPUT)


def read(head: Head, outputs: Outputs, count: int, threshold: float = 0.5) -> list[Candidates]:
    return [head.candidates(rows, threshold) for rows in head.rows(outputs, count)]


def check(found: Candidates, things: Sequence[Thing], *, pixels: float = 1e-3, score: float = 1e-5) -> None:
    order = np.argsort(-found.scores, kind="stable")
    assert found.label_ids[order].tolist() == [thing.kind for thing in things]
    np.testing.assert_allclose(found.scores[order], [thing.score for thing in things], atol=score)
    np.testing.assert_allclose(found.boxes[order], np.reshape([thing[:4] for thing in things], (-1, 4)), atol=pixels)
    types = [values.dtype.name for values in (found.boxes, found.scores, found.label_ids)]
    assert types == ["float32", "float32", "int32"]
    assert found.boxes.flags.c_contiguous


def test_every_head_is_here() -> None:
    assert {type(layout.spec) for layout in LAYOUTS.values()} == set(get_args(specs.HeadSpec))


@every_layout
def test_a_batch_is_read_picture_by_picture(layout: Layout) -> None:
    head = head_of(layout)
    assert head.suppress == layout.suppress
    outputs = stack(layout, [THREE, [], ONE])
    assert set(head.outputs) == set(outputs)
    for found, things in zip(read(head, outputs, 3), [THREE, [], ONE], strict=True):
        check(found, things)


@every_layout
def test_one_picture_without_a_batch_axis(layout: Layout) -> None:
    for things in (THREE, []):
        [batch] = read(head_of(layout), stack(layout, [things]), 1)
        check(batch, things)
        if isinstance(layout.spec, specs.Rows7Spec):
            continue
        [alone] = read(head_of(layout), layout.encode(things), 1)
        check(alone, things)


@every_layout
@pytest.mark.parametrize(("kind", "pixels"), [(np.float16, 0.5), (np.float64, 1e-3)])
def test_floats_of_any_width(layout: Layout, kind: type[np.floating[Any]], pixels: float) -> None:
    outputs: dict[str, Values] = {
        name: values.astype(kind) if values.dtype.kind == "f" else values
        for name, values in stack(layout, [ONE, THREE]).items()
    }
    first, second = read(head_of(layout), outputs, 2)
    check(first, ONE, pixels=pixels, score=4e-3)
    check(second, THREE, pixels=pixels, score=4e-3)


@every_layout
def test_integers_of_any_width(layout: Layout) -> None:
    for kind in (np.uint8, np.int16, np.int64, np.uint64):
        outputs: dict[str, Values] = {
            name: np.maximum(values, 0).astype(kind) if values.dtype.kind == "i" else values
            for name, values in stack(layout, [THREE]).items()
        }
        if isinstance(layout.spec, specs.MmdeploySpec):
            outputs["dets"][:, -1] = 0  # unsigned labels have none for "no object"
        check(read(head_of(layout), outputs, 1)[0], THREE)


@every_layout
def test_the_threshold_is_the_least_score(layout: Layout) -> None:
    outputs = stack(layout, [THREE])
    for threshold, things in ((0.7, THREE[:2]), (0.8, THREE[:1]), (0.95, [])):
        check(read(head_of(layout), outputs, 1, threshold)[0], things)


@every_layout
def test_labels_may_begin_elsewhere(layout: Layout) -> None:
    spec = msgspec.structs.replace(layout.spec, first_label_id=11)
    [found] = read(make_head(spec, INPUT), stack(layout, [ONE]), 1)
    assert found.label_ids.tolist() == [12]


# ---------------------------------------------------------------- what is another family's


@every_layout
def test_another_number_of_pictures_is_refused(layout: Layout) -> None:
    outputs = stack(layout, [THREE, ONE])
    with pytest.raises(ModelError, match=r"output '\w+' .* but the head reads|picture that is not in the batch"):
        read(head_of(layout), outputs, 1)
    if not isinstance(layout.spec, specs.Rows7Spec):
        with pytest.raises(ModelError, match=r"output '\w+' is \[.*for 3 pictures, but the head reads"):
            read(head_of(layout), outputs, 3)


COUNTS = {"num_dets", "num_detections"}  # only how many they are matters


@every_layout
def test_other_shapes_are_refused_by_name(layout: Layout) -> None:
    head, outputs = head_of(layout), stack(layout, [THREE, ONE])
    for name in set(outputs) - COUNTS:
        values = outputs[name]
        for changed in (values[..., None, None], values.reshape(-1), values[..., :0]):
            with pytest.raises(ModelError, match=r"output '[\w\[\]:]+' is \[.*, but the head reads"):
                read(head, {**outputs, name: changed}, 2)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("ssd", "b"),
        ("yolox", "o"),
        ("rows", "o"),
        ("rows7", "o"),
        ("rtdetr", "boxes"),
        ("rtdetr", "labels"),
        ("detr sigmoid", "pred_boxes"),
        ("rfdetr", "dets"),
        ("mmdeploy", "dets"),
        ("mmdeploy", "labels"),
        ("efficientnms", "det_boxes"),
        ("tf", "detection_classes"),
        ("boxes-scores", "b"),
        ("nanodet", "b16"),
    ],
)
def test_a_side_that_is_fixed_is_checked(family: str, name: str) -> None:
    """The number of classes and of anchors is the network's own, the rest is the family's or follows from the input."""
    layout = LAYOUTS[family]
    outputs = stack(layout, [THREE, ONE])
    outputs[name] = outputs[name][:, :-1] if family == "yolox" else outputs[name][..., :-1]
    with pytest.raises(ModelError, match=rf"output '{name}' is \[.*, but the head reads"):
        read(head_of(layout), outputs, 2)


@every_layout
def test_an_output_that_is_absent_or_no_numbers_is_refused(layout: Layout) -> None:
    head, outputs = head_of(layout), stack(layout, [THREE])
    for name in head.outputs:
        rest = {other: values for other, values in outputs.items() if other != name}
        with pytest.raises(ModelError, match=f"the head reads output '{name}', but the network gives"):
            head.rows({**rest, "else": outputs[name]}, 1)
        with pytest.raises(ModelError, match=f"output '{name}' is .*, but the head reads numbers"):
            head.rows({**rest, name: outputs[name].astype(str)}, 1)


@pytest.mark.parametrize(
    "layout",
    [one for one in LAYOUTS.values() if not one.logits],
    ids=[key for key in LAYOUTS if not LAYOUTS[key].logits],
)
def test_a_score_above_one_is_another_familys(layout: Layout) -> None:
    wild = [THREE[0]._replace(score=1.5)]
    with pytest.raises(ModelError, match=r"a score is 1\.5.*, but the head reads scores of 0 to 1"):
        read(head_of(layout), stack(layout, [wild]), 1)


def test_a_score_of_one_may_be_rounded_up() -> None:
    layout = LAYOUTS["rows"]
    [found] = read(head_of(layout), stack(layout, [[THREE[0]._replace(score=1.0005)]]), 1)
    assert found.scores.tolist() == [1.0]


@every_layout
def test_wild_but_finite_numbers_stay_finite(layout: Layout) -> None:
    """Wild numbers may also be refused, but are never an error of arithmetic."""
    head = head_of(layout)
    for wild in (3e38, -3e38):
        for name, values in stack(layout, [THREE]).items():
            if values.dtype != np.float32:
                continue
            try:
                [found] = read(head, {**stack(layout, [THREE]), name: np.full_like(values, wild)}, 1, 0.0)
            except ModelError:
                continue
            assert np.isfinite(found.boxes).all()
            assert ((found.scores >= 0) & (found.scores <= 1)).all()


@pytest.mark.parametrize(
    ("family", "name"), [("rtdetr", "labels"), ("mmdeploy", "labels"), ("efficientnms", "det_classes")]
)
def test_a_label_beyond_31_bits_is_refused(family: str, name: str) -> None:
    layout = LAYOUTS[family]
    outputs: dict[str, Values] = {**stack(layout, [THREE])}
    for label in (2**31, 2**40, 2**62):
        outputs[name] = np.full(outputs[name].shape, label, np.int64)
        with pytest.raises(ModelError, match=r"label id .* whole numbers up to 2147483647"):
            read(head_of(layout), outputs, 1)


@pytest.mark.parametrize("family", ["rows", "rows of paddle", "rows7", "tf", "centernet"])
def test_a_class_that_is_no_whole_number_is_refused(family: str) -> None:
    """This is what another family's columns look like."""
    layout = LAYOUTS[family]
    halves = [thing._replace(kind=0.5) for thing in THREE]  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"label id 0\.5, but the head reads whole numbers"):
        read(head_of(layout), stack(layout, [halves]), 1)


@pytest.mark.parametrize("count", [4, 2**31 - 1, -1])
def test_a_count_of_boxes_that_are_not_there_is_refused(count: int) -> None:
    layout = LAYOUTS["efficientnms"]
    outputs = stack(layout, [THREE[:2]]) | {"num_dets": np.array([[count]], np.int32)}
    with pytest.raises(ModelError, match=r"'num_dets' says that there are \S+ boxes, but .* 0 to 3"):
        read(head_of(layout), outputs, 1)


@pytest.mark.parametrize("family", ["efficientnms", "tf"])
def test_what_is_behind_the_count_may_be_anything(family: str) -> None:
    layout = LAYOUTS[family]
    outputs = stack(layout, [THREE, ONE])
    for values in outputs.values():
        if values.shape[1:2] == (4,) and values.dtype.kind == "f":
            values[0, 3:], values[1, 1:] = np.nan, np.inf
    first, second = head_of(layout).rows(outputs, 2)
    assert finite(first)
    assert finite(second)
    check(head_of(layout).candidates(first, 0.5), THREE)
    check(head_of(layout).candidates(second, 0.5), ONE)


@pytest.mark.parametrize("count", [np.nan, np.inf, 1e300, 0.5])
def test_a_count_that_is_no_number_of_boxes_is_refused(count: float) -> None:
    layout = LAYOUTS["tf"]
    outputs: dict[str, Values] = {**stack(layout, [THREE[:2]]), "num_detections": np.array([count])}
    with pytest.raises(ModelError, match="'num_detections' says that there are"):
        read(head_of(layout), outputs, 1)


@pytest.mark.parametrize("index", [-1.0, 2.0, 0.5, 1e30, np.nan])
def test_a_row_of_a_picture_that_is_not_in_the_batch_is_refused(index: float) -> None:
    layout = LAYOUTS["rows7"]
    outputs = stack(layout, [THREE, ONE])
    outputs["o"][1, 0] = index
    with pytest.raises(ModelError, match="a picture that is not in the batch of 2"):
        head_of(layout).rows(outputs, 2)


@every_layout
def test_only_the_picture_whose_outputs_are_not_finite_is_not(layout: Layout) -> None:
    head, outputs = head_of(layout), stack(layout, [THREE, ONE])
    column = -1 if isinstance(layout.spec, specs.Rows7Spec) else Ellipsis
    name = next(name for name, values in outputs.items() if values.dtype.kind == "f")
    outputs[name][0, column] = np.nan
    first, second = head.rows(outputs, 2)
    assert (finite(first), finite(second)) == (False, True)
    check(head.candidates(second, 0.5), ONE)


def test_boxes_and_scores_of_one_anchor_are_no_batch() -> None:
    """[A, 1, 4] beside [A, C] has no batch axis, however many anchors there are."""
    head = make_head(specs.BoxesScoresSpec(boxes="b", scores="s"), INPUT)
    outputs = {"s": np.array([[0.9]], np.float32), "b": np.array([[[1, 2, 3, 4]]], np.float32)}
    [found] = read(head, outputs, 1)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    with pytest.raises(ModelError, match="for 2 pictures"):
        head.rows(outputs, 2)


def test_nanodet_names_every_grid() -> None:
    with pytest.raises(ValueError, match="an entry for each grid"):
        specs.NanodetSpec(scores=("a", "b"), boxes=("c", "d"))
