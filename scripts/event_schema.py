"""Writes docs/event.schema.json, the JSON Schema of an event. To be run when framehop.types.Event has changed.

Additive only: a field may be added, with a default, and the version stays. One that is renamed, removed or retyped breaks whoever
reads the events of an older log; tests/unit/test_schema.py decodes events of every version there was.
"""

import json
import sys
from pathlib import Path

import msgspec

from framehop.types import SCHEMA_VERSION, Event

TARGET = Path(__file__).resolve().parents[1] / "docs" / "event.schema.json"


def schema() -> str:
    (made,), parts = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    for part in parts.values():
        if text := part.get("description"):
            part["description"] = " ".join(text.split())
        for field in part["properties"].values():
            if field.get("default") in ([], {}):  # named by some versions of msgspec, and not by others
                del field["default"]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"framehop event, version {SCHEMA_VERSION}",
        "$comment": "Later versions add fields and take none away: readers ignore what they do not know.",
    }
    return json.dumps(head | made | {"$defs": parts}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(schema())
    sys.stdout.write(f"{TARGET}\n")
