"""Options that choose what is found: thresholds, labels, sizes, tiles, and regions from the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.cli.option_values import detect_options
from framehop.config.detect_options import DetectOptions
from framehop.errors import ConfigError
from framehop.regions import Regions
from tests.commands import framehop


def typed(
    *,
    conf: list[str] | None = None,
    exclude: list[str] | None = None,
    config: Path | None = None,
    tiles: str = "",
    lanes: str = "auto",
) -> DetectOptions:
    return detect_options(
        model="coco-ssd",
        conf=conf,
        exclude=exclude,
        config=config,
        tiles=tiles,
        workers=1,
        slots=8,
        slot_mib=1,
        max_batch=1,
        lanes=lanes,
    )


@pytest.mark.parametrize(
    ("conf", "usual", "of_label"),
    [
        ([], None, {}),
        (["0.3"], 0.3, {}),
        (["person=0.35"], None, {"person": 0.35}),
        (["0.5", "person=.35", "17=1", "0.4", "person=0"], 0.4, {"person": 0.0, "17": 1.0}),
        (["a=b=0.2"], None, {"a=b": 0.2}),
    ],
)
def test_thresholds_of_all_labels_and_of_single_ones(
    conf: list[str], usual: float | None, of_label: dict[str, float]
) -> None:
    options = typed(conf=conf)
    assert (options.conf, options.class_conf) == (usual, of_label)


@pytest.mark.parametrize("text", ["", "person", "person=", "0,5", "person:0.5", "0.5=person", "x" * 5000])
def test_a_threshold_that_is_no_number(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--conf takes a number, as 0\.3, or a label's, as person=0\.35") as caught:
        typed(conf=[text])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["1.5", "-0.1", "nan", "inf", "person=2"])
def test_a_threshold_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match=r"conf( of 'person')? must be between 0 and 1, not"):
        typed(conf=[text])


def test_labels_to_leave_out_may_be_separated_or_repeated() -> None:
    assert typed(exclude=["tv, chair", "17"]).exclude == ("tv", "chair", "17")


def test_regions_come_from_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "framehop.yaml"
    path.write_text("detect: {regions: {gate-1: {anchor: any}}}")
    assert typed(config=path).regions == {"gate-1": Regions(anchor="any")}
    assert typed().regions == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--tiles", "3by2"), "tiles must be columns x rows"),
        (("--min-size", "-1"), "--min-size"),
        (("--conf", "person=2"), "conf of 'person' must be between 0 and 1, not 2.0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, str], expected: str
) -> None:
    done = framehop("run", "testsrc:?count=1", "--log", tmp_path / "log", *arguments)
    assert done.status != 0
    assert expected in done.stderr
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(("text", "lanes"), [("auto", 0), ("1", 1), ("2", 2), ("256", 256)])
def test_lanes(text: str, lanes: int) -> None:
    assert typed(lanes=text).lanes == lanes


@pytest.mark.parametrize("text", ["", "0", "-1", "257", "two", "1.5", "٢", "9" * 5000])
def test_lanes_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match="--lanes takes auto, or a number from 1 to 256, not") as caught:
        typed(lanes=text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("typed_as", [("--log", ""), ("--log=",)])
def test_an_empty_log_is_not_the_default_one(typed_as: tuple[str, ...]) -> None:
    done = framehop("audit", *typed_as)
    assert (done.status, done.stderr) == (1, "error: --log is empty: name a directory, or kafka://HOST:PORT\n")


def test_a_name_that_no_stream_can_have_is_said_as_such() -> None:
    done = framehop("run", "testsrc", "--stream", "a b")
    assert done.status == 1
    assert "stream id 'a b' is not allowed" in done.stderr
