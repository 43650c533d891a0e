from __future__ import annotations

import numpy as np
import pytest

from inkdigits.inference.ctc import SYMBOLS
from inkdigits.inference.line_recogniser import LineSymbol, decoded
from inkdigits.preparation.strip import STRIP_HEIGHT


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
