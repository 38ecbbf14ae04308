"""Questions that a camera refuses, and what it is asked then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from av.error import HTTPBadRequestError, HTTPOtherClientError

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
