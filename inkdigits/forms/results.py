"""What was read in the field of a form: plain values that know nothing of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inkdigits.reading.results import UNSURE, Digit


@dataclass(frozen=True)
class FieldReading:
    """What stands in a field.

    Attributes:
        text: The digits, and the signs of the field's pattern; empty where the field is; None where the reader is unsure.
        best_text: The most probable text that satisfies the constraints; None where none of those looked at does.
        confidence: Its probability, given that the constraints hold; in [0, 1].
        digits: What was read before any constraint, with boxes in pixels of the rectified sheet.
        left_out: Signs that were seen, and for which the field's pattern has no place.
    """

    text: str | None
    best_text: str | None
    confidence: float
    digits: tuple[Digit, ...]
    left_out: str = ""

    @property
    def shown(self) -> str:
        """The text, or ``?`` where the reader is unsure."""
        return UNSURE if self.text is None else self.text

    def to_dict(self) -> dict[str, Any]:
        """Everything but the digits in plain values."""
        known = {"text": self.text, "best_text": self.best_text, "confidence": round(self.confidence, 6)}
        return {**known, "left_out": self.left_out}
