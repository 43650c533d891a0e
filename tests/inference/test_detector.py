from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError
from inkdigits.inference.detector import Detector, scales
from inkdigits.runs import Run
from inkdigits.synthesis import pages
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.canvas import UNCLEAR


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(Run.shipped("reader").model("page"))


@pytest.mark.parametrize("shape", [(1, 1), (20, 3000), (3000, 20), (28, 28), (480, 640), (3000, 4000), (8000, 600)])
def test_a_picture_is_looked_at_from_its_details_to_the_whole(shape: tuple[int, int]) -> None:
    sizes = scales(shape)
    assert np.prod(sizes[0]) <= 2048 * 1536 * 1.01 or max(shape) <= 700
    assert max(sizes[-1]) <= 80 or max(shape) > 80
    for larger, smaller in itertools.pairwise(sizes):
        assert 1.9 <= max(larger) / max(smaller) <= 2.6
    assert all(min(size) >= 1 for size in sizes)


def test_digits_are_found_on_synthetic_pages_of_strangers(detector: Detector, sample: Dataset) -> None:
    """Strokes of MNIST's test set, which no network has seen, wherever and however they are written."""
    strokes, rng = DigitStrokes(sample.split("test")), np.random.default_rng(5)
    missed, invented, total, off = 0, 0, 0, []
    for _ in range(40):
        tile = pages.tile(strokes, rng)
        marks = tile.marks
        found = detector.find(tile.picture)
        found = found[found.scores[:, 0] >= 0.5]
        clear = (marks.labels >= 0) & (marks.labels < 10)
        away = np.linalg.norm(found.centres[:, None] - marks.centres[None], axis=2)
        near = away < 1.0 * np.hypot(*marks.ups.T)[None]
        clear &= np.hypot(*marks.ups.T) > 5
        missed += int((clear & ~near.any(0)).sum()) if len(found) else int(clear.sum())
        invented += int((~near[:, marks.labels != 10].any(1)).sum())
        total += int(clear.sum())
        upright = marks.ups[:, 1] < -np.abs(marks.ups[:, 0])  # a page on its side is looked at once more
        for mark in np.flatnonzero(clear & near.any(0) & upright):
            nearest = int(away[:, mark].argmin())
            off.append(float(np.linalg.norm(found.ups[nearest] - marks.ups[mark]) / np.hypot(*marks.ups[mark])))
    assert total > 400
    assert UNCLEAR < 0
    assert missed <= 0.25 * total  # some are too faint, too dark or too blurred for anybody
    assert invented <= 0.12 * total
    assert np.median(off) < 0.25


def test_the_same_is_found_at_any_size(detector: Detector, sample: Dataset) -> None:
    images, labels = sample.split("test").labelled()
    sheet = np.zeros((100, 260), np.uint8)
    for i in range(5):
        sheet[36:64, 40 + 36 * i : 68 + 36 * i] = images[np.flatnonzero(labels == i + 2)[3]]
    for zoom in (1, 3, 8):
        picture = Image.fromarray(255 - sheet).resize((260 * zoom, 100 * zoom), Image.Resampling.BICUBIC)
        found = detector.find(np.asarray(picture))
        found = found[found.scores[:, 0] >= 0.5]
        order = np.argsort(found.centres[:, 0])
        np.testing.assert_allclose(found.centres[order, 0] / zoom, 54 + 36 * np.arange(5), atol=4)
        np.testing.assert_allclose(found.heights / zoom, 20, atol=5)
        assert (found.labels[order].argmax(1) == np.arange(2, 7)).mean() >= 0.6


def test_noise_costs_no_more_than_a_page(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600), np.uint8)
    found = detector.find(noise)
    assert (found.scores[:, 0] >= 0.5).sum() <= 3


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="is no detector"):
        Detector(Run.shipped("reader").model("line"))
    with pytest.raises(ModelError, match="does not exist"):
        Detector(Path("nowhere.onnx"))
