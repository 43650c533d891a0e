from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkdigits.preparation.slant import leaning, slant, upright
from inkdigits.preparation.strip import strip


def leaning_ones(by: float, height: int = 120) -> np.ndarray:
    """Five strokes with feet, which lean."""
    picture = Image.new("L", (420, height), 230)
    draw = ImageDraw.Draw(picture)
    for foot in range(60, 310, 60):
        draw.line([(foot, height - 15), (foot + by * (height - 30), 15)], fill=30, width=7)
        draw.line([(foot - 8, height - 15), (foot + 8, height - 15)], fill=30, width=5)
    return np.asarray(picture)


@pytest.mark.parametrize("by", [-0.5, -0.2, 0.0, 0.3, 0.6, 1.0])
def test_the_slant_is_found_and_undone(by: float) -> None:
    picture = leaning_ones(by)
    assert slant(strip(picture)) == pytest.approx(by, abs=0.11)
    straight = upright(picture, by)
    assert straight.shape[0] == picture.shape[0]
    assert abs(slant(strip(straight))) <= 0.11


@pytest.mark.parametrize("by", [-0.4, 0.3, 0.9])
def test_boxes_find_their_way_back(by: float) -> None:
    picture = np.full((100, 300), 255, np.uint8)
    picture[40:60, 150:170] = 0  # a square, which leans in the upright picture
    rows, columns = np.nonzero(upright(picture, by) < 128)
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    left, top, right, bottom = leaning(box, by, 100)
    assert left <= 150.5 and right >= 169.5  # around the square, and no further than it leans
    assert left >= 150 - 21 * abs(by) - 2 and right <= 170 + 21 * abs(by) + 2
    assert (top, bottom) == pytest.approx((40, 60), abs=1)


def test_paper_without_ink_does_not_lean_anywhere_in_particular() -> None:
    blank = np.full((50, 90), 200, np.uint8)
    assert np.isfinite(slant(strip(blank)))
    assert upright(blank, 0.7).shape == (50, 90 + 35)
    assert (upright(blank, -0.7) == 200).all()
