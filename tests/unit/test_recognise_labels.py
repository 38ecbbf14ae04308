"""The names of the classes: where they come from, where they begin, and when they do not match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.inference.recognise.notes import parse_names
from tests.fixed_network import (
    cornered,
    floats,
    network,
    plan,
    raw,
    refusal,
)


@pytest.mark.parametrize(
    ("labels", "counts"),
    [({0: "a", 1: "b", 2: "c", 3: "d"}, ("4 names", "3 classes")), ({7: "a"}, ("1 names", "3 classes"))],
)
def test_labels_beyond_the_networks_classes_are_refused(
    tmp_path: Path, labels: dict[int, str], counts: tuple[str, str]
) -> None:
    message = refusal(tmp_path, network({"output0": raw(3)}), {"labels": labels})
    assert all(count in message for count in counts)


def test_names_of_another_number_of_classes_are_refused_wherever_they_come_from(tmp_path: Path) -> None:
    metadata = {"names": "{0: 'a', 1: 'b', 2: 'c', 3: 'd'}"}
    message = refusal(tmp_path, network({"output0": raw(2)}, metadata=metadata))
    assert "4 names" in message
    assert "2 classes" in message
    (tmp_path / "labels.txt").write_text("a\nb\n")
    message = refusal(tmp_path, network({"output0": raw(3)}))
    assert "2 names" in message
    assert "labels.txt" in message


def test_a_sidecar_may_name_only_some_labels(tmp_path: Path) -> None:
    assert plan(tmp_path, network({"output0": raw(3)}), {"labels": {1: "b"}}).spec.labels == {1: "b"}


def test_names_that_begin_with_the_background_or_with_one(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    pair = {"boxes": cornered(40), "scores": floats(1, 40, 2) * 0.5}
    spec = plan(tmp_path, network(pair)).spec
    assert (spec.head.first_label_id, spec.labels[2]) == (1, "dog")
    spec = plan(tmp_path, network(pair), {"labels": {1: "cat", 2: "dog"}}).spec
    assert (spec.head.first_label_id, spec.labels) == (1, {1: "cat", 2: "dog"})


@pytest.mark.parametrize(
    "names",
    [
        "{0: 'a'",
        "(" * 100_000,
        "[" * 100_000,
        "{0: {1: 'a'}}",
        "-" * 100_000,
        "__import__('os')",
        "{0: 'a', 1: x}",
        "''",
    ],
    ids=lambda text: text[:12],
)
def test_names_that_cannot_be_read_are_said_and_not_used(tmp_path: Path, names: str) -> None:
    found = plan(tmp_path, network({"output0": raw(3)}, metadata={"names": names}))
    [why] = [reason.why for reason in found.reasons if reason.key == "labels"]
    assert found.spec.labels == {}
    assert "cannot be read" in why


def test_sixty_five_thousand_labels_are_read_and_ten_megabytes_are_not(tmp_path: Path) -> None:
    many = {index: f"label {index}" for index in range(65_536)}
    nothing = np.zeros((1, 300, 6), np.float32)
    metadata = {"end2end": "True", "names": repr(many)}
    assert plan(tmp_path, network({"output0": nothing}, metadata=metadata)).spec.labels == many
    metadata["names"] = repr(dict.fromkeys(range(10000), "x" * 1000))
    assert plan(tmp_path, network({"output0": nothing}, metadata=metadata)).spec.labels == {}


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"", b"x\n" * 70_000])
def test_a_label_file_that_cannot_be_used_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    assert "labels.txt" in refusal(tmp_path, network({"output0": raw(3)}))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: \"it's\", 2: 'a, b'}", {0: "person", 1: "it's", 2: "a, b"}),
        ("['a', 'b']", {0: "a", 1: "b"}),
        ('{"0": "caf\\u00e9"}', {0: "café"}),
        (r"{0: 'tab\there', 5: 'q\'s'}", {0: "tab here", 5: "q's"}),
    ],
)
def test_names_are_read_as_python_and_json_write_them(text: str, names: dict[int, str]) -> None:
    assert parse_names(text) == names


@given(st.dictionaries(st.integers(0, 99_999), st.text(min_size=1, max_size=20).filter(lambda text: text.strip())))
def test_whatever_python_writes_is_read_back_or_refused(names: dict[int, str]) -> None:
    found = parse_names(repr(names))
    assert found is None or set(found) <= set(names)
