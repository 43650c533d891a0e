from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.dataset import Dataset
from inkdigits.geometry import Box
from inkdigits.inference.ctc import SYMBOLS
from inkdigits.inference.line_recogniser import LineRecogniser, LineSymbol, decoded
from inkdigits.preparation.strip import STRIP_HEIGHT
from inkdigits.runs import Run
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.writers import Hand, Writer


@pytest.mark.parametrize(("second_box", "digits"), [((10, 40), 1), ((12, 44), 1), ((36, 60), 2)])
def test_a_digit_seen_from_two_time_steps_is_one(second_box: tuple[int, int], digits: int) -> None:
    probabilities = np.zeros((40, len(SYMBOLS)), np.float32)
    probabilities[:, 10] = 1
    box_offsets = np.zeros((40, 4), np.float32)
    for step, (left, right), sure in ((8, (10, 40), 0.7), (19, second_box, 0.9)):
        probabilities[step, [1, 10]] = sure, 1 - sure
        x = (step + 0.5) * 2
        box_offsets[step] = np.array([x - left, right - x, 4, 36]) / STRIP_HEIGHT
    found = decoded(probabilities, box_offsets, (STRIP_HEIGHT, 80))
    assert len(found) == digits
    assert found[-1].probabilities[1] == pytest.approx(0.9)
    assert found[-1].box == (second_box[0], 4, second_box[1], 36)


def steep_line(strokes: DigitStrokes, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[str, Box]]]:
    """Four digits that lean by 40°, close together, on white paper, and their boxes."""
    layer = np.zeros((72, 320), np.float32)
    hand = replace(Hand.of(rng), shear=0.85, spacing=-0.32, spacing_noise=0.02, pen=0.09, joined=0.0, small_zeros=None)
    drawn = Writer(layer, strokes, hand, 48.0, 36.0, 40.0, rng).number("".join(map(str, rng.integers(0, 10, 4))))
    return (235 - 190 * layer).astype(np.uint8), drawn


def test_steep_lines_are_read(sample: Dataset) -> None:
    strokes, rng = DigitStrokes(sample.split("test")), np.random.default_rng(4)
    recogniser = LineRecogniser(Run.shipped("reader").model("line"))
    right, alike, off = 0, 0, []
    for _ in range(60):
        picture, drawn = steep_line(strokes, rng)
        true = "".join(character for character, _ in drawn)
        found = recogniser.read(picture)
        text = "".join(SYMBOLS[symbol.label] for symbol in found)
        (piece,) = recogniser.read_pieces([picture])
        right += text == true
        alike += text == "".join(SYMBOLS[symbol.label] for symbol in piece)
        if text == true:
            off += [abs(s.box[0] + s.box[2] - box[0] - box[2]) / 2 for s, (_, box) in zip(found, drawn, strict=True)]
    assert right >= 54
    assert alike >= 54
    assert np.median(off) < 48 * 0.15


def test_a_symbol_is_a_digit_a_sign_or_other_writing() -> None:
    def symbol(**shares: float) -> LineSymbol:
        probabilities = np.full(len(SYMBOLS), 0.0, np.float32)
        for name, share in shares.items():
            probabilities[SYMBOLS.index({"slash": "/", "none": "", "one": "1", "x": "x"}[name])] = share
        return LineSymbol(probabilities, (0, 0, 4, 9))

    assert symbol(slash=0.6, one=0.3, none=0.1).sign == ("/", pytest.approx(0.6))
    np.testing.assert_allclose(symbol(slash=0.6, one=0.3, none=0.1).digits[[1, 10]], (0.3, 0.7), atol=1e-6)
    assert symbol(one=0.4, none=0.6).label == 1
    assert symbol(one=0.4, none=0.6).sign is None
    assert symbol(x=0.9, none=0.1).sign is None
