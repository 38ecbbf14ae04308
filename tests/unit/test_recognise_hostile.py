"""Files of any content: recognised or refused, and never anything else."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framehop.errors import ModelError
from framehop.inference.head_specs import HeadSpec
from tests.fixed_network import (
    G,
    floats,
    network,
    plan,
    raw,
)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 100_000, b"{}", b"null", b'{"id2label": 7}', b"Preprocess: 7", b"a: !!bool maybe", b""],
)
def test_files_beside_that_are_something_else_are_left_alone(tmp_path: Path, content: bytes) -> None:
    for name in ("config.json", "preprocessor_config.json", "infer_cfg.yml"):
        (tmp_path / name).write_bytes(content)
    assert plan(tmp_path, network({"output0": raw(3)})).spec.labels == {}


NAMED = [
    "labels",
    "boxes",
    "scores",
    "logits",
    "pred_boxes",
    "dets",
    "num_dets",
    "det_boxes",
    "det_scores",
    "output0",
    "x",
]

SHAPES = st.lists(st.sampled_from([0, 1, 2, 4, 5, 6, 7, 30, 85, 100, G]), max_size=4).filter(
    lambda shape: math.prod(shape) <= 100_000
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.dictionaries(st.sampled_from(NAMED), SHAPES, min_size=1, max_size=4),
    head=st.sampled_from([None, *(spec.__struct_config__.tag for spec in get_args(HeadSpec))]),
    scale=st.sampled_from([0.0, 1.0, 100.0, np.inf]),
)
def test_whatever_a_network_gives_it_is_recognised_or_refused(
    tmp_path: Path, shapes: dict[str, list[int]], head: str | None, scale: float
) -> None:
    outputs = {name: (floats(*shape) * np.float32(scale)).astype(np.float32) for name, shape in shapes.items()}
    with contextlib.suppress(ModelError):
        plan(tmp_path, network(outputs), {"head": {"name": head}} if head else {})
