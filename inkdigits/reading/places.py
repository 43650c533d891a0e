"""Places where a digit may be, and the two networks that say what stands there."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inkdigits import features
from inkdigits.modeling.predict import READER_DIGIT, Classifier
from inkdigits.reading.line import NONE, line_reader
from inkdigits.reading.locate import Box, locate
from inkdigits.reading.results import Digit

#: Larger pictures are looked at reduced, to this longest side in pixels: what stays is finer than any pen.
LONGEST = 2_200
#: How much more probable a less usual view of a digit must make it to be preferred.
_LESS_USUAL = 0.1
#: The line reader is asked about digits that are less sure than this.
DOUBTFUL = 0.97
#: A second opinion needs no picture with more pixels a side; a small one can be kept until it is asked for.
PAPER_SIDE = 160
#: Temperatures of the classifier, of both networks' opinions together and of the line reader, chosen on strangers' digits
#: (docs/reading.md): what is made to train on is harder than what people write, and makes the classifier too modest; the line
#: reader, trained without smoothed labels, is too bold, and so are two opinions that are taken for independent.
#: Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
_TEMPERATURE, _BOTH_TEMPERATURE, _LINE_TEMPERATURE = 0.88, 1.3, 1.2
#: No probability is less.
_LEAST = 1e-6
#: A line whose digits are less sure than this on average, or less high than this share of the picture, is looked at once
#: more.
_CLEAR_LINE, _LARGE_SHARE = 0.8, 0.35


@dataclass
class Place:
    """A place where a digit may be.

    Attributes:
        box: Where, in pixels.
        views: Its model inputs uint8 (28, 28), one for each way to see it; none where the probabilities are known.
        paper: uint8 (H, W), what there is to be seen at the place, for a second opinion.
        probabilities: float32 (11,), of the ten digits and of none, once they are known.
        seen: The view that the probabilities are of.
    """

    box: Box
    views: Sequence[np.ndarray] = ()
    paper: np.ndarray | None = None
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

    def moved(self, x: int, y: int) -> Place:
        """The same place, seen from a picture in which this one's corner lies at (x, y)."""
        left, top, right, bottom = self.box
        return replace(self, box=(left + x, top + y, right + x, bottom + y))

    def enlarged(self, factor: int, shape: tuple[int, ...]) -> Place:
        """The same place in a picture (H, W) that is so many times larger than this one."""
        left, top, right, bottom = (factor * v for v in self.box)
        return replace(self, box=(left, top, min(right, shape[1]), min(bottom, shape[0])))


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
        place.probabilities, place.seen = _weighed(seen[best], place.paper), place.views[best]


def _weighed(probabilities: np.ndarray, paper: np.ndarray | None) -> np.ndarray:
    """The classifier's probabilities, calibrated on strangers' digits; of a doubtful digit with the line reader's opinion.

    The two networks see different things, ink in 28×28 pixels and grey paper, and err on different digits.
    """
    logs = np.log(np.maximum(probabilities, _LEAST))
    if paper is not None and probabilities[:NONE].max() < DOUBTFUL:
        second = _second_opinion(paper)
        if second is not None:
            return _tempered(logs + np.log(np.maximum(second, _LEAST)), _BOTH_TEMPERATURE)
    return _tempered(logs, _TEMPERATURE)


def _tempered(logs: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities from their logarithms, up to a constant, at a temperature."""
    powers = np.exp((logs - logs.max()) / temperature)
    return powers / powers.sum()


def _second_opinion(paper: np.ndarray) -> np.ndarray | None:
    """What the line reader makes of a picture of one digit, uint8 (H, W), if it sees one digit there."""
    edge = int(np.median(np.concatenate([paper[0], paper[-1], paper[:, 0], paper[:, -1]])))
    opinions = []
    for picture in (paper, np.pad(paper, max(paper.shape) // 4, constant_values=edge)):
        found = [digit.probabilities for digit in line_reader().read(picture) if digit.probabilities[NONE] < 0.5]
        opinions += found if len(found) == 1 else []
    return np.mean(opinions, axis=0) if opinions else None


def digit_places(picture: np.ndarray) -> list[Place]:
    """The one place in a picture of one digit, uint8 (H, W); none where there is no ink."""
    factor = features.reduction(picture.shape, LONGEST)
    if factor > 1:
        return [place.enlarged(factor, picture.shape) for place in digit_places(features.reduced(picture, LONGEST))]
    views, inked = features.alternatives(picture)
    if not views[0].any():
        return []
    # Of a picture that is a model input already, there is nothing more to see.
    paper = None if inked is picture else features.reduced(picture, PAPER_SIDE)
    return [Place(_around(inked), views, paper)]


def _around(inked: np.ndarray) -> Box:
    """The box around all ink, uint8 (H, W), or the whole picture where there is none."""
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not rows.size:
        return 0, 0, inked.shape[1], inked.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def line_places(picture: np.ndarray) -> list[Place]:
    """The digits in a picture of a line, uint8 (H, W), with their probabilities, from left to right.

    Where the line reader sees nothing clearly, or small digits, it may have missed others: it looks again where there is ink.
    """
    places = _line_places(picture)
    heights = [place.box[3] - place.box[1] for place in places]
    if mean_confidence(places) >= _CLEAR_LINE and np.median(heights) >= _LARGE_SHARE * picture.shape[0]:
        return places
    boxes = np.array([mark.box for line in locate(features.ink(picture)).lines for mark in line])
    if not boxes.size:
        return places
    tall = float(np.median(boxes[:, 3] - boxes[:, 1]))
    top, bottom = max(0, int(boxes[:, 1].min() - 0.1 * tall)), int(boxes[:, 3].max() + 0.1 * tall) + 1
    left, right = max(0, int(boxes[:, 0].min() - 0.3 * tall)), int(boxes[:, 2].max() + 0.3 * tall) + 1
    inked = [place.moved(left, top) for place in _line_places(picture[top:bottom, left:right])]
    return max(places, inked, key=lambda found: sum(place.known()[:NONE].max() - 0.5 for place in found))


def _line_places(picture: np.ndarray) -> list[Place]:
    places = []
    for found in line_reader().read(picture):
        logs = np.log(np.maximum(found.probabilities, _LEAST))
        places.append(Place(found.box, probabilities=_tempered(logs, _LINE_TEMPERATURE)))
    return places


def mean_confidence(places: list[Place]) -> float:
    """Mean confidence of the digits at some places; 0 where there are none."""
    return float(np.mean([place.known()[:NONE].max() for place in places])) if places else 0.0
