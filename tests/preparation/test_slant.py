from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkdigits.preparation.slant import leant, slant, upright
from inkdigits.preparation.strip import STRIP_PAPER, strip


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
    straight = upright(strip(picture), by)
    assert straight.shape[0] == 40
    assert straight.shape[1] % 32 == 0
    assert abs(slant(straight)) <= 0.11


@pytest.mark.parametrize("by", [-0.4, 0.3, 0.9])
@pytest.mark.parametrize("y", [2, 20, 36])
def test_places_find_their_way_back(by: float, y: int) -> None:
    image = np.full((40, 320), STRIP_PAPER, np.uint8)
    image[y : y + 2, 150:154] = 224
    _, columns = np.nonzero(upright(image, by) > 150)
    assert columns.mean() + 0.5 + leant(by, y + 1) == pytest.approx(152, abs=1)


def test_paper_without_ink_does_not_lean_anywhere_in_particular() -> None:
    blank = np.full((40, 96), STRIP_PAPER, np.uint8)
    assert np.isfinite(slant(blank))
    assert upright(blank, 0.7).shape == (40, 128)
    assert (upright(blank, -0.7) == STRIP_PAPER).all()
