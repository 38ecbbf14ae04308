"""A film under several policies, and what each leaves of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.system.numbered_films import number_of, order_on_screen

OF_A_FILM = {  # by stream: its policy, and the reason of what is not looked at
    "keys": ("key-frames-only", "not-a-key-frame"),
    "fourth": ("every_n=4", "every-n"),
    "five": ("fps=5", "over-fps"),
}


def words_for(film: Path) -> tuple[list[str], list[str]]:
    """Return the sources and the options for a film that is read under each of OF_A_FILM."""
    policies = [word for stream, (rule, _) in OF_A_FILM.items() for word in ("--policy", f"{stream}={rule}")]
    return [f"{stream}={film}" for stream in OF_A_FILM], policies


def check_film(found: Sequence[dict[str, Any]], film: Path) -> None:
    """Every picture that was looked at is its own, and the policies chose which. `found`: the first event of each frame of 75."""
    numbers = order_on_screen(film)
    looked_at: dict[str, dict[int, int]] = {stream: {} for stream in OF_A_FILM}
    for event in found:
        if event["outcome"] == "detected":
            looked_at[event["stream"]][event["seq"]] = number_of(event)
    for stream, (_, reason) in OF_A_FILM.items():
        assert {event["reason"] for event in found if event["stream"] == stream} == {"", reason}
        assert looked_at[stream] == {seq: numbers[seq] for seq in looked_at[stream]}
    assert sorted(looked_at["keys"].values()) == [0, 25, 50]
    assert sorted(looked_at["fourth"]) == list(range(0, 75, 4))
    assert 14 <= len(looked_at["five"]) <= 16, "five a second of the film, however fast it is read"
