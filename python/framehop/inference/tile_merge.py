"""Merges what was found in the tiles of one picture.

A box that ends at an inner edge of its tile may show only a part of an object: it is a piece. The rule has five steps.

1. Boxes that are no pieces compete by intersection over union, as in a picture without tiles.
2. A piece is dropped if one of these covers half of it.
3. Pieces of one label that meet at an edge, and lie side by side for half of the shorter one, are joined to one box.
4. What is left of the pieces, joined or not, competes by intersection over union.
5. A piece is dropped if a larger one covers half of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framehop.inference.postprocess import Objects, nms
from framehop.inference.postprocess.boxes import not_empty
from framehop.inference.spec import NmsSpec
from framehop.inference.tiles import Size, Tile
from framehop.types import Detections

Boxes = NDArray[np.float32]
Flags = NDArray[np.bool_]

_COVERED = 0.5
_AT_EDGE = 0.02  # share of a tile's side; a network places the end of a cut object about so exactly
_SIDE_BY_SIDE = 0.5
_MOST_PIECES = 1000  # each is compared with all others in Python, whatever a model's own limit is


class _Pool(NamedTuple):
    """Boxes of one picture, float32 [k, 4] in its pixels, with scores and labels. `ends`: bool [k, 4], which sides lie at an inner
    edge of a tile."""

    boxes: Boxes
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]
    ends: Flags

    def only(self, chosen: NDArray[np.intp] | Flags) -> _Pool:
        return _Pool(self.boxes[chosen], self.scores[chosen], self.label_ids[chosen], self.ends[chosen])


def merge(
    tiles: Sequence[Tile], parts: Sequence[Detections], picture: Size, rule: NmsSpec, *, max_objects: int
) -> Objects:
    """Return the objects of a picture, best first, at most `max_objects`, boxes in its pixels. `parts`: what was found in each
    tile, boxes in the tile's pixels. `rule`: the model's own suppression, which bounds the work too."""
    pool = _together([_pool(tile, part, picture) for tile, part in zip(tiles, parts, strict=True)])
    cut: Flags = np.logical_or.reduce(pool.ends, axis=1)
    entire = _suppressed(pool.only(~cut), rule, max_objects)
    pieces = _strongest(pool.only(cut), min(rule.max_candidates, _MOST_PIECES))
    pieces = _joined(pieces.only(~_covered(pieces, entire, rule)), gap=2 * _edge_px(tiles[-1]))
    pieces = _suppressed(pieces, rule, max_objects)
    pieces = pieces.only(~_covered(pieces, pieces, rule, by_larger=True))
    result = _strongest(_together([entire, pieces]), max_objects)
    return Objects(result.boxes, result.scores, result.label_ids)


def _pool(tile: Tile, part: Detections, picture: Size) -> _Pool:
    """Return a tile's findings in the picture's pixels."""
    boxes = part.boxes + np.array([tile.x, tile.y] * 2, np.float32)
    pool = _Pool(boxes, part.scores, part.label_ids, inner_ends(tile, part.boxes, picture))
    return pool.only(not_empty(boxes))  # far from the origin float32 may have rounded a speck to nothing


def inner_ends(tile: Tile, boxes: Boxes, picture: Size) -> Flags:
    """Return bool [k, 4]: which sides of a box, left, top, right and bottom, lie at an edge of the tile that is not an edge of the
    picture. Behind it the object may go on. `boxes`: float32 [k, 4], in the tile's pixels."""
    inner = (tile.x > 0, tile.y > 0, tile.x + tile.width < picture[0], tile.y + tile.height < picture[1])
    edge_px = _edge_px(tile)
    at_edge: Flags = np.hstack([boxes[:, :2] <= edge_px, boxes[:, 2:] >= tile.size - edge_px]) & inner
    return at_edge


def _edge_px(tile: Tile) -> NDArray[np.float64]:
    """Return float64 [2]: the distance from an edge, in x and y, within which a box counts as lying at it."""
    return np.maximum(1.0, _AT_EDGE * np.array(tile.size))


def _together(pools: Sequence[_Pool]) -> _Pool:
    return _Pool(*(np.concatenate(values) for values in zip(*pools, strict=True)))


def _strongest(pool: _Pool, count: int) -> _Pool:
    """Return the best boxes in order, at most `count`."""
    return pool.only(np.argsort(-pool.scores, kind="stable")[:count])


def _suppressed(pool: _Pool, rule: NmsSpec, max_objects: int) -> _Pool:
    kept = nms(
        pool.boxes,
        pool.scores,
        pool.label_ids,
        iou=rule.iou,
        class_agnostic=rule.class_agnostic,
        max_candidates=rule.max_candidates,
        max_objects=max_objects,
    )
    return pool.only(kept)


def _covered(pieces: _Pool, boxes: _Pool, rule: NmsSpec, *, by_larger: bool = False) -> Flags:
    """Return bool [k]: whether one of `boxes` covers half of a piece, or more than suppression allows if that is less. `by_larger`:
    only a box that is larger than the piece counts, so that a piece never covers itself."""
    covered = np.zeros(len(pieces.boxes), np.bool_)
    areas = _areas(pieces.boxes)
    for box, label_id, area in zip(boxes.boxes, boxes.label_ids, _areas(boxes.boxes), strict=True):
        rivals = _shared(pieces.boxes, box) >= min(_COVERED, rule.iou) * areas
        if not rule.class_agnostic:
            rivals &= pieces.label_ids == label_id
        covered |= rivals & (areas < area) if by_larger else rivals
    return covered


def _shared(boxes: Boxes, other: Boxes) -> NDArray[np.float32]:
    """Return float32 [k]: the area that each box shares with `other`."""
    sides = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
    area: NDArray[np.float32] = np.maximum(sides, 0).prod(axis=1)
    return area


def _areas(boxes: Boxes) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return areas


def _joined(pieces: _Pool, gap: NDArray[np.float64]) -> _Pool:
    """Join pieces of one object: each grows by all that meet it, until none does, and has the best score of them. `gap`: float64
    [2], pixels in x and y that pieces may lie apart, since a network does not place them exactly at the edge."""
    boxes, scores, ends = pieces.boxes.copy(), pieces.scores.copy(), pieces.ends.copy()
    left = np.ones(len(boxes), np.bool_)
    for index in range(len(boxes)):
        while left[index]:
            rivals = left & (pieces.label_ids == pieces.label_ids[index])
            others = np.flatnonzero(rivals & _meets(boxes, ends, index, gap))
            if not len(others):
                break
            group = np.append(others, index)
            boxes[index], ends[index] = _union(boxes, ends, group)
            scores[index] = scores[group].max()
            left[others] = False
    return _Pool(boxes, scores, pieces.label_ids, ends).only(left)


def _meets(boxes: Boxes, ends: Flags, index: int, gap: NDArray[np.float64]) -> Flags:
    """Return bool [k]: whether a piece goes on behind an edge of the piece `index`, to any side."""
    return _follows(boxes, ends, index, 0, gap[0]) | _follows(boxes, ends, index, 1, gap[1])


def _follows(boxes: Boxes, ends: Flags, index: int, axis: int, gap: float) -> Flags:
    """Return bool [k]: whether a piece goes on behind the piece `index` along an axis, 0 for x and 1 for y, on either side."""
    near, far, box = boxes[:, axis], boxes[:, axis + 2], boxes[index]
    behind = ends[index, axis + 2] & ends[:, axis] & (near <= box[axis + 2] + gap) & (near > box[axis])
    before = ends[index, axis] & ends[:, axis + 2] & (far >= box[axis] - gap) & (near < box[axis])
    beside: Flags = (behind | before) & _side_by_side(boxes[:, 1 - axis :: 2], box[1 - axis :: 2])
    return beside


def _side_by_side(spans: NDArray[np.float32], span: NDArray[np.float32]) -> Flags:
    """Return bool [k]: whether intervals, float32 [k, 2], have half of the shorter one in common with `span`."""
    shared = np.minimum(spans[:, 1], span[1]) - np.maximum(spans[:, 0], span[0])
    shorter = np.minimum(spans[:, 1] - spans[:, 0], span[1] - span[0])
    beside: Flags = shared >= _SIDE_BY_SIDE * shorter
    return beside


def _union(boxes: Boxes, ends: Flags, group: NDArray[np.intp]) -> tuple[Boxes, Flags]:
    """Return the box around a group, and which of its sides still lie at an inner edge."""
    outermost = group[np.append(boxes[group, :2].argmin(axis=0), boxes[group, 2:].argmax(axis=0))]
    sides = np.arange(4)
    return boxes[outermost, sides], ends[outermost, sides]
