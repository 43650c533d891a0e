"""Writers: a pen, a manner, and digits set one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box
from inkdigits.synthesis import marks, paper
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.strokes import HEIGHT, Glyph, Placement, draw


@dataclass(frozen=True)
class Hand:
    """A writer's pen and manner, the same for all digits of a line. Lengths are in heights of a digit."""

    pen: float
    strength: float
    shear: float
    width: float
    spacing: float
    spacing_noise: float
    size_noise: float
    baseline_noise: float
    wobble: float
    joined: float

    @staticmethod
    def of(rng: np.random.Generator) -> Hand:
        """A hand at random."""
        return Hand(
            pen=float(np.exp(rng.normal(np.log(0.085), 0.45))),
            strength=float(rng.uniform(0.5, 1.0)),
            shear=float(rng.normal(0.1, 0.22)),
            width=float(np.exp(rng.normal(0.05, 0.18))),
            spacing=float(rng.choice([rng.normal(0.04, 0.1), rng.uniform(0.1, 0.5)], p=[0.7, 0.3])),
            spacing_noise=float(rng.uniform(0.02, 0.12)),
            size_noise=float(rng.uniform(0.02, 0.14)),
            baseline_noise=float(rng.uniform(0.01, 0.08)),
            wobble=float(rng.uniform(0, 0.045)),
            joined=float(rng.choice([0.03, rng.uniform(0.2, 0.9)], p=[0.92, 0.08])),
        )


@dataclass
class Writer:
    """Sets glyphs one after another on a layer of ink, float32 (H, W).

    Attributes:
        tall: Height of a digit in pixels.
        baseline: Height at which the digits' middles stand, in pixels from the top.
        x: Where the next glyph begins.
        slope: How much the line falls for each pixel to the right.
    """

    layer: NDArray[np.float32]
    strokes: DigitStrokes
    hand: Hand
    tall: float
    baseline: float
    x: float
    rng: np.random.Generator
    slope: float = 0.0
    _last: tuple[float, float] | None = None

    @property
    def pen_px(self) -> float:
        """Width of the pen in pixels."""
        return max(0.7, self.hand.pen * self.tall)

    def digits(self, text: str) -> list[Box]:
        """Set digits, now and then with dots between the thousands; spaces are gaps."""
        boxes = []
        grouped = self.rng.random() < 0.25
        for position, character in enumerate(text):
            if character == " ":
                self.advance(0.7)
                continue
            boxes.append(self.digit(int(character)))
            left = len(text) - position - 1
            if (grouped and left and left % 3 == 0) or self.rng.random() < 0.02:
                self.dot()
        return boxes

    def digit(self, label: int) -> Box:
        """Set one digit, and give its box."""
        glyph = self.strokes.pick(label, self.rng)
        size = float(np.exp(self.rng.normal(0, self.hand.size_noise)))
        if label in (1, 4, 7, 9) and self.rng.random() < (0.3 if label == 1 else 0.15):  # stems that reach below the line
            return self.write(glyph, size * float(self.rng.uniform(1.1, 1.5)), drop=float(self.rng.uniform(0, 0.2)))
        if label == 0 and self.rng.random() < 0.25:  # small ones, anywhere between the foot and the head of the line
            return self.write(glyph, size * float(self.rng.uniform(0.5, 0.8)), drop=float(self.rng.uniform(-0.2, 0.2)))
        return self.write(glyph, size)

    def write(self, glyph: Glyph, size: float, drop: float = 0.0) -> Box:
        """Draw a glyph with its left edge at the pen's place, and move on."""
        rng, hand = self.rng, self.hand
        scale = self.tall / HEIGHT * size
        scale_x = scale * hand.width * float(np.exp(rng.normal(0, 0.08)))
        width = (glyph.bounds[2] - glyph.bounds[0]) * scale_x
        high = (glyph.bounds[3] - glyph.bounds[1]) * scale
        shear = hand.shear + float(rng.normal(0, 0.05))
        reach = width + abs(shear) * high * 0.5
        place = Placement(
            x=self.x + reach / 2,
            y=self.baseline + self.slope * self.x + self.tall * (drop + hand.baseline_noise * float(rng.normal())),
            scale_x=scale_x,
            scale_y=scale,
            shear=shear,
            rotate_deg=float(rng.normal(0, 4)),
            wobble=hand.wobble,
        )
        pen = self.pen_px * float(np.exp(rng.normal(0, 0.08)))
        box = draw(self.layer, glyph, place, pen, hand.strength * float(rng.uniform(0.8, 1.0)), rng)
        if self._last and rng.random() < hand.joined:  # the pen was not lifted
            start, end = self._last, (place.x - reach * 0.3, place.y + float(rng.uniform(-0.5, 0.2)) * high)
            paper.line(self.layer, start, end, pen, hand.strength)
        self._last = (place.x + reach * 0.3, place.y + float(rng.uniform(-0.5, 0.3)) * high)
        # Spacing is measured between outlines; never so tight that one digit lies within the other.
        gap = max(hand.spacing + hand.spacing_noise * float(rng.normal()), -0.12) * self.tall
        self.x += max(reach + pen + gap, 0.22 * self.tall)
        return box

    def sign(self, glyph: Glyph) -> None:
        """Set something that is no digit."""
        self.write(glyph, float(self.rng.uniform(0.4, 1.0)))
        self._last = None

    def dot(self) -> None:
        """A dot or comma between digits, at their foot or, as on some cheques, half-way up."""
        rng = self.rng
        place = Placement(
            x=self.x + self.tall * float(rng.uniform(-0.05, 0.1)),
            y=self.baseline + self.tall * float(rng.choice([rng.uniform(0.32, 0.6), rng.uniform(-0.1, 0.3)], p=[0.85, 0.15])),
            scale_x=self.tall / HEIGHT,
            scale_y=self.tall / HEIGHT,
        )
        draw(self.layer, marks.dot(rng), place, self.pen_px * float(rng.uniform(0.8, 1.6)), self.hand.strength, rng)
        self.advance(float(rng.uniform(0, 0.3)))

    def suffix(self) -> None:
        """What closes an amount: a dash, =, #, a dot."""
        if self.rng.random() < 0.3:
            self.dot()
            return
        self.advance(float(self.rng.uniform(0, 0.3)))
        self.sign(marks.sign(self.rng))

    def advance(self, heights: float) -> None:
        """Leave a gap."""
        self.x += heights * self.tall
        self._last = None
