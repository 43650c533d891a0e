"""The detector: a grey picture → where digits and other writing stand, at any size and in any direction."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageError
from inkdigits.geometry import shares_along
from inkdigits.inference.session import Network
from inkdigits.limits import DEFAULTS, Limits
from inkdigits.preparation.ink import border

#: Cells of the network's maps are squares of so many pixels, its geometry is in units of so many, and it takes pictures whose
#: sides are multiples of so many.
CELL, UNIT, STEP = 4, 16.0, 32
#: The largest scale that is looked at has so many pixels, and so many on its longer side; each further one is so many times
#: smaller, and the smallest has at most so many on its longer side.
_PIXELS, _LONGEST, _FACTOR, _SHORTEST = 2048 * 1536, 16_384, 2.5, 80
#: Pictures up to this side are looked at twice as large, too.
_SMALL = 700
#: What the network says of digits of other heights, in pixels of its scale, is not used.
_LOWEST, _HIGHEST = 8.0, 72.0
#: Peaks below these probabilities are not kept, and are no marks.
FAINTEST, _LEAST = 0.03, 0.15
#: Two marks are one if the middle of either lies in the inner part of the other, of these shares of its width and height.
_INNER = (0.62, 0.8)
#: For that, no mark is narrower than this share of its height to either side of its middle.
_NARROWEST = 0.2
#: A box's inner part lacks this share of it at each edge; heights are alike up to this ratio.
_EDGE, _ALIKE = 0.12, 2.0


@dataclass(frozen=True)
class Found:
    """What stands in a picture: digits and other writing, in no order. All arrays have a row for each.

    Attributes:
        scores: float32 (N, 2), probability of a digit, and of other writing, having its middle there.
        centres: float32 (N, 2), x and y in pixels.
        ups: float32 (N, 2), from the centre to the middle of the upper edge, wherever that points.
        half_widths: float32 (N,), in pixels.
        labels: float32 (N, 10), probabilities of the digits, if it is one.
    """

    scores: NDArray[np.float32]
    centres: NDArray[np.float32]
    ups: NDArray[np.float32]
    half_widths: NDArray[np.float32]
    labels: NDArray[np.float32]

    def support(self, corners: NDArray[np.floating]) -> float:
        """The highest probability of a digit that has its middle in the inner part of a place and is about as high.

        Args:
            corners: float (4, 2), x and y in pixels: top left, top right, bottom right, bottom left, as its writing runs.
        """
        across, lower = shares_along(corners, self.centres)
        within = (np.abs(across - 0.5) < 0.5 - _EDGE) & (np.abs(lower - 0.5) < 0.5 - _EDGE)
        ratio = self.heights / max(float(np.hypot(*(corners[3] - corners[0]))), 1e-6)
        return float(self.scores[within & (ratio > 1 / _ALIKE) & (ratio < _ALIKE), 0].max(initial=0.0))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Found:
        return Found(self.scores[rows], self.centres[rows], self.ups[rows], self.half_widths[rows], self.labels[rows])

    @property
    def heights(self) -> NDArray[np.float32]:
        """float32 (N,), in pixels."""
        return 2 * np.hypot(self.ups[:, 0], self.ups[:, 1])

    @property
    def rights(self) -> NDArray[np.float32]:
        """Unit vectors along the writing, to the right of each mark: float32 (N, 2)."""
        rights = np.stack([-self.ups[:, 1], self.ups[:, 0]], 1) / np.maximum(self.heights / 2, 1e-6)[:, None]
        return np.asarray(rights, np.float32)

    @property
    def corners(self) -> NDArray[np.float32]:
        """Top left, top right, bottom right, bottom left of each mark, as its writing runs: float32 (N, 4, 2)."""
        ups, rights = self.ups, self.rights * self.half_widths[:, None]
        return self.centres[:, None] + np.stack([ups - rights, ups + rights, rights - ups, -rights - ups], 1)


class Detector(Network):
    """The network that finds digits.

    It maps pictures float32 [N, 1, H, W] to probabilities [N, 2, H/4, W/4] of digits and other writing, geometry
    [N, 5, H/4, W/4] and labels [N, 10, H/4, W/4]. Arguments as of ``Network``.
    """

    KIND, INPUT, EXAMPLE = "detector", "pictures", (2, 1, STEP, STEP)
    OUTPUTS = tuple((None, maps, None, None) for maps in (2, 5, 10))

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        super().__init__(path, threads, providers)
        self._most = limits.components

    def find(self, picture: NDArray[np.uint8]) -> Found:
        """The digits and other writing in a picture, uint8 (H, W), each once, the most probable first."""
        return separate(self.look(picture))

    def look_turned(self, picture: NDArray[np.uint8], turn: float) -> Found:
        """As ``look``, of the picture turned upright: the network knows level lines best, even if it sees others too.

        Args:
            picture: uint8 (H, W).
            turn: The angle by which its lines are turned clockwise, in radians.
        """
        paper = int(np.median(border(picture)))
        factor = max(1, max(picture.shape) // max(scales(picture.shape)[0]))  # it would be reduced anyhow, after it was turned
        level = Image.fromarray(picture).reduce(factor) if factor > 1 else Image.fromarray(picture)
        image = level.rotate(np.degrees(turn), Image.Resampling.BILINEAR, expand=True, fillcolor=paper)
        found = self.look(np.asarray(image))
        back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)  # row vectors, clockwise
        middle, own = np.array(image.size, np.float32) / 2, np.array(level.size, np.float32) / 2
        centres = ((found.centres - middle) @ back + own) * factor
        ups, half_widths = found.ups @ back * factor, found.half_widths * factor
        return Found(found.scores, centres.astype(np.float32), ups.astype(np.float32), half_widths, found.labels)

    def look(self, picture: NDArray[np.uint8]) -> Found:
        """What is seen in a picture in each of several scales, since the network knows digits of 10 to 60 pixels.

        A mark may be seen in more than one of them, and where two marks touch, a third one between them.

        Args:
            picture: uint8 (H, W).

        Returns:
            all of it, faint traces too, scale by scale.

        Raises:
            ImageError: There are more marks than the limits allow.
        """
        peaks = [self._peaks(picture, size) for size in scales(picture.shape)]
        found = Found(*(np.concatenate(column) for column in zip(*peaks, strict=True)))
        if (marks := int((found.scores.max(1) >= _LEAST).sum())) > self._most:
            fix = "cut it into parts, or raise the limit components"
            raise ImageError(f"the picture has {marks} marks that may be writing, more than {self._most}: {fix}")
        return found

    def _peaks(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> tuple[NDArray[np.float32], ...]:
        """What is seen in one scale, in pixels of the picture: the columns of ``Found``."""
        height, width = picture.shape
        image = Image.fromarray(picture)
        if size != (width, height):
            method = Image.Resampling.BICUBIC if size[0] > width else Image.Resampling.BOX
            image = image.resize(size, method, reducing_gap=2.0 if size[0] < width else None)
        free = [-side % STEP for side in size]
        left, top = free[0] // 2, free[1] // 2
        padded = np.pad(np.asarray(image), ((top, free[1] - top), (left, free[0] - left)), mode="edge")
        (scores,), (geometry,), (labels,) = self._session.run({"pictures": padded[None, None].astype(np.float32)})
        best = scores.max(0)
        rows, columns = _local_maxima(best, FAINTEST)
        # Around a peak several cells speak of the same mark; each counts by its probability.
        weights = np.zeros(len(rows))
        geometry_sum, label_sum = np.zeros((len(rows), 5)), np.zeros((len(rows), 10))
        for dy, dx in itertools.product((-1, 0, 1), repeat=2):
            y, x = np.clip(rows + dy, 0, best.shape[0] - 1), np.clip(columns + dx, 0, best.shape[1] - 1)
            weight = np.where(best[y, x] >= 0.5 * best[rows, columns], best[y, x], 0)
            said = geometry[:, y, x].T * UNIT
            said[:, :2] += np.stack([x - columns, y - rows], 1) * CELL
            weights = weights + weight
            geometry_sum, label_sum = geometry_sum + weight[:, None] * said, label_sum + weight[:, None] * labels[:, y, x].T
        geometry, labels = geometry_sum / weights[:, None], label_sum / weights[:, None]
        centres = (np.stack([columns, rows], 1) + 0.5) * CELL + geometry[:, :2] - (left, top)
        ups, half_widths = geometry[:, 2:4], geometry[:, 4]
        heights = 2 * np.hypot(ups[:, 0], ups[:, 1])
        half_widths = np.clip(half_widths, 1, heights)
        known = (heights >= _LOWEST) & (heights <= _HIGHEST) & (centres > 0).all(1) & (centres < size).all(1)
        stretch = np.array([width / size[0], height / size[1]], np.float32)
        found = (scores[:, rows, columns].T, centres * stretch, ups * stretch, half_widths * stretch[0], labels)
        return tuple(column[known].astype(np.float32) for column in found)


def scales(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The sizes, width and height, in which a picture of ``shape`` (H, W) is looked at, from the largest on."""
    height, width = shape
    longest = max(height, width)
    reduced = min(longest * min(1.0, (_PIXELS / (height * width)) ** 0.5), _LONGEST)
    side = 2.0 * longest if longest <= _SMALL else reduced
    sizes = []
    while True:
        sizes.append((max(1, round(width * side / longest)), max(1, round(height * side / longest))))
        if side <= _SHORTEST:
            return sizes
        side = longest if side > longest else side / _FACTOR


def _local_maxima(levels: NDArray[np.float32], least: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns where a map, float32 (H, W), reaches ``least`` and no neighbour is higher."""
    rows, columns = np.nonzero(levels >= least)
    around = np.pad(levels, 1, constant_values=-np.inf)
    highest = np.max([around[rows + dy, columns + dx] for dy, dx in itertools.product((0, 1, 2), repeat=2)], axis=0, initial=0)
    peaks = levels[rows, columns] >= highest
    return rows[peaks], columns[peaks]


def separate(found: Found) -> Found:
    """Each mark once, as the most probable of those that mean it saw it; faint ones are left out."""
    best = found.scores.max(1)
    order = np.argsort(-best, kind="stable")
    order = order[best[order] >= _LEAST]
    found = found[order]
    ups, centres, rights = found.ups, found.centres, found.rights
    wide = np.maximum(found.half_widths, _NARROWEST * found.heights)
    rest, kept = np.arange(len(found)), []
    while rest.size:
        first, rest = rest[0], rest[1:]
        kept.append(first)
        way = centres[rest] - centres[first]
        same = _within(way, ups[first], rights[first], wide[first], _INNER)
        same |= _within(way, ups[rest], rights[rest], wide[rest], _INNER)
        rest = rest[~same]
    # What holds the middles of two that are more probable is no mark, but several.
    marks, whole = np.array(kept, np.int64), (1.0, 1.0)
    held = [
        _within(centres[marks[:i]] - centres[mark], ups[mark], rights[mark], wide[mark], whole) for i, mark in enumerate(marks)
    ]
    return found[marks[[int(of_it.sum()) < 2 for of_it in held]]]


def _within(
    ways: NDArray[np.floating],
    ups: NDArray[np.floating],
    rights: NDArray[np.floating],
    wide: NDArray[np.floating],
    parts: tuple[float, float],
) -> NDArray[np.bool_]:
    """Whether ways, float32 (N, 2), from the middles of marks end in their inner parts, shares of their width and height."""
    upwards, across = np.abs((ways * ups).sum(1)), np.abs((ways * rights).sum(1))
    return (across <= parts[0] * wide) & (upwards <= parts[1] * (ups**2).sum(-1))
