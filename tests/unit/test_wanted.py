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


def test_unknown_labels_are_refused_wherever_they_are_typed() -> None:
    with pytest.raises(ConfigError, match="conf: the model has no label 'persn'; near to it: person"):
        Wanted.of(COCO, class_conf={"persn": 0.5})
    with pytest.raises(ConfigError, match="exclude: the model has no label 'dgo'; near to it: dog"):
        Wanted.of(COCO, exclude=["dgo"])
    with pytest.raises(ConfigError, match=r"exclude is a list of labels, as in \['dog'\]"):
        Wanted.of(COCO, exclude="dog")


def found(*scores_of: tuple[int, float]) -> Candidates:
    """Candidates of these labels and scores, each with its index as its box."""
    count = len(scores_of)
    return Candidates(
        np.repeat(np.arange(count, dtype=np.float32), 4).reshape(count, 4),
        np.array([score for _, score in scores_of], np.float32),
        np.array([label_id for label_id, _ in scores_of], np.int32),
    )


def picked(wanted: Wanted, candidates: Candidates) -> list[int]:
    return [int(box[0]) for box in wanted.pick(candidates, 0.5).boxes]


def test_only_wanted_labels_are_picked_and_nothing_wanted_is_everything() -> None:
    candidates = found((1, 1.0), (3, 1.0), (1, 1.0))
    kept = Wanted.of(COCO, None, ["person"]).pick(candidates, 0.5)
    assert kept.label_ids.tolist() == [1, 1]
    assert kept.boxes.tolist() == [[0, 0, 0, 0], [2, 2, 2, 2]]
    assert Wanted().pick(candidates, 0.5) is candidates
    assert (Wanted().threshold(0.5), Wanted(conf=0.0).threshold(0.5)) == (0.5, 0.0)


def test_excluded_labels_are_dropped_also_when_they_are_wanted() -> None:
    candidates = found((1, 1.0), (3, 1.0), (17, 1.0), (999, 1.0))
    assert picked(Wanted.of(COCO, exclude=["car", "17"]), candidates) == [0, 3]
    assert picked(Wanted.of(COCO, None, ["person", "car"], exclude=["Car"]), candidates) == [0]


def test_a_label_has_its_own_threshold_and_the_rest_the_usual_one() -> None:
    person, car, cat = 1, 3, 17
    candidates = found((person, 0.36), (person, 0.34), (car, 0.4), (car, 0.6), (cat, 0.7), (cat, 0.85))
    own = {"person": 0.35, "17": 0.8}
    of_model, typed = Wanted.of(COCO, class_conf=own), Wanted.of(COCO, 0.3, class_conf=own)
    assert (of_model.threshold(0.5), typed.threshold(0.5)) == (0.35, 0.3)
    assert picked(of_model, candidates) == [0, 3, 5]
    assert picked(typed, candidates) == [0, 2, 3, 5]


def test_a_score_at_the_threshold_is_enough() -> None:
    assert picked(Wanted.of(COCO, class_conf={"person": 0.35}), found((1, 0.35))) == [0]
