"""A page: digits anywhere in a picture, upright or not; and what kind of picture it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inkdigits import features
from inkdigits.reading.line import NONE
from inkdigits.reading.locate import Box, locate
from inkdigits.reading.places import Place, classify, line_places, mean_confidence

#: What is no digit with at least this probability is put aside.
NO_DIGIT = 0.5
#: Pages are read from pictures whose longer side is at most this many pixels.
_LONGEST = 2_200
#: A mark that is no digit may be two that touch if it is as wide as this share of its height; it is then read as a line,
#: with a margin in heights, and parted if every part is at least so sure.
_NARROWEST_PAIR, _MARGIN, _SURE_PART = 0.5, 0.15, 0.7
#: For ``auto``: a picture shows a line if it is so much wider than high, its digits take up such a share of its height, and
#: the line reader is not much less sure of them than the classifier is of the marks on the page.
_LINE_ASPECT, _LINE_HEIGHT, _LINE_BONUS = 1.4, 0.28, 0.25
#: A page is turned if it has so many marks and fewer than a share of them are digits beyond doubt; it is kept turned if
#: that makes so many times more of them clear.
_FEWEST_TO_TURN, _UPRIGHT, _CLEAR, _CLEARER = 4, 0.8, 0.9, 1.5


@dataclass(frozen=True)
class Page:
    """Places on a page whose probabilities are known, line by line, and the boxes of marks that were put aside."""

    lines: list[list[Place]]
    ignored: list[Box]

    def digits(self) -> list[Place]:
        """The places that are more probably a digit than not."""
        return [place for line in self.lines for place in line if place.known()[NONE] < NO_DIGIT]

    def clear(self) -> int:
        """How many marks are digits beyond doubt."""
        return sum(place.known()[:NONE].max() >= _CLEAR for line in self.lines for place in line)


def upright_page(picture: np.ndarray) -> Page:
    """The digits of a page that may lie on its side or stand on its head; boxes are those of the picture as it is."""
    found = _read_page(picture)
    clear, marks = found.clear(), sum(len(line) for line in found.lines)
    if marks < _FEWEST_TO_TURN or clear >= _UPRIGHT * marks:
        return found
    turned = [(turns, _read_page(np.rot90(picture, turns))) for turns in (1, 2, 3)]
    turns, best = max(turned, key=lambda pair: pair[1].clear())
    if best.clear() < max(_FEWEST_TO_TURN, _CLEARER * clear):
        return found
    lines = [[replace(place, box=_turned_back(place.box, turns, picture.shape)) for place in line] for line in best.lines]
    return Page(lines, [_turned_back(box, turns, picture.shape) for box in best.ignored])


def _turned_back(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """A box in a picture that ``np.rot90`` has turned, in the picture as it was, of this shape (H, W)."""
    left, top, right, bottom = box
    height, width = shape[:2]
    if turns == 1:
        return width - bottom, left, width - top, right
    if turns == 2:
        return width - right, height - bottom, width - left, height - top
    return top, height - right, bottom, height - left


def _read_page(picture: np.ndarray) -> Page:
    """The digits anywhere in a picture, uint8 (H, W)."""
    small = features.reduced(picture, _LONGEST)
    scale = picture.shape[1] / small.shape[1]
    inked = features.ink(small)
    layout = locate(inked)
    lines = [[Place(mark.box, [features.normalise(layout.cut(inked, mark))]) for mark in line] for line in layout.lines]
    classify(place for line in lines for place in line)
    lines = [[part for place in line for part in _parted(small, place)] for line in lines]
    if scale == 1:
        return Page(lines, layout.ignored)
    ignored = [Place(box).moved(0, 0, scale).box for box in layout.ignored]
    return Page([[place.moved(0, 0, scale) for place in line] for line in lines], ignored)


def _parted(picture: np.ndarray, place: Place) -> list[Place]:
    """The digits of a mark that is none by itself, but may be several that touch; else the mark as it is."""
    left, top, right, bottom = place.box
    if place.known()[NONE] < NO_DIGIT or right - left < _NARROWEST_PAIR * (bottom - top):
        return [place]
    margin = max(1, round(_MARGIN * (bottom - top)))
    x, y = max(0, left - margin), max(0, top - margin)
    found = line_places(picture[y : bottom + margin, x : right + margin])
    sure = [part.moved(x, y) for part in found if part.known()[:NONE].max() >= _SURE_PART]
    return sure if len(sure) >= 2 and len(sure) == len(found) else [place]


def choose_mode(picture: np.ndarray) -> tuple[str, Page | None]:
    """Which mode suits a picture, and what was found if that is ``page``."""
    height, width = picture.shape
    found = upright_page(picture)
    digits = found.digits()
    # What touches the border is more often a piece of a frame than a digit.
    inner = [p for p in digits if p.box[0] > 1 and p.box[1] > 1 and p.box[2] < width - 1 and p.box[3] < height - 1]
    if sum(len(line) for line in found.lines) <= 1 or (len(inner) <= 1 and width < _LINE_ASPECT * height):
        return "digit", None
    if width >= _LINE_ASPECT * height:
        line = [place for place in line_places(picture) if place.known()[NONE] < NO_DIGIT]
        tall = float(np.median([place.box[3] - place.box[1] for place in line])) if line else 0.0
        if tall >= _LINE_HEIGHT * height and mean_confidence(line) >= mean_confidence(digits) - _LINE_BONUS:
            return "line", None
    return "page", found
