"""Pages in the world: sheets, notes, tables, forms and screens, somewhere in a photo, with the place of every digit.

A page is composed flat, as ink on a canvas; then it is laid on a desk, lit, seen askew, and photographed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import paper
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.canvas import UNCLEAR, Canvas
from inkdigits.synthesis.contents import composed


@dataclass(frozen=True)
class Marks:
    """Where digits and other writing stand in a picture.

    Attributes:
        labels: int64 (N,), 0 to 9, ``OTHER`` or ``UNCLEAR``.
        centres: float32 (N, 2), x and y in pixels.
        ups: float32 (N, 2), from the centre to the middle of the upper edge, wherever that points.
        rights: float32 (N, 2), from the centre to the middle of the right edge.
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float32]
    ups: NDArray[np.float32]
    rights: NDArray[np.float32]


@dataclass(frozen=True)
class Tile:
    """A part of a photographed page.

    Attributes:
        picture: uint8 (H, W).
        marks: What stands in it.
    """

    picture: NDArray[np.uint8]
    marks: Marks


#: The canvas is so many times as wide as the tile that is cut out of it, since it is turned.
_ROOM = 1.35
#: Heights of digits in a tile, in pixels; most lie between the first two.
_SMALLEST, _LARGEST = 11.0, 52.0


def tile(strokes: DigitStrokes, rng: np.random.Generator, side: int = 320) -> Tile:
    """A part of a photo, with digits of 11 to 52 pixels mostly, and now and then with smaller or larger ones.

    Args:
        side: Of the picture, in pixels.
    """
    size = int(side * _ROOM)
    tall = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    if rng.random() < 0.12:
        tall = float(np.exp(rng.uniform(np.log(_LARGEST), np.log(5 * _LARGEST))))
    canvas = composed(strokes, rng, np.zeros((size, size), np.float32), tall, _sheet(size, rng))
    levels = _on_desk(canvas)
    levels, found = _seen(canvas, levels, side)
    picture = paper.photographed(np.clip(levels, 0, 1), rng, min(tall, 40.0))
    picture, found = _cropped(picture, found, rng)
    if rng.random() < 0.12:
        picture = 255 - picture
    return Tile(picture, found)


def _sheet(size: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Where on the canvas the sheet lies: all over it, or with some of its edges in view."""
    edges = np.array([0.0, 0.0, size, size])
    if rng.random() < 0.45:
        inset = rng.uniform(0.02, 0.3, 4) * size
        inset[rng.random(4) < 0.35] = 0
        edges += inset * (1, 1, -1, -1)
    return float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])


def _on_desk(canvas: Canvas) -> NDArray[np.float32]:
    """The sheet with its rulings, print and ink on whatever it lies on, under some light: float32 (S, S), about 0 to 1."""
    rng, shape = canvas.rng, canvas.ink.shape
    left, top, right, bottom = canvas.area
    mask = np.zeros(shape, np.float32)
    mask[round(top) : round(bottom), round(left) : round(right)] = 1
    whole = left <= 0 and top <= 0 and right >= shape[1] and bottom >= shape[0]
    sheet = paper.blank(shape, rng) * np.float32(rng.uniform(0.7, 1.0))
    if rng.random() < 0.4:
        rulings = np.zeros(shape, np.float32)
        paper.ruled(rulings, canvas.tall, rng)
        sheet *= 1 - float(rng.uniform(0.08, 0.7)) * rulings
    if rng.random() < 0.12:
        sheet *= 1 - float(rng.uniform(0.05, 0.45)) * paper.security_print(shape, rng)
    if rng.random() < 0.1:  # crumpled
        sheet *= 1 + rng.uniform(0.02, 0.12) * paper.smooth_noise(shape, int(rng.integers(5, 25)), rng)
    darkness = float(rng.choice([rng.uniform(0.5, 0.97), rng.uniform(0.15, 0.5)], p=[0.7, 0.3]))
    if rng.random() < 0.12:  # light on dark: a blackboard, a dark window
        sheet *= np.float32(rng.uniform(0.05, 0.4))
        ink = float(rng.uniform(0.35, 1.0))
        levels = sheet + (ink - sheet) * canvas.ink * darkness + (ink - sheet) * canvas.printed * darkness * 0.6
    else:
        levels = sheet * (1 - darkness * canvas.ink) * (1 - darkness * float(rng.uniform(0.3, 1.0)) * canvas.printed)
    if not whole:
        ground = paper.texture(shape, rng) if rng.random() < 0.75 else np.full(shape, rng.uniform(0, 1), np.float32)
        if rng.random() < 0.5:  # the sheet throws a shadow
            ground *= 1 - 0.4 * cv2.GaussianBlur(mask, (0, 0), 6)
        levels = levels * mask + ground * (1 - mask)
    if rng.random() < 0.06:  # half of the window is dark
        edge = int(rng.uniform(0.2, 0.8) * shape[1])
        levels[:, edge:] = float(rng.uniform(0.9, 1.0)) - levels[:, edge:]
    return paper.lit(levels, rng)


def _seen(canvas: Canvas, levels: NDArray[np.float32], side: int) -> tuple[NDArray[np.float32], Marks]:
    """The canvas as it is seen: turned, askew, curled; and its marks where they are seen."""
    rng, size = canvas.rng, levels.shape[0]
    turn = float(rng.choice([rng.normal(0, 2.5), rng.uniform(-32, 32)], p=[0.7, 0.3]))
    angle = np.radians(turn + 90 * int(rng.choice([0, 1, 2, 3], p=[0.67, 0.11, 0.11, 0.11])))
    zoom = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.85, 1.1))
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    middle, target = size / 2, side / 2
    shift = rng.uniform(-1, 1, 2) * 0.08 * side
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    if rng.random() < 0.4:  # seen from the side
        matrix = np.array([[1, 0, 0], [0, 1, 0], [*(rng.normal(0, 0.12, 2) / middle), 1]]) @ matrix
    matrix = (
        np.array([[1, 0, target + shift[0]], [0, 1, target + shift[1]], [0, 0, 1]])
        @ matrix
        @ np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1]])
    )
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), 0).reshape(2, -1).astype(np.float64)
    source = np.linalg.inv(matrix) @ np.concatenate([grid, np.ones((1, side * side))])
    flat = (source[:2] / source[2]).astype(np.float32).reshape(2, side, side)
    curl = np.zeros((2, size, size), np.float32)
    if rng.random() < 0.2:
        for axis in range(2):
            curl[axis] = canvas.tall * rng.uniform(0, 0.35) * paper.smooth_noise((size, size), 4, rng)
        bent = [cv2.remap(curl[axis], flat[0], flat[1], cv2.INTER_LINEAR) for axis in range(2)]
        flat = flat + np.stack(bent)
    picture = cv2.remap(levels, flat[0], flat[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.float32), _moved(canvas, matrix, curl)


def _moved(canvas: Canvas, matrix: NDArray[np.float64], curl: NDArray[np.float32]) -> Marks:
    boxes = np.array(canvas.boxes, np.float64).reshape(-1, 4)
    labels = np.array(canvas.labels, np.int64)
    left, top, right, bottom = boxes.T
    x, y = (left + right) / 2, (top + bottom) / 2
    area = canvas.area
    out = (x < area[0]) | (y < area[1]) | (x > area[2]) | (y > area[3])
    cut = (left < area[0] - 2) | (top < area[1] - 2) | (right > area[2] + 2) | (bottom > area[3] + 2)
    labels = np.where(cut & ~out, UNCLEAR, labels)
    points = np.stack([np.stack([x, y], 1), np.stack([x, top], 1), np.stack([right, y], 1)], 1)
    size = canvas.ink.shape[0]
    columns, rows = np.clip(points.astype(int), 0, size - 1).transpose(2, 0, 1)
    points = points - np.stack([curl[0][rows, columns], curl[1][rows, columns]], 2)
    seen = np.concatenate([points, np.ones((*points.shape[:2], 1))], 2) @ matrix.T
    seen = seen[..., :2] / seen[..., 2:]
    keep = ~out
    centre, up, side = (seen[keep, i].astype(np.float32) for i in range(3))
    return Marks(labels[keep], centre, up - centre, side - centre)


def _cropped(picture: NDArray[np.uint8], found: Marks, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Marks]:
    """Now and then a close crop of some writing, whose border is repeated around it, as small pictures are read."""
    digits = np.flatnonzero((found.labels >= 0) & (found.labels < 10))
    if rng.random() > 0.22 or not digits.size:
        return _without_cut(picture, found)
    side = picture.shape[0]
    at = int(rng.choice(digits))
    reach = np.abs(found.ups[at]) + np.abs(found.rights[at])
    tall = float(np.hypot(*found.ups[at]) * 2)
    long = 1.0 if rng.random() < 0.4 else float(rng.uniform(1, 10))
    inset = tall * rng.uniform(0.02, 0.5, 4)
    x, y = found.centres[at]
    left, top = int(max(0, x - reach[0] - inset[0])), int(max(0, y - reach[1] - inset[1]))
    right, bottom = int(min(side, x + reach[0] * long + inset[2])) + 1, int(min(side, y + reach[1] + inset[3])) + 1
    if right - left < 8 or bottom - top < 8 or x < 2 or y < 2 or x > side - 2 or y > side - 2:
        return _without_cut(picture, found)
    crop = picture[top:bottom, left:right]
    free = side - crop.shape[1], side - crop.shape[0]
    before = [int(rng.integers(0, room + 1)) for room in free]
    padded = np.pad(crop, ((before[1], free[1] - before[1]), (before[0], free[0] - before[0])), mode="edge")
    inside = (found.centres > (left, top)).all(1) & (found.centres < (right, bottom)).all(1)
    reaches = np.abs(found.ups) + np.abs(found.rights)
    whole = (found.centres - reaches > (left - 2, top - 2)).all(1) & (found.centres + reaches < (right + 2, bottom + 2)).all(1)
    labels = np.where(whole, found.labels, UNCLEAR)[inside]
    moved = found.centres[inside] + np.array([before[0] - left, before[1] - top], np.float32)
    return padded, Marks(labels, moved, found.ups[inside], found.rights[inside])


def _without_cut(picture: NDArray[np.uint8], found: Marks) -> tuple[NDArray[np.uint8], Marks]:
    """Marks in the picture; what its border cuts through is unclear."""
    side = picture.shape[0]
    inside = (found.centres > 0).all(1) & (found.centres < side).all(1)
    reach = 0.6 * (np.abs(found.ups) + np.abs(found.rights))
    whole = (found.centres - reach > 0).all(1) & (found.centres + reach < side).all(1)
    labels = np.where(whole, found.labels, UNCLEAR)
    return picture, Marks(labels[inside], found.centres[inside], found.ups[inside], found.rights[inside])
