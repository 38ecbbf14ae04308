"""Preprocessing by NVIDIA DALI on the CPU. DALI is a download of 200 MB, so the stage of scripts/test that has it runs these."""

from __future__ import annotations

import pytest

from framehop.inference.preprocess import dali_installed

needs_dali = pytest.mark.skipif(
    not dali_installed(), reason="NVIDIA DALI is not installed here; the stage “DALI, CPU only” of scripts/test has it"
)
