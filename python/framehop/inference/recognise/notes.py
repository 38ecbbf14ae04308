"""Reads the notes that an exporter left in the file's metadata. Ultralytics writes Python's own text of its values; anybody may
write anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from framehop.errors import ModelError

MAX_LABELS, MAX_LABEL = 65_536, 128

_QUOTED = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_ENTRY = re.compile(rf"\s*(?:[\"']?(\d{{1,9}})[\"']?\s*:\s*)?({_QUOTED})\s*(?:,|$)")
_WHOLE = re.compile(r"\s*[{\[](.*)[}\]]\s*", re.DOTALL)
_NUMBER = re.compile(r"\d{1,6}")
_NMS = re.compile(r"['\"]nms['\"]\s*:\s*True")

_OTHER_TASKS = {
    "segment": "a segmentation network",
    "pose": "a pose network",
    "classify": "a classification network",
    "obb": "a network for rotated boxes",
    "semantic": "a segmentation network",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """The notes that say something here. `size`: (width, height). `finished`: the network gives finished boxes. `head`: the class
    of its last layer. `names`: by label id; empty if there are none. `unreadable`: there are names, which cannot be read."""

    names: dict[int, str] = field(default_factory=dict)
    unreadable: bool = False
    size: tuple[int, int] | None = None
    finished: str = ""
    head: str = ""


def read_notes(metadata: Mapping[str, str]) -> Notes:
    """Read the metadata of a network. Raises ModelError if it says that this is no detector of colour pictures."""
    task = metadata.get("task", "detect").strip()
    if task in _OTHER_TASKS:
        raise ModelError(
            f"it is {_OTHER_TASKS[task]} (its metadata says task: {task}), and only detectors can be used:"
            " export one that was trained for detection"
        )
    if (channels := metadata.get("channels", "3").strip()) not in {"3", ""}:
        raise ModelError(f"it takes pictures of {channels[:16]} channels, and only colour pictures can be given")
    text = metadata.get("names", "")
    names = parse_names(text)
    return Notes(
        names=names or {},
        unreadable=bool(text) and names is None,
        size=_size(metadata.get("imgsz", "")),
        finished=_finished(metadata),
        head=metadata.get("head", "").strip()[:64],
    )


def parse_names(text: str) -> dict[int, str] | None:
    """Return label names by id from the text of a Python or JSON dict or list of texts; None if it is something else or too much.

    It reads token by token, so that no nesting can exhaust the stack.
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return None
    body, at = whole[1].rstrip(), 0
    names: dict[int, str] = {}
    while at < len(body):
        entry = _ENTRY.match(body, at)
        if entry is None or len(names) == MAX_LABELS:
            return None
        label = clean(_unquoted(entry[2]))
        if label:
            names[int(entry[1]) if entry[1] else len(names)] = label
        at = entry.end()
    return names or None


def clean(label: str) -> str:
    """Return a label that can be shown on one line: cut, and without control characters."""
    return "".join(char if char.isprintable() else " " for char in label[:MAX_LABEL]).strip()


def _unquoted(token: str) -> str:
    try:
        return str(ast.literal_eval(token))  # one quoted text, without any nesting
    except (ValueError, SyntaxError):
        return token[1:-1]


def _size(text: str) -> tuple[int, int] | None:
    """Return (width, height) from `imgsz`: `640`, `[640]` or `[height, width]`."""
    sides = [int(side) for side in _NUMBER.findall(text[:64])]
    if not 1 <= len(sides) <= 2 or not all(1 <= side <= 4096 for side in sides):
        return None
    return sides[-1], sides[0]


def _finished(metadata: Mapping[str, str]) -> str:
    """Return the note that says that suppression is done or not needed, else an empty text."""
    if metadata.get("end2end", "").strip() == "True":
        return "end2end: True"
    return "nms: True" if _NMS.search(metadata.get("args", "")) or metadata.get("nms", "").strip() == "True" else ""
