"""Pillow, or what to install."""

from __future__ import annotations

from framehop.errors import MissingExtraError

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise MissingExtraError("drawing boxes needs Pillow: pip install 'framehop[video]'") from error

__all__ = ["Image", "ImageDraw", "ImageFont"]
