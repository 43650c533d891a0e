"""Allographs: shapes of digits that are common on paper and rare in MNIST, drawn as strokes.

MNIST was written by Americans on forms with a box for each digit. Elsewhere a 1 has a long upstroke, a 2 begins with a
curl, a 4 is left open, a 5's flag flies over its neighbour, a 7 is crossed and a 9 may hang from its stem like a p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.dataset import Split
from inkdigits.errors import DataError
from inkdigits.synthesis.strokes import HEIGHT, SIDE, Glyph, Points, curve, from_lines, from_shape

_MIDDLE = SIDE / 2


def _placed(points: Points, rng: np.random.Generator, noise: float = 0.025) -> list[tuple[float, float]]:
    """Points given as shares of the digit's height around its middle, y downwards, moved a little: in pixels of the map."""
    moved = np.asarray(points, np.float64) + rng.normal(0, noise, (len(points), 2))
    return [(float(x), float(y)) for x, y in _MIDDLE + HEIGHT * moved]


def zero(rng: np.random.Generator) -> Glyph:
    """A 0 with a slash through it, or one whose ends meet in a loop at its head."""
    width = rng.uniform(0.18, 0.32)
    turns = np.radians(rng.uniform(40, 90) + np.arange(0, 361, 45))
    ring = [(width * np.cos(a), -0.5 * np.sin(a)) for a in turns]
    if rng.random() < 0.5:
        reach = rng.uniform(0.75, 1.25)
        slash = [(-reach * width, rng.uniform(0.25, 0.5)), (reach * width, -rng.uniform(0.25, 0.5))]
        return from_lines([curve(_placed(ring, rng)), _placed(slash, rng)])
    tail = [(0.5 * width, -rng.uniform(0.25, 0.45)), (rng.uniform(0.8, 1.8) * width, -rng.uniform(0.45, 0.65))]
    return from_lines([curve(_placed([*ring, *tail], rng, 0.018))])


def one(rng: np.random.Generator) -> Glyph:
    """A 1 with an upstroke, short or nearly as long as its stem, or an arch into it; sometimes with a base."""
    lean = rng.normal(0.03, 0.1)
    head, foot = (lean / 2, -0.5), (-lean / 2, 0.5)
    arched = rng.random() < 0.2
    if arched:
        reach = rng.uniform(0.15, 0.45)
        start, peak = (head[0] - reach, -0.5 + rng.uniform(0.05, 0.25)), (head[0] - 0.45 * reach, -0.53)
        lines = [curve(_placed([start, peak, (head[0], -0.5 + rng.uniform(0.06, 0.16)), (0, 0), foot], rng, 0.012))]
    else:
        stem = curve(_placed([head, (0, 0), foot], rng, 0.015))
        length = float(rng.choice([rng.uniform(0.12, 0.45), rng.uniform(0.4, 1.05)], p=[0.4, 0.6]))
        angle = np.radians(rng.uniform(32 + 13 * length, 66))  # below the horizontal; a 7's bar lies flatter
        reach, drop = length * np.cos(angle), length * np.sin(angle)
        start, half = (head[0] - reach, head[1] + drop), (head[0] - reach / 2, head[1] + drop / 2)
        lines = [curve([*_placed([start, half], rng, 0.03), stem[0]]) + stem]
    if rng.random() < (0.85 if arched else 0.3):  # without a base, an arch makes a 7
        base = [(foot[0] - rng.uniform(0.12, 0.45), 0.5), (foot[0] + rng.uniform(0.12, 0.45), 0.5)]
        lines.append(_placed(base, rng, 0.02))
    return from_lines(lines)


def two(rng: np.random.Generator) -> Glyph:
    """A 2 that begins with a curl, or far down on its left, with a plain or a looped foot."""
    size = rng.uniform(0.06, 0.16)
    curl = [(-0.12 + size * np.cos(a), -0.25 + size * np.sin(a)) for a in np.radians([60, -30, -120, -200])]
    manner = rng.random()
    if manner < 0.4:
        left = rng.uniform(-0.3, -0.14)
        curl = [(left + rng.uniform(-0.02, 0.16), rng.uniform(-0.15, 0.25)), (left, -0.2)]
    elif manner < 0.6:
        curl = curl[2:]
    arch = [(-0.05, -0.48), (0.2, -0.42), (0.24, -0.2), (0.02, 0.18)]
    if rng.random() < 0.5:
        foot = [(-0.28, 0.47), (rng.uniform(0, 0.15), 0.44), (rng.uniform(0.25, 0.45), rng.uniform(0.35, 0.55))]
    else:  # looped
        foot = [(-0.2, 0.42), (-0.33, 0.38), (-0.22, 0.28), (0.0, 0.42), (0.2, 0.5), (rng.uniform(0.3, 0.5), 0.38)]
    return from_lines([curve(_placed([*curl, *arch, *foot], rng))])


def four(rng: np.random.Generator) -> Glyph:
    """An open 4: a corner or a bow on the left, and a stem that starts anywhere between the top and the bar.

    Or one in a single stroke, like lightning, or with a loop, like a φ.
    """
    if rng.random() < 0.15:
        right, foot = rng.uniform(0.2, 0.36), rng.uniform(-0.12, 0.06)
        bow = [(rng.uniform(-0.34, -0.2), -0.5), (-0.32, -0.1), (-0.2, 0.18), (0.04, 0.24), (right, 0.0)]
        loop = [(right, -0.3), (0.12, -rng.uniform(0.3, 0.48)), (foot + 0.06, -0.1), (foot, 0.5)]
        return from_lines([curve(_placed([*bow, *loop], rng))])
    bar = rng.uniform(-0.02, 0.32)
    left, right = -rng.uniform(0.2, 0.34), rng.uniform(0.15, 0.4)
    if rng.random() < 0.4:
        turn = (right, bar - rng.uniform(0, 0.15))
        zigzag = [(rng.uniform(-0.1, 0.3), -0.5), (left, bar), turn, (turn[0] - rng.uniform(0, 0.35), 0.5)]
        if rng.random() < 0.5:  # the stem begins above the bar
            stem = _placed([(turn[0] + rng.uniform(-0.12, 0.02), turn[1] - rng.uniform(0, 0.25)), zigzag[3]], rng)
            return from_lines([_placed(zigzag[:3], rng), stem])
        return from_lines([_placed(zigzag, rng)])
    start = (left + rng.uniform(-0.02, 0.15), -0.5)
    stem_x = rng.uniform(0.03, 0.2)
    if rng.random() < 0.25:  # little more than two parallel strokes
        stem = [(right, -0.35 + rng.uniform(0, 0.2)), (right - rng.uniform(0, 0.1), 0.5)]
        return from_lines(
            [_placed([start, (left, bar + 0.1), (right - 0.05, bar - rng.uniform(0, 0.15))], rng), _placed(stem, rng)]
        )
    if rng.random() < 0.5:
        corner = [start, (left, bar), (right, bar + rng.normal(0, 0.04))]
    else:
        corner = [start, (left - 0.02, -0.15), (left + 0.03, bar), (0, bar + 0.03), (right, bar - rng.uniform(0, 0.1))]
    stem_top = rng.uniform(-0.5, bar - 0.08)
    stem = [(stem_x + rng.uniform(0, 0.1), stem_top), (stem_x - rng.uniform(-0.05, 0.12), 0.5)]
    corner_line = _placed(corner, rng)
    return from_lines([corner_line if len(corner) == 3 else curve(corner_line), _placed(stem, rng)])


def five(rng: np.random.Generator) -> Glyph:
    """A 5 whose flag may be short, long or apart from the body, or one like an integral sign, with hardly any belly."""
    reach = rng.uniform(0.15, 0.7)
    if rng.random() < 0.35:
        top, hook = (rng.uniform(0, 0.25), -0.45), rng.uniform(0.1, 0.35)
        stem = [top, (rng.uniform(-0.1, 0.12), 0.0), (rng.uniform(-0.1, 0.05), 0.4), (-0.15, 0.5), (-0.2 - hook, 0.5 - hook)]
        return from_lines([curve(_placed([(top[0] + reach, -0.5 + rng.normal(0, 0.04)), *stem], rng))])
    start = (-0.16 + rng.uniform(-0.05, 0.08), -0.45)
    body = [start, (-0.2, -0.08), (0.02, -0.14), (0.22, 0.08), (0.14, 0.4), (-0.08, 0.5), (-0.28, rng.uniform(0.32, 0.45))]
    gap = rng.choice([0.0, rng.uniform(0, 0.12)])
    flag = [(start[0] + gap, -0.46 + rng.normal(0, 0.03)), (start[0] + gap + reach, -0.48 - rng.uniform(-0.05, 0.12))]
    return from_lines([curve(_placed(body, rng)), _placed(flag, rng)])


def six(rng: np.random.Generator) -> Glyph:
    """A 6 that begins with a hook."""
    hook = [(0.16, -0.3), (0.2, -0.43), (0.08, -0.5)][int(rng.integers(0, 2)) :]
    width, high = rng.uniform(0.16, 0.26), rng.uniform(0.15, 0.26)
    loop = [(width * np.cos(a), 0.5 - high - high * np.sin(a)) for a in np.radians(np.arange(200, 200 + 331, 45))]
    return from_lines([curve(_placed([*hook, (-0.12, -0.3), (-0.24, 0.05), *loop], rng))])


def seven(rng: np.random.Generator) -> Glyph:
    """A 7 whose bar begins with a curl or a serif and waves, crossed or not."""
    start = [(-0.3, -0.25), (-0.32, -0.42), (-0.2, -0.45)] if rng.random() < 0.7 else [(-0.3, -0.22), (-0.27, -0.44)]
    wave = rng.uniform(-0.02, 0.3)
    right = rng.uniform(0.15, 0.34)
    bar = [*start, (-0.08, -0.42 + wave), (right, -0.48)]
    foot = (rng.uniform(-0.2, 0.08), 0.5)
    stem = [(right, -0.48), ((right + foot[0]) / 2 + rng.normal(0, 0.03), 0), foot]
    lines = [curve(_placed(bar, rng)), _placed(stem, rng, 0.012)]
    if rng.random() < 0.6:
        y = rng.uniform(-0.08, 0.18)
        middle = right + (foot[0] - right) * (y + 0.48)
        lines.append(
            _placed([(middle - rng.uniform(0.1, 0.3), y + 0.03), (middle + rng.uniform(0.1, 0.35), y - 0.03)], rng, 0.02)
        )
    return from_lines(lines)


def nine(rng: np.random.Generator) -> Glyph:
    """A 9 with a straight, bent or curled stem that meets its loop on the right, or, like a p, on the left.

    Or one like an S whose upper bowl is closed, or whose stem hangs from the bottom of its loop.
    """
    width, high = rng.uniform(0.14, 0.26), rng.uniform(0.17, 0.28)
    manner = rng.random()
    if manner < 0.3:  # in one stroke, from inside the loop, whose stem leaves it at the bottom
        loop = [(width * rng.uniform(-0.2, 0.8), -0.5 + high * rng.uniform(1.5, 1.9)), (width, -0.5 + high), (0, -0.5)]
        loop += [(-width, -0.5 + high), (-rng.uniform(0, 0.6) * width, -0.5 + rng.uniform(1.7, 2.1) * high)]
        belly = width * rng.uniform(-0.1, 1.3)
        tail = [(belly, rng.uniform(0.05, 0.2)), (0.8 * belly, 0.36)]
        tail.append((0.8 * belly - rng.uniform(0, 0.35), rng.uniform(0.4, 0.5)))
        return from_lines([curve(_placed([*loop, *tail], rng, 0.018))])
    if manner < 0.48:  # in one stroke, whose loop is open at the top right, where the stem begins
        turns = np.radians([rng.uniform(20, 80), 135, 190, 250, 310])
        loop = [(width * np.cos(a), -0.5 + high - high * np.sin(a)) for a in turns]
        head = (width * rng.uniform(0.8, 1.4), -0.5 + high * rng.uniform(0.1, 1.0))
        tail = [(width * rng.uniform(0.5, 1.1), 0.2), (width * rng.uniform(-0.5, 0.8), 0.45)]
        if rng.random() < 0.5:
            tail.append((-rng.uniform(0.1, 0.4), rng.uniform(0.35, 0.5)))
        return from_lines([curve(_placed([*loop, head, *tail], rng))])
    if manner < 0.65:  # in one stroke, whose loop ends where it began
        right = (width, -0.5 + high)
        start = (width * rng.uniform(0.4, 1.0), -0.5 + high * rng.uniform(0.7, 1.5))
        loop = [start, (-0.3 * width, -0.5 + 1.9 * high), (-width, -0.5 + high), (0, -0.5), right]
        stem = [(width * rng.uniform(0.4, 1), 0.05), (width - rng.uniform(0.05, 0.5), 0.5)]
        return from_lines([curve(_placed([*loop, *stem], rng))])
    side = 1 if rng.random() < 0.8 else -1
    turns = np.radians(np.arange(-60, 301, 45))
    loop = [(side * width * np.cos(a), -0.5 + high - high * np.sin(a)) for a in turns]
    if side > 0 and rng.random() < 0.25:
        loop = loop[:-1]
    head = (side * width, -0.5 + high * rng.uniform(0.3, 1.3))
    end = [(side * width - rng.uniform(-0.05, 0.2), 0.5)]
    if side > 0 and rng.random() < 0.5:
        end = [(width, 0.3), (width - 0.12, 0.5), (width - rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.5))]
    return from_lines([curve(_placed(loop, rng)), curve(_placed([head, (side * width, 0.05), *end], rng, 0.015))])


def crossed(skeleton: NDArray[np.uint8], rng: np.random.Generator) -> Glyph:
    """A 7 with a bar across its stem, from the middles of its strokes, uint8 (84, 84)."""
    rows = np.flatnonzero(skeleton.any(1))
    row = int(rows[0] + rng.uniform(0.38, 0.65) * (rows[-1] - rows[0]))
    stem = np.flatnonzero(skeleton[row])
    if not stem.size:
        return from_shape(skeleton)
    reach, tilt = rng.uniform(7, 20, 2), rng.normal(0, 3)
    start, end = (stem[-1] - reach[0], row + tilt), (stem[-1] + reach[1], row - tilt)
    barred = skeleton.copy()
    cv2.line(barred, np.rint(start).astype(int).tolist(), np.rint(end).astype(int).tolist(), 255, 1)
    return from_shape(barred)


#: The ends of the seven segments of a display, as shares of a digit's height around its middle, and which of them show a digit.
_CORNERS = {"a": (0, 1), "b": (1, 3), "c": (3, 5), "d": (4, 5), "e": (2, 4), "f": (0, 2), "g": (2, 3)}
_SHOWN = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")


def segments(label: int, rng: np.random.Generator) -> Glyph:
    """A digit of a display of seven segments, whose ends touch or don't."""
    wide, gap = float(rng.uniform(0.22, 0.32)), float(rng.uniform(0, 0.06))
    corners = [(x, y) for y in (-0.5, 0.0, 0.5) for x in (-wide, wide)]
    lines = []
    for name in _SHOWN[label]:
        start, end = (np.array(corners[corner]) for corner in _CORNERS[name])
        inset = gap * (end - start) / np.linalg.norm(end - start)
        lines.append(_placed([tuple(start + inset), tuple(end - inset)], rng, 0.004))
    return from_lines(lines)


#: Drawn allographs and their share among the digits of that label.
DRAWN: dict[int, tuple[float, Callable[[np.random.Generator], Glyph]]] = {
    0: (0.1, zero),
    1: (0.5, one),
    2: (0.22, two),
    4: (0.35, four),
    5: (0.2, five),
    6: (0.12, six),
    7: (0.15, seven),
    9: (0.4, nine),
}
#: Share of the 7s that are crossed.
CROSSED = 0.35


class DigitStrokes:
    """The strokes of MNIST digits and of the allographs above.

    Args:
        data: Labelled images, each of the ten digits at least once.

    Raises:
        DataError: A digit is missing.
    """

    def __init__(self, data: Split) -> None:
        images, labels = data.labelled()
        missing = [digit for digit in range(10) if not (labels == digit).any()]
        if missing:
            raise DataError(f"there are no images of {', '.join(map(str, missing))}: strokes of all ten digits are needed")
        self._images = images
        self._by_label: Sequence[NDArray[np.int64]] = [np.flatnonzero(labels == digit) for digit in range(10)]
        self._by_writer: dict[tuple[int | None, int], NDArray[np.int64]] = {}
        self._writers = np.empty(0, np.int64)
        if data.writers is not None:
            self._writers = np.unique(data.writers)
            order = np.lexsort((labels, data.writers))
            pairs, starts = np.unique(np.stack([data.writers, labels])[:, order], axis=1, return_index=True)
            groups = np.split(order, starts[1:])
            self._by_writer = {(writer, label): group for (writer, label), group in zip(pairs.T.tolist(), groups, strict=True)}
        self._glyphs: dict[int, Glyph] = {}

    def some_writer(self, rng: np.random.Generator) -> int | None:
        """The number of one of the people who wrote the digits; None where they are not known."""
        return int(rng.choice(self._writers)) if len(self._writers) else None

    def pick(self, label: int, rng: np.random.Generator, writer: int | None = None) -> Glyph:
        """Strokes of some digit with this label, of one writer's if he has written any."""
        share, allograph = DRAWN.get(label, (0.0, None))
        if allograph and rng.random() < share:
            return allograph(rng)
        index = int(rng.choice(self._by_writer.get((writer, label), self._by_label[label])))
        if label == 7 and rng.random() < CROSSED:
            return crossed(self._skeleton(index), rng)
        if index not in self._glyphs:
            self._glyphs[index] = from_shape(self._skeleton(index))
        return self._glyphs[index]

    def pick_solid(self, label: int, rng: np.random.Generator) -> Glyph:
        """Some digit of MNIST with this label, as thick as its writer's pen made it."""
        return from_shape(self._mask(int(rng.choice(self._by_label[label]))), solid=True)

    def _mask(self, index: int) -> NDArray[np.uint8]:
        image = cv2.resize(self._images[index], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        return np.where(image > _STROKE_LEVEL, 255, 0).astype(np.uint8)

    def _skeleton(self, index: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.ximgproc.thinning(self._mask(index)), np.uint8)


class OwnForms:
    """The digits of one writer, who forms each of them in one way, and now and then in another.

    Args:
        strokes: Everybody's digits; where their writers are known, all of his are those of one of them.
    """

    def __init__(self, strokes: DigitStrokes, rng: np.random.Generator) -> None:
        self._strokes, self._writer = strokes, strokes.some_writer(rng)
        self._own: dict[int, Glyph] = {}

    def pick(self, label: int, rng: np.random.Generator) -> Glyph:
        """His strokes of a digit."""
        if label in self._own and rng.random() > _OTHER_FORM:
            return self._own[label]
        glyph = self._strokes.pick(label, rng, self._writer)
        self._own.setdefault(label, glyph)
        return glyph


#: Share of a writer's digits that have not his usual form.
_OTHER_FORM = 0.2
#: Ink of the enlarged MNIST image that is taken for stroke.
_STROKE_LEVEL = 100
