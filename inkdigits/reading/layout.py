"""Marks in a picture → lines of digits in reading order, each parted into pieces to be read and into words.

All lines of a page run in one direction, which its digits show; from there on the page is thought of as turned upright.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.inference.detector import Found

#: A gap parts two numbers if it is wider than this share of the highest digit's height, and so many times the line's narrower
#: gaps: a quarter of them is narrower still. One of so many heights parts them in any case.
_GAP_HEIGHTS, _GAP_TIMES, _WIDE_GAP = 0.4, 2.0, 2.5
#: Digits are read together up to this gap, in heights, and up to this ratio of their heights.
_PIECE_GAP, _PIECE_RATIO = 1.0, 2.2
#: Two digits stand on one line if they share this part of the lower one's height.
_SAME_LINE = 0.25
#: … and neither stands above the other, with its middle so far within the other's width, as a share of half of it.
_ABOVE = 0.5
#: Marks agree about a direction up to this angle; what is further off is turned as the others are.
_AGREED_DEG = 40.0
#: Neighbours tell the slope of a line if they are no further apart than so many heights.
_NEIGHBOUR_GAP, _NEIGHBOUR_OFF = 3.0, 0.6
#: Rows show by the nearest neighbours of so many of the surest digits, which are as high as these up to a ratio: so many of
#: them at least, and such a share, agree about a direction up to an angle.
_ROW_DIGITS, _ROW_RATIO, _LEAST_OF_ROWS, _ROW_SHARE, _ROW_DEG = 300, 1.6, 4, 0.5, 12.0
#: Paper above and below a piece, and beside it, in heights of it.
_MARGIN, _MARGIN_ASIDE = 0.12, 0.3


@dataclass(frozen=True)
class Piece:
    """A part of a line whose digits stand close together, to be read at once.

    Attributes:
        digits: Rows of ``Found``, from left to right.
        origin: x and y of its upper left corner in the picture, as it lies.
        along: From there to its upper right corner.
        down: From there to its lower left corner.
        places: float (n, 4), left, top, right, bottom of each digit from the upper left corner, in pixels along and down.
    """

    digits: NDArray[np.int64]
    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]
    places: NDArray[np.float64]

    @property
    def corners(self) -> NDArray[np.float64]:
        """Top left, top right, bottom right, bottom left, as it lies in the picture: float64 (4, 2)."""
        return self.origin + np.array([np.zeros(2), self.along, self.along + self.down, self.down])


def word_ends(starts: Sequence[float], ends: Sequence[float], height: float) -> list[int]:
    """Where words end on a line: after how many digits. The last one is always an end.

    Args:
        starts: Where each digit begins along the line.
        ends: Where it ends.
        height: Of the highest of them, in the same units: small zeros leave more room than they need.
    """
    if not starts:
        return []
    gaps = [max(0.0, start - end) for end, start in zip(ends, starts[1:], strict=False)]
    widest = max(_GAP_HEIGHTS * height, _GAP_TIMES * float(np.percentile(gaps or [0], 25)))
    widest = min(widest, _WIDE_GAP * height)
    return [number for number, gap in enumerate(gaps, start=1) if gap > widest] + [len(starts)]


def pieces_of(found: Found, turn: float) -> list[list[Piece]]:
    """The lines of a page from top to bottom, each as its pieces from left to right.

    Args:
        found: The digits.
        turn: The angle by which the page's lines are turned clockwise, roughly, in radians.
    """
    if not len(found):
        return []
    marks = _Upright(found, turn)
    marks = _Upright(found, turn + np.arctan(_slope(marks)))
    lines = _lines(marks)
    return [[marks.piece(part) for part in _parted(marks, line)] for line in lines]


class _Upright:
    """Marks on a page that has been turned by an angle, as if it were upright then.

    Attributes:
        along, down: Unit vectors in the picture: where lines run, and where the next line is.
        x, y: float64 (N,), the middles along and down.
        half_widths, half_heights: float64 (N,).
    """

    def __init__(self, found: Found, turn: float) -> None:
        self.along = np.array([np.cos(turn), np.sin(turn)])
        self.down = np.array([-np.sin(turn), np.cos(turn)])
        self.x, self.y = found.centres @ self.along, found.centres @ self.down
        half_heights, half_widths = found.heights / 2.0, found.half_widths.astype(np.float64)
        # A digit that was seen as if it lay on its side: what is its height on this page was taken for its width.
        sideways = np.abs(found.ups @ self.along) > np.abs(found.ups @ self.down)
        self.half_heights = np.where(sideways, half_widths, half_heights).astype(np.float64)
        self.half_widths = np.where(sideways, half_heights, half_widths).astype(np.float64)

    def piece(self, rows: NDArray[np.int64]) -> Piece:
        """Digits that are read together, with some paper around them, along the line through their middles."""
        x, y, half_widths, half_heights = self.x[rows], self.y[rows], self.half_widths[rows], self.half_heights[rows]
        slope = 0.0
        if len(rows) > 2:
            slope = float(np.clip(np.polyfit(x, y, 1, w=half_heights)[0], -0.3, 0.3))
        tilt = np.arctan(slope)
        along = np.cos(tilt) * self.along + np.sin(tilt) * self.down
        down = -np.sin(tilt) * self.along + np.cos(tilt) * self.down
        middles = np.outer(x, self.along) + np.outer(y, self.down)
        u, v = middles @ along, middles @ down
        left, right = (u - half_widths).min(), (u + half_widths).max()
        top, bottom = (v - half_heights).min(), (v + half_heights).max()
        height = bottom - top
        left, right = left - _MARGIN_ASIDE * height, right + _MARGIN_ASIDE * height
        top, bottom = top - _MARGIN * height, bottom + _MARGIN * height
        places = np.stack([u - half_widths - left, v - half_heights - top, u + half_widths - left, v + half_heights - top], 1)
        return Piece(rows, left * along + top * down, (right - left) * along, (bottom - top) * down, places)


def direction(found: Found) -> float:
    """The angle by which a page's lines are turned clockwise, in radians: what most of its marks agree about.

    Args:
        found: The marks, at least one.
    """
    angles = np.arctan2(found.ups[:, 0], -found.ups[:, 1]).astype(np.float64)
    weights = found.scores.max(1).astype(np.float64)
    candidates = angles if len(angles) <= 200 else angles[np.linspace(0, len(angles) - 1, 200).astype(int)]
    apart = np.abs((angles[None] - candidates[:, None] + np.pi) % (2 * np.pi) - np.pi)
    agreed = apart <= np.radians(_AGREED_DEG)
    best = agreed[int((agreed * weights).sum(1).argmax())]
    sines, cosines = (weights * np.sin(angles))[best].sum(), (weights * np.cos(angles))[best].sum()
    return float(np.arctan2(sines, cosines))


def rows_direction(found: Found) -> float | None:
    """The angle by which rows of digits run, clockwise, in radians from -π/2 to π/2, whatever the digits' angles seem to be.

    It is that from most digits to their nearest neighbours; None where most don't agree, or there are too few.

    Args:
        found: The digits, the surest first.
    """
    found = found[np.arange(min(len(found), _ROW_DIGITS))]
    if len(found) < _LEAST_OF_ROWS:
        return None
    ways, heights = found.centres[None] - found.centres[:, None], found.heights
    away, ratio = np.hypot(ways[..., 0], ways[..., 1]), heights[None] / heights[:, None]
    near = (away > 0) & (away <= _NEIGHBOUR_GAP * heights[:, None]) & (np.abs(np.log(ratio)) < np.log(_ROW_RATIO))
    away[~near] = np.inf
    nearest, has = away.argmin(1), near.any(1)
    way = ways[np.arange(len(found)), nearest][has]
    if len(way) < _LEAST_OF_ROWS:
        return None
    angles = np.arctan2(way[:, 1], way[:, 0])
    apart = np.abs((angles[None] - angles[:, None] + np.pi / 2) % np.pi - np.pi / 2)
    agreed = apart <= np.radians(_ROW_DEG)
    best = agreed[int(agreed.sum(1).argmax())]
    if best.mean() < _ROW_SHARE:
        return None
    return float(np.angle(np.exp(2j * angles[best]).sum()) / 2)


def _slope(marks: _Upright) -> float:
    """How much lines fall for each pixel along: the median between neighbours, those far apart counting more."""
    slopes, weights = [], []
    order = np.argsort(marks.x, kind="stable")
    x, y, half_heights = marks.x[order], marks.y[order], marks.half_heights[order]
    for i in range(len(order) - 1):
        reach = np.searchsorted(x, x[i] + 2 * _NEIGHBOUR_GAP * half_heights[i], side="right")
        dx, dy = x[i + 1 : reach] - x[i], y[i + 1 : reach] - y[i]
        fits = (np.abs(dy) < 2 * _NEIGHBOUR_OFF * half_heights[i]) & (dx > 0.5 * half_heights[i]) & (np.abs(dy) < 0.7 * dx)
        if fits.any():
            nearest = int(np.flatnonzero(fits)[0])
            slopes.append(dy[nearest] / dx[nearest])
            weights.append(dx[nearest])
    if not slopes:
        return 0.0
    order = np.argsort(slopes)
    below = np.cumsum(np.array(weights)[order])
    return float(np.array(slopes)[order][np.searchsorted(below, below[-1] / 2)])


def _lines(marks: _Upright) -> list[NDArray[np.int64]]:
    """Rows of marks line by line from top to bottom, each from left to right."""
    lines: list[list[int]] = []
    for i in np.argsort(marks.x, kind="stable").tolist():
        last = np.array([line[-1] for line in lines], np.int64)
        half, halves = marks.half_heights[i], marks.half_heights[last]
        shared = half + halves - np.abs(marks.y[i] - marks.y[last])
        shares = np.minimum(shared / (2 * np.minimum(half, halves)), 1.0)
        width, widths = marks.half_widths[i], marks.half_widths[last]
        above = marks.x[i] - marks.x[last] < (1 - _ABOVE) * np.maximum(width, widths)
        shares[above] = 0.0
        # Of lines that share as much, the one whose middle is nearest.
        nearest = np.lexsort((np.abs(marks.y[i] - marks.y[last]), -shares))
        if nearest.size and shares[nearest[0]] >= _SAME_LINE:
            lines[nearest[0]].append(i)
        else:
            lines.append([i])
    lines.sort(key=lambda line: float(np.median(marks.y[line])))
    return [np.array(line) for line in lines]


def _parted(marks: _Upright, line: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """A line in pieces: cut at wide gaps, and where large digits follow small ones."""
    pieces: list[list[int]] = [[int(line[0])]]
    for before, row in itertools.pairwise(line.tolist()):
        heights = sorted((marks.half_heights[before], marks.half_heights[row]))
        gap = marks.x[row] - marks.half_widths[row] - marks.x[before] - marks.half_widths[before]
        if gap > _PIECE_GAP * 2 * heights[1] or heights[1] > _PIECE_RATIO * heights[0]:
            pieces.append([])
        pieces[-1].append(row)
    return [np.array(piece) for piece in pieces]
