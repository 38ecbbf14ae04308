"""Import Pillow, or tell what to install."""

from __future__ import annotations

from framehop.errors import MissingExtraError
from framehop.installing import install

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise MissingExtraError(f"drawing boxes needs Pillow: {install('video')}") from error

__all__ = ["Image", "ImageDraw", "ImageFont"]
