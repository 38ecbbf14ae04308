"""The policies: which frames of a stream need not be looked at, as when there are more than the machine can look at."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from framehop.errors import ConfigError
from framehop.patterns import FirstFit, check_patterns

PolicyKind = Literal["all", "latest", "max_age_ms", "every_n", "fps", "key-frames-only"]

KINDS: tuple[PolicyKind, ...] = get_args(PolicyKind)
UNDERSTOOD = "all, latest, max_age_ms=N, every_n=N, fps=F or key-frames-only"

# What a number may be. A day is older than anybody wants to look at live, and ingest takes no more than 1,000 frames a second.
_LIMITS: dict[str, tuple[float, float]] = {
    "max_age_ms": (1, 86_400_000),
    "every_n": (2, 1_000_000),
    "fps": (0.001, 1000),
}
_WHOLE = frozenset({"max_age_ms", "every_n"})
_LISTED = re.compile(r"[,;+&]")
_SEVERAL = re.compile(r"[,;+&\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule for what may be skipped of a stream. Every frame that is skipped has an event that says so.

    `all`: nothing. `latest`: a frame once a newer one of its stream waits, or once it has waited for others too long to be in time.
    `max_age_ms`: a frame that ingest had more than so many milliseconds ago when its turn comes. `every_n`: all but every n-th
    frame, by seq. `fps`: what is more than so many frames per second, by the time of capture. `key-frames-only`: what cannot be
    decoded by itself. `value`: the number, 0 if it has none.
    """

    kind: PolicyKind = "all"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"policy {self.kind[:64]!r} is not known: use {UNDERSTOOD}")
        if self.kind in _LIMITS:
            self._check_value(*_LIMITS[self.kind])
        elif self.value:
            raise ConfigError(f"policy {self.kind} takes no number, and was given {self.value:g}")

    def _check_value(self, least: float, most: float) -> None:
        if self.kind == "every_n" and self.value == 1:
            raise ConfigError("policy every_n=1 looks at every frame: write all")
        if not (math.isfinite(self.value) and least <= self.value <= most):
            raise ConfigError(f"policy {self.kind} takes a number from {least:g} to {most:.0f}, not {self.value:g}")
        if self.kind in _WHOLE and self.value != int(self.value):
            raise ConfigError(f"policy {self.kind} takes a whole number, not {self.value:g}")

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Parse what a user writes, as `latest` or `max_age_ms=500`. Raises ConfigError that says what is understood."""
        text = text.strip()
        if _SEVERAL.search(text):
            raise ConfigError(f"policy {text[:64]!r}: they exclude each other, and a stream has one: {UNDERSTOOD}")
        name, given, number = text.partition("=")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None:
            raise ConfigError(f"policy {text[:64]!r} is not known: use {UNDERSTOOD}")
        if kind not in _LIMITS and given:
            raise ConfigError(f"policy {name} takes no number, and was given {number[:64]!r}")
        return cls(kind=kind, value=_number(name, number) if kind in _LIMITS else 0.0)

    @property
    def waits(self) -> bool:
        """Whether the policy judges a frame when its turn comes, and not by the frame alone."""
        return self.kind in {"latest", "max_age_ms"}

    def __str__(self) -> str:
        return f"{self.kind}={self.value:.10g}" if self.kind in _LIMITS else self.kind


ALL = Policy()
LIVE = Policy(
    kind="max_age_ms", value=1000
)  # what a live source has by default: nobody wants to see what was there before


class StreamPolicies:
    """The policy of each stream: its own, else that of the first pattern that fits, else LIVE for live streams and ALL for the
    others. Thread-safe, with one thread that notes."""

    def __init__(self, policies: Mapping[str, Policy], live: Iterable[str] = ()) -> None:
        self._given = FirstFit(policies)
        self._waits = any(policy.waits for policy in policies.values())
        self._live = frozenset(live)
        self._own: dict[str, Policy] = {}

    def of(self, stream: str) -> Policy:
        return self._own.get(stream) or self._given.of(stream) or (LIVE if stream in self._live else ALL)

    def note(self, stream: str, *, live: bool, policy: Policy | None) -> None:
        """Note what is known of a stream's source now. `policy`: the stream's own; None where the patterns decide."""
        others = {name: known for name, known in self._own.items() if name != stream}  # readers keep the dict they have
        self._own = others if policy is None else {**others, stream: policy}
        self._live = self._live | {stream} if live else self._live - {stream}

    @property
    def waits(self) -> bool:
        """Whether a frame of any stream may be judged only when its turn comes."""
        return self._waits or any(self.of(stream).waits for stream in self._live | self._own.keys())


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        example = {"max_age_ms": "500", "every_n": "3"}.get(name, "2.5")
        raise ConfigError(f"policy {name} needs a number, as {name}={example}, not {text[:64]!r}") from error


def parse_policies(texts: Iterable[str]) -> dict[str, Policy]:
    """Parse policies as they are typed: of all streams, as `latest`, or of those that fit a pattern, as `gate-*=fps=2`. Raises
    ConfigError also when a pattern has two."""
    found: dict[str, Policy] = {}
    for text in texts:
        pattern, policy = _parse_one(text)
        if pattern in found:
            raise ConfigError(
                f"policies {found[pattern]} and {policy} of {pattern!r} exclude each other: give it one of them"
            )
        found[pattern] = policy
    check_policies(found)
    return found


def _parse_one(text: str) -> tuple[str, Policy]:
    pattern, given, rest = text.partition("=")
    if not given or pattern.strip() in KINDS or _LISTED.search(text):
        return "*", Policy.parse(text)
    return pattern, Policy.parse(rest)


def check_policies(policies: Mapping[str, Policy]) -> None:
    """Raise ConfigError if a key is no pattern of stream ids, or a value no policy."""
    check_patterns("policies", policies)
    for pattern, policy in policies.items():
        if not isinstance(policy, Policy):
            raise ConfigError(
                f"policies: that of {pattern!r} must be a Policy, as Policy.parse('latest'), not {policy!r:.64}"
            )
