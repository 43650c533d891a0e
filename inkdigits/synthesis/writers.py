"""Writers: a pen, a manner, and digits set one after another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box, enclosing, moved
from inkdigits.synthesis import fonts, marks, paper
from inkdigits.synthesis.allographs import DigitStrokes, OwnForms, segments
from inkdigits.synthesis.numbers import FRACTIONS
from inkdigits.synthesis.strokes import HEIGHT, Glyph, Placement, draw


@dataclass(frozen=True)
class Hand:
    """A writer's pen and manner, the same for all digits of a line. Lengths are in heights of a digit.

    ``small_zeros`` are the height of zeros, and how far below the middle of the line they stand, where they are small.
    """

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
    small_zeros: tuple[float, float] | None

    @staticmethod
    def of(rng: np.random.Generator) -> Hand:
        """A hand at random."""
        return Hand(
            pen=float(np.exp(rng.normal(np.log(0.085), 0.45))),
            strength=float(rng.uniform(0.5, 1.0)),
            shear=float(rng.choice([rng.normal(0.1, 0.22), rng.uniform(0.3, 0.95)], p=[0.88, 0.12])),
            width=float(np.exp(rng.normal(0.05, 0.18))),
            spacing=float(rng.choice([rng.normal(0.04, 0.1), rng.uniform(0.1, 0.5)], p=[0.7, 0.3])),
            spacing_noise=float(rng.uniform(0.02, 0.12)),
            size_noise=float(rng.uniform(0.02, 0.14)),
            baseline_noise=float(rng.uniform(0.01, 0.08)),
            wobble=float(rng.uniform(0, 0.045)),
            joined=float(rng.choice([0.03, rng.uniform(0.2, 0.9)], p=[0.88, 0.12])),
            small_zeros=(float(rng.uniform(0.4, 0.7)), float(rng.uniform(-0.3, 0.3))) if rng.random() < 0.1 else None,
        )


@dataclass
class Writer:
    """Sets glyphs one after another on a layer of ink, float32 (H, W).

    Attributes:
        tall: Height of a digit in pixels.
        baseline: Height at which the digits' middles stand, in pixels from the top.
        x: Where the next glyph begins.
        slope: How much the line falls for each pixel to the right.
        display: The digits are those of a display of seven segments.
    """

    layer: NDArray[np.float32]
    strokes: DigitStrokes | OwnForms
    hand: Hand
    tall: float
    baseline: float
    x: float
    rng: np.random.Generator
    slope: float = 0.0
    display: bool = False
    _last: tuple[float, float] | None = None

    @property
    def pen_px(self) -> float:
        """Width of the pen in pixels."""
        return max(0.7, self.hand.pen * self.tall)

    def number(self, text: str) -> list[tuple[str, Box]]:
        """Set digits and signs one after another; blanks are gaps, and ¾ is a small 3, a slash and a small 4.

        Returns:
            every character that was drawn, from left to right, with the box of its ink.
        """
        drawn: list[tuple[str, Box]] = []
        for character in text:
            if character == " ":
                self.advance(float(self.rng.uniform(0.4, 0.9)))
            elif character == "½":
                drawn.append((character, self.half()))
            elif character in FRACTIONS:
                drawn += self._fraction(*FRACTIONS[character])
            else:
                drawn.append((character, self._character(character)))
        return drawn

    def _character(self, character: str) -> Box:
        rng = self.rng
        if character.isdigit():
            return self.digit(int(character))
        if character in ".,":
            return self.dot(character)
        if character == "'":
            return self.write(marks.prime(rng), float(rng.uniform(0.15, 0.35)), drop=float(rng.uniform(-0.6, -0.3)))
        return self.sign(*marks.written_sign(character, rng))

    def _fraction(self, above: str, below: str) -> list[tuple[str, Box]]:
        rng, size = self.rng, float(self.rng.uniform(0.4, 0.65))
        upper = self.write(self.strokes.pick(int(above), rng), size, drop=-float(rng.uniform(0.1, 0.3)))
        slash = self.sign(marks.written_sign("/", rng)[0], float(rng.uniform(0.5, 0.9)))
        lower = self.write(self.strokes.pick(int(below), rng), size, drop=float(rng.uniform(0.1, 0.3)))
        return [(above, upper), ("/", slash), (below, lower)]

    def half(self) -> Box:
        """Set ½ as one sign, a small 1 above a small 2 with a bar between them, or before it with a slash; its box."""
        rng, tall, left = self.rng, self.tall, self.x
        size = float(rng.uniform(0.4, 0.75))
        stacked = rng.random() < 0.4
        one, two = (self.strokes.pick(label, rng) for label in (1, 2))
        if stacked:
            apart = float(rng.uniform(0.55, 0.75)) * size
            self.x += float(rng.uniform(0, 0.25)) * tall
            boxes = [self.write(one, size * float(rng.uniform(0.8, 1.2)), drop=-apart)]
            self.x = left
            boxes.append(self.write(two, size, drop=apart))
            start, end = (left - 0.1 * tall, float(rng.normal(0, 0.1))), (self.x + 0.1 * tall, float(rng.normal(0, 0.1)))
        else:
            lean = float(rng.uniform(0.1, 0.35)) + max(0.0, self.hand.shear) / 2
            boxes = [self.write(one, size * float(rng.uniform(0.6, 1.0)), drop=-float(rng.uniform(0.1, 0.35)))]
            foot = self.x + float(rng.uniform(-0.3, 0.2)) * tall
            self.x = foot + float(rng.uniform(0.0, 0.5)) * tall
            boxes.append(self.write(two, size, drop=float(rng.uniform(0.1, 0.4))))
            start = foot, float(rng.uniform(0.4, 0.7))
            end = foot + 2 * lean * tall, -float(rng.uniform(0.45, 0.75))
        (x0, y0), (x1, y1) = ((x, self.baseline + self.slope * x + y * tall) for x, y in (start, end))
        paper.line(self.layer, (x0, y0), (x1, y1), self.pen_px, self.hand.strength)
        self._last = None
        self.x = max(self.x, x0, x1)
        boxes.append((int(min(x0, x1)), int(min(y0, y1)), int(max(x0, x1)) + 1, int(max(y0, y1)) + 1))
        return enclosing(boxes)

    def digit(self, label: int) -> Box:
        """Set one digit, and give its box."""
        if self.display:
            return self.write(segments(label, self.rng), 1.0)
        glyph = self.strokes.pick(label, self.rng)
        size = float(np.exp(self.rng.normal(0, self.hand.size_noise)))
        if label in (1, 4, 7, 9) and self.rng.random() < (0.3 if label == 1 else 0.15):  # stems that reach below the line
            return self.write(glyph, size * float(self.rng.uniform(1.1, 1.5)), drop=float(self.rng.uniform(0, 0.2)))
        if label == 0 and self.hand.small_zeros:
            return self.write(glyph, size * self.hand.small_zeros[0], drop=self.hand.small_zeros[1])
        if label == 0 and self.rng.random() < 0.25:  # small ones, anywhere between the foot and the head of the line
            return self.write(glyph, size * float(self.rng.uniform(0.5, 0.8)), drop=float(self.rng.uniform(-0.2, 0.2)))
        return self.write(glyph, size)

    def typeset(self, text: str, face: Path) -> list[tuple[str, Box]]:
        """Set digits, signs and letters in a font; give the characters but blanks, with the boxes of their ink.

        Args:
            face: The font's file, one of ``fonts.faces``. One that looks handwritten leans as the hand does.
        """
        for small, (above, below) in FRACTIONS.items():
            text = text.replace(small, f" {above}/{below}")
        set_text = fonts.written(text, face, self.tall)
        if self.hand.shear > 0.3 and face in fonts.faces(True):
            set_text = set_text.sheared(self.hand.shear - 0.2)  # these fonts lean by themselves
        middle = (set_text.digits_top + set_text.baseline) / 2
        left, top = round(self.x), round(self.baseline + self.slope * self.x - middle)
        set_text.paste(self.layer, left, top, self.hand.strength)
        self.x = left + set_text.ink.shape[1]
        self._last = None
        return [(character, moved(box, left, top)) for character, box in set_text.boxes(text)]

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

    def sign(self, glyph: Glyph, size: float, drop: float = 0.0) -> Box:
        """Set something that is no digit, and give its box."""
        box = self.write(glyph, size, drop)
        self._last = None
        return box

    def stray(self, kinds: str = "sign letter scribble") -> tuple[str, Box]:
        """Set a sign, a letter or a scribble; the last two have the name x."""
        rng, character = self.rng, "x"
        kind = str(rng.choice(kinds.split()))
        if kind == "sign":
            character, glyph = marks.sign(rng)
        else:
            glyph = marks.letter(rng) if kind == "letter" else marks.scribble(rng)
        return character, self.sign(glyph, float(rng.uniform(0.4, 1.0)))

    def dot(self, character: str) -> Box:
        """A dot or comma between digits, at their foot or, as on some cheques, half-way up; its box.

        Mostly it has a place of its own; else it is squeezed in below the digits beside it.
        """
        rng, roomy = self.rng, self.rng.random() < 0.85
        place = Placement(
            x=self.x + (self.pen_px / 2 if roomy else 0) + self.tall * float(rng.uniform(-0.05, 0.1)),
            y=self.baseline + self.tall * float(rng.choice([rng.uniform(0.32, 0.6), rng.uniform(-0.1, 0.3)], p=[0.85, 0.15])),
            scale_x=self.tall / HEIGHT,
            scale_y=self.tall / HEIGHT,
        )
        pen = self.pen_px * float(rng.uniform(0.8, 1.6))
        box = draw(self.layer, marks.dot(rng, character == ","), place, pen, self.hand.strength, rng)
        self.x = max(self.x, box[2]) if roomy else self.x
        self.advance(float(rng.uniform(0, 0.3)))
        return box

    def suffix(self) -> tuple[str, Box]:
        """What closes an amount: a dash, = or #, on the line or raised, or a dot."""
        rng = self.rng
        if rng.random() < 0.3:
            return ".", self.dot(".")
        self.advance(float(rng.uniform(0, 0.3)))
        if rng.random() < 0.5:
            return self.stray("sign")
        character, glyph = marks.closing(rng)
        return character, self.sign(glyph, float(rng.uniform(0.3, 0.7)), drop=float(rng.uniform(-0.4, 0.2)))

    def advance(self, heights: float) -> None:
        """Leave a gap."""
        self.x += heights * self.tall
        self._last = None
