"""What a reader found: digits on lines, with their places and probabilities."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from inkdigits.reading.locate import Box

#: What stands in the text for a digit that the reader is unsure of.
UNSURE = "?"


@dataclass(frozen=True)
class Digit:
    """One digit.

    Attributes:
        label: 0 to 9, or None where the reader is unsure.
        probabilities: float32 (10,).
        box: left, top, right, bottom in pixels of the source.
    """

    label: int | None
    probabilities: np.ndarray
    box: Box

    def __post_init__(self) -> None:
        if self.probabilities.shape != (10,):
            raise ValueError(f"probabilities have the shape {self.probabilities.shape}, not (10,)")

    @property
    def best(self) -> int:
        """The most probable label, sure or not."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the best label, in [0, 1]."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Line:
    """Digits that stand beside one another, from left to right."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """The labels, with ``?`` where the reader is unsure."""
        return "".join(UNSURE if d.label is None else str(d.label) for d in self.digits)

    @property
    def best_text(self) -> str:
        """The best guess for every digit."""
        return "".join(str(d.best) for d in self.digits)

    @property
    def box(self) -> Box:
        """The box around all digits."""
        left, top, right, bottom = zip(*(d.box for d in self.digits), strict=True)
        return min(left), min(top), max(right), max(bottom)


@dataclass(frozen=True)
class Reading:
    """All that was found in one picture.

    Attributes:
        lines: From top to bottom.
        ignored: Boxes of the marks that are no digits.
    """

    lines: tuple[Line, ...]
    ignored: tuple[Box, ...] = ()

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, in reading order."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def text(self) -> str:
        """The lines' labels, with ``?`` where the reader is unsure."""
        return "\n".join(line.text for line in self.lines)

    @property
    def best_text(self) -> str:
        """The lines with the best guess for every digit."""
        return "\n".join(line.best_text for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain lists and numbers."""
        lines = [
            {"text": line.text, "best_text": line.best_text, "digits": [_plain(d) for d in line.digits]} for line in self.lines
        ]
        return {"text": self.text, "best_text": self.best_text, "lines": lines, "ignored": [list(box) for box in self.ignored]}

    def to_json(self) -> str:
        """``to_dict`` as JSON."""
        return json.dumps(self.to_dict())


def _plain(digit: Digit) -> dict[str, Any]:
    probabilities = [round(p, 6) for p in digit.probabilities.tolist()]
    return {"label": digit.label, "confidence": max(probabilities), "probabilities": probabilities, "box": list(digit.box)}
