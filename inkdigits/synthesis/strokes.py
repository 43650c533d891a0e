"""Strokes: what a pen has drawn, without the pen.

A glyph is kept as the distance of every point to the middle of its strokes, so that any pen, from a hairline to a
marker, can draw it again at any size: ink is where the distance is below half the pen's width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box

#: Pixels of a glyph's map for each pixel of MNIST's, and the side of the map.
ZOOM = 3
SIDE = 28 * ZOOM
#: Height of a digit in the map: MNIST's 20 pixels.
HEIGHT = 20 * ZOOM
#: Distances are kept in steps of 1/8 pixel of the map and end at 255 steps.
_STEPS = 8

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Glyph:
    """Strokes to be drawn.

    Attributes:
        distance: uint8 (84, 84), distance to the middle of the nearest stroke in eighths of a pixel.
        bounds: left, top, right, bottom of the strokes' middles, in pixels of the map.
        solid: It is a shape with its own thickness, to be drawn with a fine pen, rather than the middles of strokes.
    """

    distance: NDArray[np.uint8]
    bounds: tuple[int, int, int, int]
    solid: bool = False


def from_shape(shape: NDArray[np.uint8], solid: bool = False) -> Glyph:
    """A glyph from the middles of its strokes, or from a solid shape: uint8 (84, 84), 255 = stroke."""
    distance = cv2.distanceTransform(255 - shape, cv2.DIST_L2, cv2.DIST_MASK_5)
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    if not rows.size:
        rows = columns = np.array([SIDE // 2])
    bounds = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    # The blur takes the stairs out of slanting strokes; in their middle, where it leaves its own mean deviation, the
    # distance is set to nothing again.
    blurred = cv2.GaussianBlur(distance, (0, 0), 1.0)
    smooth = np.sqrt(np.maximum(blurred**2 - 2 / np.pi, 0))
    return Glyph(np.clip(smooth * _STEPS, 0, 255).astype(np.uint8), bounds, solid)


def from_mask(mask: NDArray[np.uint8]) -> Glyph:
    """A glyph from thick strokes, uint8 (84, 84), 255 = ink: their middles are found by thinning (Zhang and Suen, 1984)."""
    return from_shape(np.asarray(cv2.ximgproc.thinning(mask), np.uint8))


def from_lines(lines: Sequence[Points]) -> Glyph:
    """A glyph from lines of points (x, y) in pixels of the map."""
    skeleton = np.zeros((SIDE, SIDE), np.uint8)
    for points in lines:
        shifted = np.rint(np.asarray(points) * 16).astype(np.int32)
        cv2.polylines(skeleton, [shifted], isClosed=False, color=255, thickness=1, shift=4)
    return from_shape(skeleton)


def curve(points: Points, smoothness: int = 12) -> list[tuple[float, float]]:
    """Points along the Catmull–Rom spline through ``points``.

    Source: E. Catmull and R. Rom, "A class of local interpolating splines", 1974.
    """
    knots = np.asarray([points[0], *points, points[-1]], np.float64)
    t = np.linspace(0, 1, smoothness, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return [(float(x), float(y)) for x, y in np.concatenate([*pieces, knots[-1:]])]


@dataclass(frozen=True)
class Placement:
    """Where and how large a glyph is drawn.

    Attributes:
        x, y: Middle of the glyph's bounds, in pixels of the picture.
        scale_x, scale_y: Pixels of the picture for each pixel of the map.
        shear: Horizontal shift per unit of height; positive leans to the right.
        rotate_deg: Counter-clockwise.
        wobble: Standard deviation of a smooth displacement, as a share of the glyph's height.
    """

    x: float
    y: float
    scale_x: float
    scale_y: float
    shear: float = 0.0
    rotate_deg: float = 0.0
    wobble: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """From the map, its middle taken as the origin, to the picture: float64 (2, 2)."""
        angle = np.radians(self.rotate_deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return turn @ np.array([[1.0, -self.shear], [0.0, 1.0]]) @ np.diag([self.scale_x, self.scale_y])


def draw(
    layer: NDArray[np.float32], glyph: Glyph, place: Placement, pen_px: float, strength: float, rng: np.random.Generator
) -> Box:
    """Draw a glyph into a layer of ink.

    Args:
        layer: float32 (H, W), 0 = paper, 1 = full ink; changed in place, by the maximum of what is there and what comes.
        pen_px: Width of the pen in pixels of the layer.
        strength: Ink of the pen, in (0, 1].

    Returns:
        the box around the ink, as if there were no border: left, top, right, bottom.
    """
    left, top, right, bottom = glyph.bounds
    matrix = place.matrix()
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    corners = np.array([[x, y] for x in (left, right) for y in (top, bottom)]) - middle
    spread = corners @ matrix.T
    reach = pen_px / 2 + 1
    low, high = spread.min(0) - reach + (place.x, place.y), spread.max(0) + reach + (place.x, place.y)
    box = (int(np.floor(low[0])), int(np.floor(low[1])), int(np.ceil(high[0])) + 1, int(np.ceil(high[1])) + 1)
    height, width = layer.shape
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if x0 >= x1 or y0 >= y1:
        return box
    inverse = np.linalg.inv(matrix)
    dx = np.arange(x0, x1, dtype=np.float32) - np.float32(place.x)
    dy = (np.arange(y0, y1, dtype=np.float32) - np.float32(place.y))[:, None]
    map_x = (inverse[0, 0] * dx + inverse[0, 1] * dy + middle[0]).astype(np.float32)
    map_y = (inverse[1, 0] * dx + inverse[1, 1] * dy + middle[1]).astype(np.float32)
    if place.wobble:
        knots = rng.normal(0, place.wobble * HEIGHT, (2, 4, 4)).astype(np.float32)
        map_x += cv2.resize(knots[0], (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
        map_y += cv2.resize(knots[1], (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    scale = float(np.sqrt(abs(place.scale_x * place.scale_y)))
    distance = cv2.remap(glyph.distance, map_x, map_y, cv2.INTER_LINEAR, borderValue=255).astype(np.float32)
    ink = np.clip(pen_px / 2 + 0.5 - distance * (scale / _STEPS), 0, min(pen_px, 1.0))
    window = layer[y0:y1, x0:x1]
    np.maximum(window, ink * strength, out=window)
    return box
