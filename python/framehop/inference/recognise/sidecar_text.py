"""Writes what was recognised as a sidecar, with the reason of each choice beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import yaml

from framehop.inference.recognise.plan import Plan

_UNUSED: tuple[object, ...] = ("", [], (), {})
_SECTIONS = ("input", "resize", "head", "nms")
_MOST_LABELS = 2000
_WIDEST = 100  # of a reason; an editor's line


def as_yaml(plan: Plan) -> str:
    """Return the content of a `model.yaml` that says all that `plan` says."""
    content: dict[str, object] = msgspec.to_builtins(plan.spec, str_keys=False)
    why = {reason.key: reason.why for reason in plan.reasons}
    lines = [
        f"# {plan.family}. Written by framehop model init; what each key means: docs/models.md.",
        "# A key that is taken away is recognised anew at every start.",
    ]
    lines += [_line(key, content[key], "") for key in ("name", "version", "file", "sha256")]
    for section in _SECTIONS:
        if section != "nms" or "nms" not in why:
            lines += _section(section, content[section], why)
    lines += [_line(key, content[key], why.get(key, "")) for key in ("score_threshold", "max_objects")]
    return "\n".join([*lines, *_labels(plan.spec.labels, why["labels"])]) + "\n"


def _section(section: str, content: object, why: Mapping[str, str]) -> Iterator[str]:
    assert isinstance(content, dict)
    yield f"{section}:"
    for key, value in content.items():
        if value not in _UNUSED:
            yield "  " + _line(key, value, why.get(f"{section}.{key}", ""))


def _labels(labels: Mapping[int, str], why: str) -> Iterator[str]:
    """Yield the labels, unless there are none, as the key must not be empty, or more than a file by hand should have."""
    if len(labels) > _MOST_LABELS:
        yield f"# labels: {len(labels)} of them are not written here, and found anew at every start"
        return
    if labels:
        yield f"labels:{_comment(why)}"
    for label_id, name in labels.items():
        yield f"  {label_id}: {_scalar(name)}"


def _line(key: str, value: object, why: str) -> str:
    return f"{key}: {_scalar(value)}{_comment(why)}"


def _scalar(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1 << 20, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _comment(why: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in why)
    return f"  # {plain if len(plain) <= _WIDEST else plain[:_WIDEST] + '…'}" if plain else ""
