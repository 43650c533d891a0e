"""The line reader: a strip of paper → its digits, by a network that needs no cutting."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inkdigits import features
from inkdigits.errors import ModelError
from inkdigits.modeling.predict import READER_LINE, open_onnx
from inkdigits.reading.locate import Box

#: A line is looked at again without the paper above, below and beside it, but for these margins in heights of a digit …
_MARGINS = (0.05, 0.3)
#: … unless what is left would be nearly as high as the whole picture.
_NEAR_ENOUGH = 0.95
#: One look may be blind to a digit; it counts no more against a text than this.
_LEAST_LOG = -30.0
#: The network has learnt from lines with more marks that are no digits than people write: on strangers' lines it overlooked
#: four digits for one that it invented. The odds of "no digit here" are divided by this (docs/reading.md).
_TOO_CAUTIOUS = 4.0
#: Boxes that have more than this share of what they cover in common are of one digit.
_SAME_DIGIT = 0.4
#: Index of "no digit here" among the network's eleven classes.
NONE = 10


@dataclass(frozen=True)
class Found:
    """A digit that was found in a picture of a line.

    Attributes:
        probabilities: float32 (11,), the ten digits and none.
        box: left, top, right, bottom in pixels of the picture.
    """

    probabilities: np.ndarray
    box: Box


class LineReader:
    """The network that reads lines.

    Args:
        path: An ONNX file made by ``inkdigits train-reader``: strips float32 [N, 1, 40, W] → probabilities [N, W/2, 11]
            and edges [N, W/2, 4].

    Raises:
        ModelError: the file is missing, damaged or another model.
    """

    def __init__(self, path: Path = READER_LINE) -> None:
        self._session = open_onnx(path)
        if [o.name for o in self._session.get_outputs()] != ["probabilities", "edges"]:
            raise ModelError(f"{path} is no line reader: make one with inkdigits train-reader")

    def read(self, picture: np.ndarray) -> list[Found]:
        """The digits in a picture of one line, from left to right.

        The network looks twice, at the whole picture and at what is near the digits that it found; where the two readings
        differ, the one that is more probable by both looks together is taken.

        Args:
            picture: uint8 (H, W), dark ink on light paper or the other way round.
        """
        first, found = self._look(picture)
        left, top, right, bottom = _surroundings(found, picture.shape)
        if bottom - top > _NEAR_ENOUGH * picture.shape[0]:
            return found
        second, closer = self._look(picture[top:bottom, left:right])
        closer = [Found(digit.probabilities, _moved(digit.box, left, top)) for digit in closer]
        texts = [[int(digit.probabilities.argmax()) for digit in reading] for reading in (closer, found)]
        if texts[0] == texts[1]:
            return closer
        scores = [sum(max(log_probability(look, text), _LEAST_LOG) for look in (first, second)) for text in texts]
        return closer if scores[0] >= scores[1] else found

    def _look(self, picture: np.ndarray) -> tuple[np.ndarray, list[Found]]:
        """The probabilities at each place, float32 (T, 11), and what they come to."""
        strip = features.strip(picture)
        outputs = self._session.run(["probabilities", "edges"], {"strips": strip[None, None].astype(np.float32)})
        probabilities, edges = outputs[0][0], outputs[1][0]
        probabilities[:, NONE] /= _TOO_CAUTIOUS
        probabilities /= probabilities.sum(1, keepdims=True)
        return probabilities, _digits(probabilities, edges, picture.shape)


def log_probability(probabilities: np.ndarray, text: list[int]) -> float:
    """Logarithm of the probability that places, float (T, 11), say a text, over all ways to align it with them.

    Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, section 4.1 (forward variables).
    """
    logs = np.log(np.maximum(probabilities, 1e-9))
    if not text:
        return float(logs[:, NONE].sum())
    states = np.full(2 * len(text) + 1, NONE)  # none, first digit, none, second digit, …, none
    states[1::2] = text
    skips = np.zeros(len(states), bool)  # a state that may follow the one before the last: a digit unlike the last digit
    skips[3::2] = states[3::2] != states[1:-2:2]
    forward = np.full(len(states) + 2, -np.inf)  # two impossible states in front, so that every state has two before it
    forward[2:4] = logs[0, states[:2]]
    for row in logs[1:]:
        ways = np.logaddexp(forward[2:], forward[1:-1])
        ways = np.where(skips, np.logaddexp(ways, forward[:-2]), ways)
        forward[2:] = ways + row[states]
    return float(np.logaddexp(forward[-1], forward[-2]))


def _surroundings(found: list[Found], shape: tuple[int, ...]) -> Box:
    """The part of the picture that a closer look should take in; all of it where nothing was found."""
    height, width = shape[:2]
    digits = [digit.box for digit in found if digit.probabilities[NONE] < 0.5]
    if not digits:
        return 0, 0, width, height
    boxes = np.array(digits)
    tall = float(np.median(boxes[:, 3] - boxes[:, 1]))
    above, aside = _MARGINS[0] * tall, _MARGINS[1] * tall
    left, top = max(0, int(boxes[:, 0].min() - aside)), max(0, int(boxes[:, 1].min() - above))
    right, bottom = int(np.ceil(boxes[:, 2].max() + aside)), int(np.ceil(boxes[:, 3].max() + above))
    return left, top, min(width, right), min(height, bottom)


def _moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _digits(probabilities: np.ndarray, edges: np.ndarray, shape: tuple[int, ...]) -> list[Found]:
    """Decode: neighbouring places with the same digit are one, and it stands where the network is surest.

    A digit with a long upstroke may be seen from two places. Their edges are the same then, and the surer place counts.
    Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.2 (best path decoding).
    """
    best = probabilities.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1) != 0)
    found: list[Found] = []
    height, width = shape[:2]
    across = features.strip_scale(shape)
    up = features.STRIP_HEIGHT / height
    for start, end in zip(starts, [*starts[1:], len(best)], strict=True):
        label = best[start]
        if label == NONE:
            continue
        place = start + int(probabilities[start:end, label].argmax())
        x = (place + 0.5) * 2
        left, right, top, bottom = edges[place] * features.STRIP_HEIGHT
        box = ((x - left) / across, top / up, (x + right) / across, bottom / up)
        digit = Found(probabilities[place], _clipped(box, width, height))
        if found and _shared(found[-1].box, digit.box) > _SAME_DIGIT:
            found[-1] = max(found[-1], digit, key=lambda one: one.probabilities[:NONE].max())
        else:
            found.append(digit)
    return found


def _shared(one: Box, other: Box) -> float:
    """Share of what two boxes cover that lies in both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - both)


def _clipped(box: tuple[float, ...], width: int, height: int) -> Box:
    """A box of whole pixels, at least one each way, within the picture."""
    left, top = min(max(0, int(np.floor(box[0]))), width - 1), min(max(0, int(np.floor(box[1]))), height - 1)
    return left, top, min(max(left + 1, int(np.ceil(box[2]))), width), min(max(top + 1, int(np.ceil(box[3]))), height)


@functools.cache
def line_reader() -> LineReader:
    """The line reader that ships with inkdigits, loaded once."""
    return LineReader()
