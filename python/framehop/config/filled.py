"""Addresses of sources whose user and password come from the environment."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from urllib.parse import quote

from framehop.config.environment import variable
from framehop.sources import SourceSpec, expand

_FROM_ENV = re.compile(r"\{env:([^}]*)\}")


def expand_filled(sources: Iterable[str | SourceSpec]) -> list[SourceSpec]:
    """Return the sources that the texts name, as `expand` does. `{env:NAME}` in the user or password of an address, as in
    rtsp://{env:CAM_USER}:{env:CAM_PASSWORD}@HOST/PATH, becomes that variable's value. Raises also ConfigError."""
    return [_filled(spec) if spec.is_live else spec for spec in expand(sources)]


def _filled(spec: SourceSpec) -> SourceSpec:
    user, at, rest = spec.source.rpartition("@")

    def value(found: re.Match[str]) -> str:
        return quote(variable(found[1], spec.shown), safe="")

    return dataclasses.replace(spec, source=f"{_FROM_ENV.sub(value, user)}{at}{rest}")
