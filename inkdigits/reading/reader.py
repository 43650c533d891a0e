"""Picture → Reading.

One digit goes through ``features.alternatives`` to the classifier; a line goes as a strip of grey paper to the line reader;
a page is parted into marks, each of which goes to the one or, where digits hang together, to the other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inkdigits import features
from inkdigits.errors import UsageError
from inkdigits.modeling.predict import READER_DIGIT, Classifier
from inkdigits.reading import images
from inkdigits.reading.images import Picture
from inkdigits.reading.line import NONE, line_reader
from inkdigits.reading.locate import Box, locate
from inkdigits.reading.results import Digit, Line, Reading

MODES = ("auto", "digit", "line", "page")
#: Digits whose chance of error is larger are given as "unsure", unless something else is asked for.
MAX_ERROR = 0.02
#: What is no digit with at least this probability is put aside rather than given as an unsure digit: where a picture should
#: show a digit, and where there may be anything.
_NO_DIGIT, _NO_DIGIT_ON_PAPER = 0.97, 0.5
#: How much more probable a less usual view of a digit must make it to be preferred.
_LESS_USUAL = 0.1
#: A mark that is no digit may be two that touch if it is as wide as this share of its height; it is then read as a line,
#: with a margin in heights, and parted if every part is at least so sure.
_NARROWEST_PAIR, _MARGIN, _SURE_PART = 0.5, 0.15, 0.7
#: For ``auto``: a picture shows a line if it is so much wider than high, its digits take up such a share of its height, and
#: the line reader is not much less sure of them than the classifier is of the marks on the page.
_LINE_ASPECT, _LINE_HEIGHT, _LINE_BONUS = 1.4, 0.28, 0.25
#: A page whose marks are less clearly digits than this is turned, if it has so many, and kept turned if that makes it so
#: much clearer.
_UPRIGHT, _FEWEST_TO_TURN, _CLEARER = 0.8, 4, 0.15
#: Pages are read from pictures whose longer side is at most this many pixels.
PAGE_SIDE = 2_200
#: Readings are made in parts of so many pictures, so that memory stays bounded.
_PART = 2_048


def read(
    source: Picture, mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> Reading:
    """Read the digits in a picture.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or
            (H, W, 4). Of a TIFF or PDF all pages are read.
        mode: ``digit`` (all ink is one digit), ``line``, ``page``, or ``auto``, which goes by what is found.
        min_confidence: Digits below it get no label; in [0, 1].
        max_error: The same, told as the largest chance of error; 0.02 unless one of the two is given.

    Raises:
        ImageError: the source is no picture or is damaged.
        UsageError: there is no such mode, or a number lies outside its range.
    """
    return read_many([source], mode, min_confidence=min_confidence, max_error=max_error)[0]


def read_many(
    sources: Iterable[Picture], mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> list[Reading]:
    """Read many pictures; the same as ``read`` on each, with the classifier run on the digits of many at once.

    Returns:
        the readings, in the order given.

    Raises:
        ImageError: a source is no picture or is damaged.
        UsageError: there is no such mode, or a number lies outside its range.
    """
    _check_mode(mode)
    least = least_confidence(min_confidence, max_error)
    readings: list[Reading] = []
    rest = iter(sources)
    while part := list(itertools.islice(rest, _PART)):
        plans = [[_plan(page, mode, number) for number, page in enumerate(images.pages(source))] for source in part]
        classify([place for pages in plans for plan in pages for line in plan.lines for place in line])
        readings += [
            _merged(source, [plan.reading(least) for plan in pages]) for source, pages in zip(part, plans, strict=True)
        ]
    return readings


def read_pages(
    source: Picture, mode: str = "auto", *, min_confidence: float | None = None, max_error: float | None = None
) -> Iterator[Reading]:
    """Read a file of several pages one at a time; each reading knows its own page and no other is held.

    Raises:
        ImageError, UsageError: as ``read``.
    """
    _check_mode(mode)
    least = least_confidence(min_confidence, max_error)
    for number, page in enumerate(images.pages(source)):
        plan = _plan(page, mode, number)
        classify([place for line in plan.lines for place in line])
        yield replace(plan.reading(least), source=page)


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}: use {', '.join(MODES)}")


def least_confidence(min_confidence: float | None, max_error: float | None) -> float:
    """The confidence from which on there is a label, by whichever of the two was given.

    Raises:
        UsageError: both were given, or a number lies outside its range.
    """
    if min_confidence is not None and max_error is not None:
        raise UsageError("min_confidence and max_error say the same in two ways: give one of them")
    for name, value in (("min_confidence", min_confidence), ("max_error", max_error)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{name} is {value}: choose it between 0 and 1")
    if min_confidence is not None:
        return min_confidence
    return 1 - (MAX_ERROR if max_error is None else max_error)


# --- Places: where a digit may be ---------------------------------------------------------------------------------


@dataclass
class Place:
    """A place where a digit may be.

    Attributes:
        box: Where, in pixels.
        views: Its model inputs uint8 (28, 28), one for each way to see it; none where the probabilities are known.
        probabilities: float32 (11,), of the ten digits and of none, once they are known.
        seen: The view that the probabilities are of.
    """

    box: Box
    views: Sequence[np.ndarray] = ()
    probabilities: np.ndarray | None = None
    seen: np.ndarray | None = None

    def known(self) -> np.ndarray:
        """The probabilities, after ``classify``."""
        assert self.probabilities is not None
        return self.probabilities

    def digit(self, least: float) -> Digit:
        """The digit, with a label where its confidence is at least ``least``."""
        probabilities = self.known()[:NONE]
        best = int(probabilities.argmax())
        return Digit(best if probabilities[best] >= least else None, probabilities, self.box, self.seen)

    def moved(self, x: int, y: int, scale: float = 1.0) -> Place:
        """The same place, seen from a picture ``scale`` times as large in which this one's corner lies at (x, y)."""
        left, top, right, bottom = (round(v * scale) for v in self.box)
        return replace(self, box=(left + x, top + y, right + x, bottom + y))


@functools.cache
def classifier() -> Classifier:
    """The classifier of single digits, loaded once."""
    return Classifier(READER_DIGIT)


def classify(places: Iterable[Place]) -> None:
    """Fill in the probabilities of every place that has views: those of the view that looks most like a digit.

    The first view is the usual one; each of the others must be so much more probable to be preferred.
    """
    waiting = [place for place in places if place.views]
    if not waiting:
        return
    rows = iter(classifier().predict_proba(np.stack([view for place in waiting for view in place.views])))
    for place in waiting:
        seen = [next(rows) for _ in place.views]
        best = int(np.argmax([row[:NONE].max() - _LESS_USUAL * i for i, row in enumerate(seen)]))
        place.probabilities, place.seen = seen[best], place.views[best]


def digit_places(picture: np.ndarray) -> list[Place]:
    """The one place in a picture of one digit, uint8 (H, W); none where there is no ink."""
    views = features.alternatives(picture)
    return [Place((0, 0, picture.shape[1], picture.shape[0]), views)] if views[0].any() else []


def line_places(picture: np.ndarray) -> list[Place]:
    """The digits in a picture of a line, uint8 (H, W), with their probabilities, from left to right."""
    return [Place(found.box, probabilities=found.probabilities) for found in line_reader().read(picture)]


# --- A page ---------------------------------------------------------------------------------------------------------


@dataclass
class _Plan:
    """The places on a page, line by line.

    Attributes:
        size: Width and height of the page in pixels.
        page: Its number, from 0.
        none: Places that are no digit with at least this probability are put aside.
        ignored: Boxes of marks that were put aside already.
    """

    lines: list[list[Place]]
    size: tuple[int, int]
    page: int
    none: float
    ignored: list[Box] = field(default_factory=list)

    def reading(self, least: float) -> Reading:
        lines, ignored = [], list(self.ignored)
        for places in self.lines:
            kept = [place for place in places if place.known()[NONE] < self.none]
            ignored += [place.box for place in places if place.known()[NONE] >= self.none]
            if kept:
                lines.append(Line(tuple(place.digit(least) for place in kept), self.page))
        return Reading(tuple(lines), tuple(ignored), self.size)


def _merged(source: Picture, readings: list[Reading]) -> Reading:
    """The pages of one source as one reading."""
    lines = tuple(line for reading in readings for line in reading.lines)
    # A stream has been read to its end, and draws no more.
    return replace(readings[0], lines=lines, source=None if hasattr(source, "read") else source)


def _plan(picture: np.ndarray, mode: str, page: int) -> _Plan:
    size = (picture.shape[1], picture.shape[0])
    if mode == "auto":
        mode, found = _choice(picture)
        if found is not None:
            return _Plan(found.lines, size, page, _NO_DIGIT_ON_PAPER, found.ignored)
    if mode == "digit":
        return _Plan([digit_places(picture)], size, page, _NO_DIGIT)
    if mode == "line":
        return _Plan([line_places(picture)], size, page, _NO_DIGIT_ON_PAPER)
    found = _turned_upright(picture)
    return _Plan(found.lines, size, page, _NO_DIGIT_ON_PAPER, found.ignored)


@dataclass(frozen=True)
class _Found:
    """Places on a page whose probabilities are known, line by line, and the boxes of marks that were put aside."""

    lines: list[list[Place]]
    ignored: list[Box]

    def digits(self) -> list[Place]:
        return [place for line in self.lines for place in line if place.known()[NONE] < _NO_DIGIT_ON_PAPER]


def _turned_upright(picture: np.ndarray) -> _Found:
    """The digits of a page that may lie on its side or stand on its head; boxes are those of the picture as it is."""
    found = _read_page(picture)
    clear = _clearness(found)
    if clear >= _UPRIGHT or sum(len(line) for line in found.lines) < _FEWEST_TO_TURN:
        return found
    turned = [(turns, _read_page(np.rot90(picture, turns))) for turns in (1, 2, 3)]
    turns, best = max(turned, key=lambda pair: _clearness(pair[1]))
    if _clearness(best) < clear + _CLEARER:
        return found
    lines = [[replace(place, box=_turned_back(place.box, turns, picture.shape)) for place in line] for line in best.lines]
    return _Found(lines, [_turned_back(box, turns, picture.shape) for box in best.ignored])


def _clearness(found: _Found) -> float:
    """Mean over all marks on the lines of how sure it is that they are some digit."""
    return _confidence([place for line in found.lines for place in line])


def _turned_back(box: Box, turns: int, shape: tuple[int, ...]) -> Box:
    """A box in a picture that ``np.rot90`` has turned, in the picture as it was, of this shape (H, W)."""
    left, top, right, bottom = box
    height, width = shape[:2]
    if turns == 1:
        return width - bottom, left, width - top, right
    if turns == 2:
        return width - right, height - bottom, width - left, height - top
    return top, height - right, bottom, height - left


def _read_page(picture: np.ndarray) -> _Found:
    """The digits anywhere in a picture, uint8 (H, W)."""
    small = features.reduced(picture, PAGE_SIDE)
    scale = picture.shape[1] / small.shape[1]
    inked = features.ink(small)
    layout = locate(inked)
    lines = [[Place(mark.box, [features.normalise(layout.cut(inked, mark))]) for mark in line] for line in layout.lines]
    classify(place for line in lines for place in line)
    lines = [[part for place in line for part in _parted(small, place)] for line in lines]
    if scale == 1:
        return _Found(lines, layout.ignored)
    ignored = [Place(box).moved(0, 0, scale).box for box in layout.ignored]
    return _Found([[place.moved(0, 0, scale) for place in line] for line in lines], ignored)


def _parted(picture: np.ndarray, place: Place) -> list[Place]:
    """The digits of a mark that is none by itself, but may be several that touch; else the mark as it is."""
    left, top, right, bottom = place.box
    if place.known()[NONE] < _NO_DIGIT_ON_PAPER or right - left < _NARROWEST_PAIR * (bottom - top):
        return [place]
    margin = max(1, round(_MARGIN * (bottom - top)))
    x, y = max(0, left - margin), max(0, top - margin)
    found = line_places(picture[y : bottom + margin, x : right + margin])
    sure = [part.moved(x, y) for part in found if part.known()[:NONE].max() >= _SURE_PART]
    return sure if len(sure) >= 2 and len(sure) == len(found) else [place]


def _choice(picture: np.ndarray) -> tuple[str, _Found | None]:
    """Which mode suits a picture, and what was found if that is ``page``."""
    height, width = picture.shape
    found = _turned_upright(picture)
    digits = found.digits()
    # What touches the border is more often a piece of a frame than a digit.
    inner = [p for p in digits if p.box[0] > 1 and p.box[1] > 1 and p.box[2] < width - 1 and p.box[3] < height - 1]
    if sum(len(line) for line in found.lines) <= 1 or (len(inner) <= 1 and width < _LINE_ASPECT * height):
        return "digit", None
    if width >= _LINE_ASPECT * height:
        line = [place for place in line_places(picture) if place.known()[NONE] < _NO_DIGIT_ON_PAPER]
        tall = float(np.median([place.box[3] - place.box[1] for place in line])) if line else 0.0
        if tall >= _LINE_HEIGHT * height and _confidence(line) >= _confidence(digits) - _LINE_BONUS:
            return "line", None
    return "page", found


def _confidence(places: list[Place]) -> float:
    """Mean confidence of the digits at some places; 0 where there are none."""
    return float(np.mean([place.known()[:NONE].max() for place in places])) if places else 0.0
