from __future__ import annotations

import numpy as np
import pytest

from inkdigits.inference.line_recogniser import decoded
from inkdigits.preparation.strip import STRIP_HEIGHT


@pytest.mark.parametrize(("second_box", "digits"), [((10, 40), 1), ((12, 44), 1), ((36, 60), 2)])
def test_a_digit_seen_from_two_time_steps_is_one(second_box: tuple[int, int], digits: int) -> None:
    probabilities = np.zeros((40, 11), np.float32)
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
