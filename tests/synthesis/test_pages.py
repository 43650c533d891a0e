"""Synthetic pages and photos of sheets, and what the networks should say of them."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.dataset import Dataset
from inkdigits.inference.detector import CELL, UNIT
from inkdigits.inference.sheet_finder import quadrilateral
from inkdigits.synthesis import datasets, fonts, pages, sheets
from inkdigits.synthesis.allographs import DigitStrokes, segments
from inkdigits.synthesis.canvas import OTHER, UNCLEAR
from inkdigits.synthesis.pages import Marks


@pytest.fixture(scope="module")
def strokes(sample: Dataset) -> DigitStrokes:
    return DigitStrokes(sample.split("train").take(np.arange(3000)))


def test_the_same_seed_makes_the_same_tile_and_photo(strokes: DigitStrokes) -> None:
    first, same, other = (pages.tile(strokes, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.picture, same.picture)
    np.testing.assert_array_equal(first.marks.centres, same.marks.centres)
    assert (first.picture != other.picture).any()
    photos = [sheets.photo(strokes, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(photos[0].picture, photos[1].picture)
    assert (photos[0].picture != photos[2].picture).any()


def test_marks_lie_where_the_ink_is(strokes: DigitStrokes) -> None:
    """There is ink under the marks of digits: more contrast than in a spot as large anywhere else on the page."""
    rng, under, elsewhere = np.random.default_rng(1), [], []
    for _ in range(40):
        tile = pages.tile(strokes, rng)
        assert tile.picture.shape == (320, 320)
        marks = tile.marks
        assert set(marks.labels.tolist()) <= {*range(10), OTHER, UNCLEAR}
        assert len(marks.labels) == len(marks.centres) == len(marks.ups) == len(marks.rights)
        for label, (x, y), up in zip(marks.labels, marks.centres, marks.ups, strict=True):
            reach = int(np.hypot(*up))
            if 0 <= label < 10 and 8 < reach < 60:
                under.append(_contrast(tile.picture, x, y, reach))
                elsewhere.append(_contrast(tile.picture, *rng.uniform(reach, 320 - reach, 2), reach))
    assert len(under) > 100
    assert np.mean(np.array(under) > np.array(elsewhere)) > 0.75
    assert np.mean(under) > 1.3 * np.mean(elsewhere)


def _contrast(picture: np.ndarray, x: float, y: float, reach: int) -> float:
    """How much the levels around a place differ, the slow changes of the paper left out."""
    around = picture[max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach].astype(float)
    return float(np.abs(np.diff(around, axis=1)).mean())


def test_what_the_detector_should_say_leads_back_to_the_marks() -> None:
    angle = np.radians(100)
    ups = np.float32([[0, -15], [15 * np.sin(angle), -15 * np.cos(angle)], [0, -40], [0, -16], [0, -3]])
    rights = np.float32([[9, 0], [9 * np.cos(angle), 9 * np.sin(angle)], [25, 0], [8, 0], [2, 0]])
    centres = np.float32([[40, 40], [120, 50], [200, 200], [60, 200], [250, 60]])
    marks = Marks(np.array([7, 2, 3, OTHER, 5]), centres, ups, rights)
    found, geometry, labels = datasets.detector_targets(marks, (320, 320))
    assert found.shape == (2, 80, 80)
    for kind, number in ((0, 0), (0, 1), (1, 3)):
        x, y = (centres[number] // CELL).astype(int)
        assert found[kind, y, x] == 1
        assert found[1 - kind, y, x] == 0
        offset, up, half_width = geometry[:2, y, x] * UNIT, geometry[2:4, y, x] * UNIT, geometry[4, y, x] * UNIT
        np.testing.assert_allclose((np.array([x, y]) + 0.5) * CELL + offset, centres[number], atol=0.1)
        np.testing.assert_allclose(up, ups[number], atol=0.1)
        assert half_width == pytest.approx(np.hypot(*rights[number]), abs=0.1)
        assert labels[y, x] == (marks.labels[number] if kind == 0 else datasets.IGNORED)
    assert found[0, 50, 50] == datasets.IGNORED  # the middle of a digit that is too large for this scale, but not by much
    assert found[0, 15, 62] == datasets.IGNORED  # and of one that is too small
    assert (found == 1).sum() >= 8
    assert found[:, 70:, 5].sum() == 0


def test_what_is_unclear_is_not_learnt() -> None:
    marks = Marks(np.array([UNCLEAR]), np.float32([[80, 80]]), np.float32([[0, -14]]), np.float32([[9, 0]]))
    found = datasets.detector_targets(marks, (160, 160))[0]
    assert set(np.unique(found)) == {0, datasets.IGNORED}
    assert (found[:, 20, 20] == datasets.IGNORED).all()


def test_a_batch_of_tiles_and_photos(strokes: DigitStrokes, sample: Dataset) -> None:
    workers = datasets.Workers(sample.split("train").take(np.arange(2000)))
    (tiles,) = datasets.make_tiles(workers, 1, seed=2)
    assert tiles.pictures.shape == (16, 320, 320)
    assert tiles.found.shape == (16, 2, 80, 80)
    assert tiles.geometry.shape == (16, 5, 80, 80)
    assert (tiles.labels != datasets.IGNORED).sum() == (tiles.found[:, 0] == 1).sum()
    (photos,) = datasets.make_photos(workers, 1, seed=2)
    assert photos.masks.shape == (16, 2, 64, 64)
    seen = 0
    for mask, corners in zip(photos.masks.reshape(-1, 64, 64), photos.corners.reshape(-1, 4, 2), strict=True):
        assert np.isnan(corners).any() == (mask.max() == 0)
        within = ((corners > 0.02) & (corners < 0.98)).all()
        if within and (mask > 127).mean() > 0.05:
            found = quadrilateral(mask / np.float32(255))
            assert found is not None
            off = min(np.abs(np.roll(np.array(found), turn, 0) - corners).max() for turn in range(4))
            assert off < 0.012
            seen += 1
    assert seen >= 6


@pytest.mark.parametrize("handwritten", [False, True])
def test_text_in_a_font_has_its_characters_where_they_are_said_to_be(handwritten: bool) -> None:
    for face in fonts.faces(handwritten)[:6]:
        text = fonts.written("10 7", face, 30)
        assert len(text.ends) == 5
        assert list(text.ends) == sorted(text.ends)
        assert text.baseline - text.digits_top == pytest.approx(30, abs=6)
        gap = text.ink[:, int(text.ends[2]) + 2 : int(text.ends[3]) - 2]
        assert gap.size == 0 or gap.mean() < 40


def test_every_digit_of_a_display_is_another() -> None:
    drawn = [segments(label, np.random.default_rng(0)).distance for label in range(10)]
    assert len({glyph.tobytes() for glyph in drawn}) == 10
