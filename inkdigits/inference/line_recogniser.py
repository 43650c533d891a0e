"""The line recogniser: a picture of a line → its digits, by a network that needs no cutting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box, clipped, intersection_over_union, moved
from inkdigits.inference.ctc import BLANK, SIGNS, SYMBOLS, best_path, log_probability
from inkdigits.inference.session import Network
from inkdigits.preparation.strip import STRIP_HEIGHT, STRIP_PAPER, STRIP_STEP, strip, strip_scale

#: In a second look a line is seen without the paper above, below and beside it, but for these margins in heights of a digit …
_MARGINS = (0.05, 0.3)
#: … unless what is left would be nearly as high as the whole picture.
_NEAR_ENOUGH = 0.95
#: One look may be blind to a digit; it counts no more against a text than this.
_LEAST_LOG = -30.0
#: The network has learnt from lines with more signs and letters than people write: on strangers' lines it overlooks more
#: digits than it invents. The odds of blank are divided by this (docs/reading.md).
_TOO_CAUTIOUS = 1.4
#: Boxes that overlap more than this are of one digit.
_SAME_DIGIT = 0.55
#: Strips of pieces are filled up to one of these widths, and a batch has so many columns at most.
_BATCH_WIDTHS, _BATCH_COLUMNS = (64, 96, 128, 192, 256, 384, 512), 8192

#: What the network has said of strips, by their bytes: probabilities float32 (T, 24), box offsets float32 (T, 4).
Passes: TypeAlias = dict[bytes, tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class LineSymbol:
    """A digit, a sign or other writing that was found in a picture of a line.

    Attributes:
        probabilities: float32 (24,), as in ``ctc.SYMBOLS``.
        box: left, top, right, bottom in pixels of the picture.
    """

    probabilities: NDArray[np.float32]
    box: Box

    @property
    def label(self) -> int:
        """The most probable class but blank."""
        others = self.probabilities.copy()
        others[BLANK] = -1
        return int(others.argmax())

    @property
    def digits(self) -> NDArray[np.float32]:
        """float32 (11,): the ten digits, and that it is none."""
        of_digits = self.probabilities[:BLANK]
        return np.append(of_digits, np.maximum(1 - of_digits.sum(), 0)).astype(np.float32)

    @property
    def sign(self) -> tuple[str, float] | None:
        """The sign that it is, and how probable that is; None where it is a digit or other writing."""
        label = self.label
        return (SYMBOLS[label], float(self.probabilities[label])) if SYMBOLS[label] in SIGNS else None

    def moved(self, x: int, y: int) -> LineSymbol:
        """The same symbol, seen from the picture in which this one's upper left corner lies at ``(x, y)``."""
        return LineSymbol(self.probabilities, moved(self.box, x, y))


class Look(NamedTuple):
    """What the network has said of one strip: probabilities float32 (T, 24) at its time steps, and what they come to."""

    steps: NDArray[np.float32]
    symbols: list[LineSymbol]

    def moved(self, x: int, y: int) -> Look:
        """The same look, its symbols seen from the picture in which this one's upper left corner lies at ``(x, y)``."""
        return Look(self.steps, [symbol.moved(x, y) for symbol in self.symbols])


class LineRecogniser(Network):
    """The network that reads lines: strips float32 [N, 1, 40, W] → probabilities [N, W/2, 24] and box offsets [N, W/2, 4].

    The classes are ``ctc.SYMBOLS``.
    """

    KIND, INPUT, EXAMPLE = "line recogniser", "strips", (2, 1, STRIP_HEIGHT, 4 * STRIP_STEP)
    OUTPUTS = ((None, None, len(SYMBOLS)), (None, None, 4))

    def read(self, picture: NDArray[np.uint8], passes: Passes | None = None) -> list[LineSymbol]:
        """The digits and signs in a picture of one line, from left to right.

        The network has two looks: at the whole picture, and at what is near the digits and signs that it found. Where they
        differ, the text is taken that is more probable by both together.

        Args:
            picture: uint8 (H, W), dark ink on light paper or the other way round.
            passes: What the network has said of strips before, so that it is not asked again; what it says now is added.
        """
        passes = {} if passes is None else passes
        look = self._look(picture, passes)
        left, top, right, bottom = _surroundings(look.symbols, picture.shape)
        if bottom - top > _NEAR_ENOUGH * picture.shape[0]:
            return look.symbols
        closer = self._look(picture[top:bottom, left:right], passes).moved(left, top)
        return _most_probable([closer, look])

    def read_pieces(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[LineSymbol]]:
        """The digits and signs in pictures that show the digits of a line and hardly more.

        Strips of about the same length make one batch; what is said of one doesn't depend on the others.

        Args:
            pictures: Each uint8 (H, W).
        """
        images = [strip(picture) for picture in pictures]
        batches: dict[int, list[int]] = {}
        for number, image in enumerate(images):
            width = next((width for width in _BATCH_WIDTHS if width >= image.shape[1]), image.shape[1])
            batches.setdefault(width, []).append(number)
        found: dict[int, list[LineSymbol]] = {}
        for width, batch in batches.items():
            size = max(1, _BATCH_COLUMNS // width)
            for part in (batch[start : start + size] for start in range(0, len(batch), size)):
                strips = np.full((len(part), STRIP_HEIGHT, width), STRIP_PAPER, np.uint8)
                for row, number in zip(strips, part, strict=True):
                    row[:, : images[number].shape[1]] = images[number]
                for number, steps, box_offsets in zip(part, *self._said(strips), strict=True):
                    found[number] = decoded(steps, box_offsets, pictures[number].shape)
        return [found[number] for number in range(len(images))]

    def _said(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the network says of strips, uint8 (N, 40, W): probabilities float32 (N, T, 24), box offsets (N, T, 4)."""
        probabilities, box_offsets = self._session.run({"strips": strips[:, None].astype(np.float32)})
        probabilities[..., BLANK] /= _TOO_CAUTIOUS
        probabilities /= probabilities.sum(2, keepdims=True)
        return probabilities, box_offsets

    def _look(self, picture: NDArray[np.uint8], passes: Passes) -> Look:
        """A look at a picture, unless the network has seen its strip already."""
        image = strip(picture)
        key = image.tobytes()
        if key not in passes:
            (probabilities,), (box_offsets,) = self._said(image[None])
            passes[key] = probabilities, box_offsets
        probabilities, box_offsets = passes[key]
        return Look(probabilities, decoded(probabilities, box_offsets, picture.shape))


def _most_probable(looks: Sequence[Look]) -> list[LineSymbol]:
    """The symbols of the look whose text is most probable by all looks together; the first one's, where they agree."""
    texts = [[symbol.label for symbol in look.symbols] for look in looks]
    if all(text == texts[0] for text in texts):
        return looks[0].symbols
    scores = [sum(max(log_probability(look.steps, text), _LEAST_LOG) for look in looks) for text in texts]
    return looks[int(np.argmax(scores))].symbols


def _surroundings(symbols: list[LineSymbol], shape: tuple[int, ...]) -> Box:
    """The part of the picture that a second pass should take in; all of it where nothing was found."""
    height, width = shape[:2]
    found = [symbol for symbol in symbols if symbol.probabilities[BLANK] < 0.5]
    digits = np.array([symbol.box for symbol in found if symbol.label < BLANK])
    if not digits.size:
        return 0, 0, width, height
    boxes = np.array([symbol.box for symbol in found if symbol.label < BLANK or symbol.sign])
    tall = float(np.median(digits[:, 3] - digits[:, 1]))
    above, aside = _MARGINS[0] * tall, _MARGINS[1] * tall
    left, top = max(0, int(boxes[:, 0].min() - aside)), max(0, int(boxes[:, 1].min() - above))
    right, bottom = int(np.ceil(boxes[:, 2].max() + aside)), int(np.ceil(boxes[:, 3].max() + above))
    return left, top, min(width, right), min(height, bottom)


def decoded(probabilities: NDArray[np.floating], box_offsets: NDArray[np.floating], shape: tuple[int, ...]) -> list[LineSymbol]:
    """The digits and signs of the best path with their boxes.

    A digit with a long upstroke may be seen from two time steps. Their boxes are the same then, and the surer step counts.

    Args:
        probabilities: float (T, 24).
        box_offsets: float (T, 4): left and right as distances from the time step, top and bottom from the strip's upper edge,
            all in strip heights.
        shape: Of the picture, (H, W).
    """
    found: list[tuple[int, Box]] = []
    height, width = shape[:2]
    across, down = strip_scale(shape), STRIP_HEIGHT / height
    for _, step in best_path(probabilities):
        x = (step + 0.5) * 2
        left, right, top, bottom = box_offsets[step] * STRIP_HEIGHT
        box = clipped(((x - left) / across, top / down, (x + right) / across, bottom / down), width, height)
        if found and intersection_over_union(found[-1][1], box) > _SAME_DIGIT:
            found[-1] = max(found[-1], (step, box), key=lambda one: float(np.delete(probabilities[one[0]], BLANK).max()))
        else:
            found.append((step, box))
    return [LineSymbol(probabilities[step], box) for step, box in found]
