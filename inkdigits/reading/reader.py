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
from inkdigits.reading.locate import Box, Layout, Mark, locate
from inkdigits.reading.results import Digit, Line, Reading

MODES = ("auto", "digit", "line", "page")
#: Digits whose chance of error is larger are given as "unsure", unless something else is asked for.
MAX_ERROR = 0.02
#: What is no digit with at least this probability is put aside rather than given as an unsure digit: where a picture should
#: show a digit, and where there may be anything.
_NO_DIGIT, _NO_DIGIT_ON_PAPER = 0.97, 0.5
#: How much more probable a less usual view of a digit must make it to be preferred.
_LESS_USUAL = 0.1
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
    if mode == "digit":
        return _Plan([digit_places(picture)], size, page, _NO_DIGIT)
    if mode == "line":
        return _Plan([line_places(picture)], size, page, _NO_DIGIT_ON_PAPER)
    lines, ignored = _page(picture)
    return _Plan(lines, size, page, _NO_DIGIT_ON_PAPER, ignored)


def _page(picture: np.ndarray) -> tuple[list[list[Place]], list[Box]]:
    """Places line by line, and the boxes of the marks that are no digits."""
    small = features.reduced(picture, PAGE_SIDE)
    scale = picture.shape[1] / small.shape[1]
    inked = features.ink(small)
    layout = locate(inked)
    lines = [[place for mark in line for place in _mark_places(small, inked, layout, mark)] for line in layout.lines]
    if scale == 1:
        return lines, layout.ignored
    ignored = [Place(box).moved(0, 0, scale).box for box in layout.ignored]
    return [[place.moved(0, 0, scale) for place in line] for line in lines], ignored


def _mark_places(picture: np.ndarray, inked: np.ndarray, layout: Layout, mark: Mark) -> list[Place]:
    return [Place(mark.box, [features.normalise(layout.cut(inked, mark))])]
