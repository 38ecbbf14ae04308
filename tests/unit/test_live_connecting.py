"""Questions that a camera refuses, and what it is asked then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from av.error import HTTPBadRequestError, HTTPOtherClientError

from framehop import timing
from framehop.errors import SourceAwayError
from framehop.sources.address import Address
from framehop.sources.live import connecting
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.losses import Losses

CAM = Address.parse("rtsp://host/sound")


@pytest.mark.parametrize("refusal", [HTTPBadRequestError, HTTPOtherClientError])
def test_a_camera_that_refuses_its_video_alone_is_asked_for_everything(
    monkeypatch: pytest.MonkeyPatch, refusal: type[HTTPBadRequestError | HTTPOtherClientError]
) -> None:
    """One without video does so, and servers have several words for it."""
    asked = list[bool]()

    def open_address(_url: str, *, options: dict[str, str], **_times: object) -> object:
        asked.append("allowed_media_types" in options)
        if asked[-1]:
            raise refusal(1, "refused")
        return SimpleNamespace()

    monkeypatch.setattr(connecting, "open_address", open_address)
    connecting.opened(
        Connecting(address=CAM, codec="auto", quality=85, open_s=9.0, stall_s=1.0, name=CAM.shown, losses=Losses())
    )
    assert asked == [True, False]


@pytest.mark.parametrize("address", ["rtsp://host/sound", "/dev/video0"])
def test_all_tries_share_one_deadline(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A camera that answers late each time must be told as away as soon as one that does not answer."""
    now_s, given_s = [0.0], list[float]()
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: now_s[0]))

    def open_address(_url: str, *, open_s: float, **_others: object) -> object:
        given_s.append(open_s)
        now_s[0] += 6.0
        raise HTTPBadRequestError(1, "refused")

    monkeypatch.setattr(connecting, "open_address", open_address)
    how = Connecting(
        address=Address.parse(address), codec="auto", quality=85, open_s=9.0, stall_s=1.0, name="cam", losses=Losses()
    )
    with pytest.raises(SourceAwayError, match="has not answered within 9 s"):
        connecting.opened(how)
    assert given_s == [9.0, 3.0]
