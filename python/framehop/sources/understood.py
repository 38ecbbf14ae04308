"""The sources that a user may name, for the message about any other text."""

from __future__ import annotations

UNDERSTOOD = (
    "understood: a video file, a picture, a folder of pictures or videos, a pattern such as 'clips/*.mp4', "
    "a camera's rtsp://, rtmp:// or http:// address, /dev/video0, list:FILE with a source a line, "
    "pan:PICTURE[?size=WxH&rate=10&count=100], "
    "testsrc[:?size=WxH&rate=25&count=100]"
)
