"""A page: digits anywhere in a picture, upright or not; and what kind of picture it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inkdigits import features
from inkdigits.reading.line import NONE
from inkdigits.reading.locate import Box, locate
from inkdigits.reading.places import DOUBTFUL, LONGEST, PAPER_SIDE, Place, classify, line_places, mean_confidence

#: What is no digit with at least this probability is put aside.
NO_DIGIT = 0.5
#: A mark that is neither a digit nor none beyond doubt is looked at again, by the line reader, with a margin in heights.
_MARGIN = 0.15
#: A mark that is no digit may be two that touch if it is as wide as this share of its height; it is then read as a line,
#: and parted if every part is at least so sure.
_NARROWEST_PAIR, _SURE_PART = 0.5, 0.7
#: A page of print has many marks of either kind; so many of each are looked at.
_MOST_LOOKS = 60
#: For ``auto``: a picture shows a line if it is so much wider than high, its digits take up such a share of its height, there
#: are at least such a share as many as there are clear ones on the page, and the line reader is not much less sure of them
#: than the classifier is of the marks on the page.
_LINE_ASPECT, _LINE_HEIGHT, _LINE_SHARE, _LINE_BONUS = 1.4, 0.28, 0.34, 0.25
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
    factor = features.reduction(picture.shape, LONGEST)
    small = features.reduced(picture, LONGEST)
    found, turns = _marks(small), 0
    clear, marks = found.clear(), sum(len(line) for line in found.lines)
    if marks >= _FEWEST_TO_TURN and clear < _UPRIGHT * marks:
        turned = [(turns, _marks(np.rot90(small, turns))) for turns in (1, 2, 3)]
        other_turns, other = max(turned, key=lambda pair: pair[1].clear())
        if other.clear() >= max(_FEWEST_TO_TURN, _CLEARER * clear):
            found, turns = other, other_turns
    upright = np.rot90(small, turns)
    _ask_again(upright, found)
    found = _parted(upright, found)

    def in_picture(place: Place) -> Place:
        return replace(place, box=_turned_back(place.box, turns, small.shape)).enlarged(factor, picture.shape)

    lines = [[in_picture(place) for place in line] for line in found.lines]
    return Page(lines, [in_picture(Place(box)).box for box in found.ignored])


def _turned_back(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """A box in a picture that ``np.rot90`` has turned, in the picture as it was, of this shape (H, W)."""
    left, top, right, bottom = box
    height, width = shape[:2]
    if turns == 0:
        return box
    if turns == 1:
        return width - bottom, left, width - top, right
    if turns == 2:
        return width - right, height - bottom, width - left, height - top
    return top, height - right, bottom, height - left


def _marks(picture: np.ndarray) -> Page:
    """The marks of a picture, uint8 (H, W), each taken for one digit or none."""
    inked = features.ink(picture)
    layout = locate(inked)
    lines = [[Place(mark.box, [features.normalise(layout.cut(inked, mark))]) for mark in line] for line in layout.lines]
    classify(place for line in lines for place in line)
    return Page(lines, layout.ignored)


def _ask_again(picture: np.ndarray, page: Page) -> None:
    """Give the doubtful marks of a page a second opinion, from the paper around them."""
    doubtful = [place for line in page.lines for place in line if place.known().max() < DOUBTFUL][:_MOST_LOOKS]
    for place in doubtful:
        place.paper = features.reduced(_surroundings(picture, place.box)[0], PAPER_SIDE)
    classify(doubtful)


def _surroundings(picture: np.ndarray, box: Box) -> tuple[np.ndarray, int, int]:
    """The part of a picture around a box, and where its left upper corner lies."""
    left, top, right, bottom = box
    margin = max(1, round(_MARGIN * (bottom - top)))
    x, y = max(0, left - margin), max(0, top - margin)
    return picture[y : bottom + margin, x : right + margin], x, y


def _parted(picture: np.ndarray, page: Page) -> Page:
    """A page whose marks that are no digit by themselves, but several that touch, are parted."""
    tried, lines = 0, []
    for line in page.lines:
        parts: list[Place] = []
        for place in line:
            left, top, right, bottom = place.box
            if place.known()[NONE] < NO_DIGIT or right - left < _NARROWEST_PAIR * (bottom - top) or tried >= _MOST_LOOKS:
                parts.append(place)
                continue
            tried += 1
            paper, x, y = _surroundings(picture, place.box)
            found = line_places(paper)
            sure = len(found) >= 2 and all(part.known()[:NONE].max() >= _SURE_PART for part in found)
            parts += [part.moved(x, y) for part in found] if sure else [place]
        lines.append(parts)
    return Page(lines, page.ignored)


def choose_mode(picture: np.ndarray) -> tuple[str, Page | None]:
    """Which mode suits a picture, and what was found if that is ``page``."""
    height, width = picture.shape
    found = upright_page(picture)
    digits = found.digits()
    # What touches the border is more often a piece of a frame than a digit.
    inner = [p for p in digits if p.box[0] > 1 and p.box[1] > 1 and p.box[2] < width - 1 and p.box[3] < height - 1]
    alone = sum(len(line) for line in found.lines) <= 1 or len(inner) <= 1
    if width >= _LINE_ASPECT * height:
        line = [place for place in line_places(picture) if place.known()[NONE] < NO_DIGIT]
        tall = float(np.median([place.box[3] - place.box[1] for place in line])) if line else 0.0
        many = len(line) >= _LINE_SHARE * found.clear()
        fits = many and tall >= _LINE_HEIGHT * height and mean_confidence(line) >= mean_confidence(digits) - _LINE_BONUS
        if fits and (len(line) > 1 or not alone):
            return "line", None
    return ("digit", None) if alone else ("page", found)
