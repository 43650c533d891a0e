"""A sheet that lies flat: what is written and printed on it, and what each mark of it means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.geometry import Box
from inkdigits.synthesis import fonts, marks
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.strokes import curve
from inkdigits.synthesis.writers import Hand, Writer

#: The label of a letter or sign; digits have 0 to 9, and what could be either has −1: nothing is learnt from it.
OTHER, UNCLEAR = 10, -1
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
    *("Januar", "Februar", "März", "Marts", "Mai", "Maj", "Juni", "Juli", "Oktober", "Dezember", "Sept.", "Octbr.", "Decbr."),
)
_WORDS = (
    *MONTHS,
    *("Name", "Date", "Total", "No", "Nr", "Amount", "Sum", "page", "Punkte", "points", "kg", "km", "EUR", "USD", "Tel"),
    *("Room", "from", "to", "and", "und", "the", "für", "Milk", "bread", "eggs", "Butter", "rent", "gas", "water", "Paris"),
    *("Street", "Score", "Team", "Player", "Hole", "Par", "Votes", "Candidate", "Station", "Ward", "Born", "died", "Anna"),
    *("Peter", "Maria", "Jensen", "Hansen", "Smith", "Class", "Test", "Seite", "Blatt", "Zimmer", "Konto", "Betrag", "cm"),
    *("hello", "call", "buy", "meeting", "notes", "todo", "week", "hours", "min", "sec", "left", "right", "answer", "x", "y"),
)


@dataclass
class Canvas:
    """Ink, and what it means, on a sheet that lies flat.

    Attributes:
        ink: float32 (S, S), 0 = paper, 1 = full ink.
        printed: float32 (S, S), what is printed on the paper: rulings, boxes, another ink.
        tall: Usual height of a digit in pixels.
        area: left, top, right, bottom of what may be written on.
    """

    strokes: DigitStrokes
    rng: np.random.Generator
    ink: NDArray[np.float32]
    printed: NDArray[np.float32]
    tall: float
    area: tuple[float, float, float, float]
    hand: Hand = field(init=False)
    labels: list[int] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = self.rng
        self.hand = Hand.of(rng)
        self.written_face = fonts.faces(True)[int(rng.integers(len(fonts.faces(True))))]
        self.printed_face = fonts.faces(False)[int(rng.integers(len(fonts.faces(False))))]
        self.manner = str(rng.choice(["strokes", "font", "print", "segments"], p=[0.66, 0.12, 0.18, 0.04]))
        self.slope = float(rng.normal(0, 0.015))

    def lean(self) -> None:
        """Take the steep hand of old church books."""
        self.hand = replace(self.hand, shear=float(self.rng.uniform(0.3, 1.0)))

    def add(self, label: int, box: tuple[float, float, float, float]) -> None:
        """Tell what stands in a box: left, top, right, bottom in pixels."""
        self.labels.append(label)
        self.boxes.append(box)

    def writer(self, x: float, y: float, tall: float) -> Writer:
        """A writer who begins at ``x``, with the middles of the digits at height ``y``."""
        return Writer(self.ink, self.strokes, self.hand, tall, y - self.slope * x, x, self.rng, self.slope)

    def number(self, text: str, x: float, y: float, tall: float, manner: str | None = None) -> float:
        """Write digits and signs with their middles at height ``y``; give back where they end."""
        manner = manner or self.manner
        if manner in ("font", "print"):
            face = self.printed_face if manner == "print" else self.written_face
            return self.typeset(text, x, y, tall, face, digits=True)
        writer = self.writer(x, y, tall)
        writer.display = manner == "segments"
        self._tell(writer.number(text), y, tall)
        return writer.x

    def typeset(self, text: str, x: float, y: float, tall: float, face: Path, digits: bool = False) -> float:
        """Write in a font; digits count as such, all else as other writing."""
        writer = self.writer(x, y, tall)
        if not digits and self.rng.random() < 0.4:
            writer.layer = self.printed
        self._tell(writer.typeset(text, face), y, tall)
        return writer.x

    def _tell(self, drawn: list[tuple[str, Box]], y: float, tall: float) -> None:
        """Tell what stands in boxes; signs are as high as a digit, and dots are nothing."""
        for character, box in drawn:
            if character.isdigit():
                self.add(int(character), box)
            elif character not in ".,'":
                self.add(OTHER, (box[0], y - tall / 2, max(box[2], box[0] + 3), y + tall / 2))

    def word(self, x: float, y: float, tall: float, printed: bool | None = None, text: str | None = None) -> float:
        """Write ``text``, or else a word, or what looks like one."""
        rng = self.rng
        manner = 1.0 if text else rng.random()
        if manner < 0.12:
            writer = self.writer(x, y, tall * 0.8)
            for _ in range(int(rng.integers(2, 8))):
                start = writer.x
                writer.write(marks.letter(rng), float(rng.uniform(0.5, 1.0)))
                self.add(OTHER, (start, y - tall / 2, writer.x, y + tall / 2))
            return writer.x
        if manner < 0.22:
            return self.scrawl(x, y, tall)
        face = self.printed_face if printed or (printed is None and rng.random() < 0.4) else self.written_face
        if text is None:
            text = _WORDS[rng.integers(len(_WORDS))] if rng.random() < 0.6 else _nonsense(rng)
        if rng.random() < (0.35 if face is self.printed_face else 0.06):  # S, O, I, B are the twins of digits
            text = text.upper()
        return self.typeset(text, x, y, tall * float(rng.uniform(0.7, 1.2)), face)

    def scrawl(self, x: float, y: float, tall: float) -> float:
        """Joined-up writing that nobody can read, or a signature."""
        rng = self.rng
        count = int(rng.integers(6, 26))
        steps = np.cumsum(rng.uniform(0.08, 0.3, count)) * tall * float(rng.uniform(0.7, 1.3))
        swing = np.where(np.arange(count) % 2, 1, -1) * rng.uniform(0.1, 0.3, count) + rng.normal(0, 0.06, count)
        swing[rng.random(count) < 0.15] *= 2.2
        lean = self.hand.shear
        points = [(x + dx - lean * s * tall, y + s * tall + 0.1 * tall) for dx, s in zip(steps, swing, strict=True)]
        polyline(self.ink, curve(points), max(0.8, self.hand.pen * tall), self.hand.strength)
        return x + float(steps[-1])


def _nonsense(rng: np.random.Generator) -> str:
    text = "".join(_LETTERS[rng.integers(26)] for _ in range(int(rng.integers(2, 10))))
    return text.capitalize() if rng.random() < 0.3 else text


def polyline(layer: NDArray[np.float32], points: list[tuple[float, float]], width: float, strength: float) -> None:
    """Draw joined lines through points (x, y) into a layer of ink, float32 (H, W), in place."""
    canvas = np.zeros(layer.shape, np.uint8)
    shifted = np.rint(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(canvas, [shifted], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    np.maximum(layer, canvas * np.float32(strength * min(1.0, width) / 255), out=layer)
