"""--conf and --classes: what is understood, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from framehop.errors import ConfigError
from framehop.inference import load_model
from framehop.inference.postprocess import Candidates, Wanted

COCO = load_model("coco-ssd").labels


def _ids(*classes: str, labels: Mapping[int, str] = COCO) -> set[int]:
    found = Wanted.of(labels, None, classes).label_ids
    assert found is not None
    return set(found)


def test_labels_by_name_in_any_case_and_by_number() -> None:
    assert _ids("person", "CAR", " 17 ", "traffic light") == {1, 3, 17, 10}
    assert Wanted.of(COCO, None, []).label_ids is None


def test_a_name_comes_before_a_number_and_one_name_may_have_two_ids() -> None:
    labels = {0: "7", 7: "eight", 9: "7"}
    assert _ids("7", labels=labels) == {0, 9}
    assert _ids("eight", "0", labels=labels) == {0, 7}


@pytest.mark.parametrize(
    ("typed", "near"), [("persn", "person"), ("motorbike", "motorcycle"), ("Trafic Light", "traffic light")]
)
def test_an_unknown_label_names_those_near_to_it(typed: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"no label '{typed}'; near to it: .*{near}"):
        Wanted.of(COCO, None, ["cat", typed])


@pytest.mark.parametrize("typed", ["zzzz", "12", "-1", "9999999999999999999", "", "²", "x" * 10_000])
def test_what_is_near_to_nothing_shows_what_there_is(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"it has person \(1\), bicycle \(2\).* and 68 more") as caught:
        Wanted.of(COCO, None, [typed])
    assert len(str(caught.value)) < 400


def test_one_text_is_no_list_of_labels() -> None:
    with pytest.raises(ConfigError, match=r"\['person'\]"):
        Wanted.of(COCO, None, "person")


@pytest.mark.parametrize("conf", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_confidence_that_cannot_be(conf: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Wanted.of(COCO, conf, [])


def test_only_wanted_labels_are_picked_and_nothing_wanted_is_everything() -> None:
    found = Candidates(
        np.arange(12, dtype=np.float32).reshape(3, 4), np.ones(3, np.float32), np.array([1, 3, 1], np.int32)
    )
    picked = Wanted.of(COCO, None, ["person"]).pick(found)
    assert picked.label_ids.tolist() == [1, 1]
    assert picked.boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert Wanted().pick(found) is found
    assert (Wanted().threshold(0.5), Wanted(conf=0.0).threshold(0.5)) == (0.5, 0.0)
