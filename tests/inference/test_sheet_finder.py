from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError
from inkdigits.inference.sheet_finder import SheetFinder, quadrilateral
from inkdigits.runs import Run
from inkdigits.synthesis import sheets
from inkdigits.synthesis.allographs import DigitStrokes


@settings(max_examples=100, deadline=None)
@given(st.floats(-0.75, 0.75), st.floats(0.3, 0.6), st.floats(0.3, 0.6), st.integers(0, 2**31))
def test_the_corners_of_a_mask(turn: float, wide: float, high: float, seed: int) -> None:
    lean = np.random.default_rng(seed).normal(0, 0.015, (4, 2))
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2 * (wide, high) + lean
    corners = square @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + 0.5
    mask = Image.new("L", (1024, 1024))
    ImageDraw.Draw(mask).polygon([tuple(point) for point in (corners * 1024).tolist()], fill=255)
    found = quadrilateral(np.asarray(mask.resize((64, 64), Image.Resampling.BOX), np.float32) / 255)
    assert found is not None
    points = np.array(found)
    assert points.sum(1).argmin() == 0
    assert min(np.abs(np.roll(points, turn, 0) - corners).max() for turn in range(4)) < 0.006


def test_no_corners_where_there_is_no_sheet() -> None:
    assert quadrilateral(np.zeros((64, 64), np.float32)) is None
    speck = np.zeros((64, 64), np.float32)
    speck[3:6, 3:6] = 1
    assert quadrilateral(speck) is None
    ring = np.zeros((64, 64), np.float32)
    ring[10:50, 10:50] = 1
    ring[16:44, 16:44] = 0
    assert quadrilateral(ring) is None


def test_sheets_and_frames_are_found_in_synthetic_photos(sample: Dataset) -> None:
    strokes, rng = DigitStrokes(sample.split("test")), np.random.default_rng(8)
    finder = SheetFinder(Run.shipped("reader").model("sheet"))
    near: dict[str, list[bool]] = {"sheet": [], "frame": []}
    invented: dict[str, list[bool]] = {"sheet": [], "frame": []}
    for _ in range(120):
        photo = sheets.photo(strokes, rng, 512)
        both = finder.find(photo.picture)
        for kind, there, found in (("sheet", photo.sheet, both.sheet), ("frame", photo.frame, both.frame)):
            if there is None:
                invented[kind].append(found is not None)
                continue
            true, said = there / photo.picture.shape, None if found is None else np.array(found)
            off = np.inf if said is None else min(np.abs(np.roll(said, turn, 0) - true).max() for turn in range(4))
            near[kind].append(bool(off <= 0.02))
    # Some lie half in the dark or beyond the picture.
    assert np.mean(near["sheet"]) >= 0.6
    assert np.mean(near["frame"]) >= 0.5
    assert np.mean(invented["sheet"]) <= 0.1
    assert np.mean(invented["frame"]) <= 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 3000), (3000, 3), (600, 400)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    finder = SheetFinder(Run.shipped("reader").model("sheet"))
    bar = np.full(shape, 20, np.uint8)
    bar[:, shape[1] // 4 : 3 * shape[1] // 4 + 1] = 230
    for picture in (bar, np.full(shape, 90, np.uint8), np.random.default_rng(0).integers(0, 256, shape, np.uint8)):
        for corners in (finder.find(picture).sheet, finder.find(picture).frame):
            assert corners is None or (np.abs(corners) < 3).all()


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="is no sheet finder"):
        SheetFinder(Run.shipped("reader").model("page"))
