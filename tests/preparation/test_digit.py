from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from inkdigits import preparation
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError
from inkdigits.inference.classifier import load_model
from inkdigits.preparation.components import connected_components
from inkdigits.preparation.digit import stroke_width
from inkdigits.preparation.ink import ink, otsu


@pytest.mark.slow
def test_mnist_passes_through_unchanged(mnist: Dataset) -> None:
    for part in mnist.splits.values():
        np.testing.assert_array_equal(preparation.prepare_batch(part.images), part.images)


@settings(max_examples=200, deadline=None)
@given(picture=hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))))
@example(picture=np.array([[0, 11, 16], [16, 16, 16]], np.uint8))  # its edge fades when it is enlarged
def test_any_picture_gives_a_network_input_which_then_stays(picture: np.ndarray) -> None:
    prepared = preparation.prepare(picture)
    assert prepared.shape == (28, 28)
    assert prepared.dtype == np.uint8
    if prepared.any():
        assert preparation.is_prepared(prepared[None])[0]
        np.testing.assert_array_equal(preparation.prepare(prepared), prepared)


def test_one_and_many_are_prepared_alike(sample: Dataset) -> None:
    images = sample.split("test").images[:60]
    mixed = np.concatenate([images, 255 - images, np.roll(images, 3, axis=2), np.zeros((1, 28, 28), np.uint8)])
    np.testing.assert_array_equal(preparation.prepare_batch(mixed), np.stack([preparation.prepare(image) for image in mixed]))


def drawn(image: np.ndarray, scale: int, margin: tuple[int, int], ink: int, paper: int) -> np.ndarray:
    """A digit as somebody else's picture: larger, off the centre, in other greys."""
    big = np.kron(image, np.ones((scale, scale))) / 255
    placed = np.pad(big, ((margin[0], 4), (2, margin[1])))
    return np.rint(paper + (ink - paper) * placed).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (60, 180), (200, 90)])
@pytest.mark.parametrize("scale", [1, 3, 9])
def test_size_place_and_polarity_do_not_matter(sample: Dataset, ink: int, paper: int, scale: int) -> None:
    images, labels = sample.split("test").take(np.arange(300)).labelled()
    pictures = np.stack([preparation.prepare(drawn(image, scale, (30 * scale, 11 * scale), ink, paper)) for image in images])
    assert (load_model().predict(pictures) == labels).mean() >= 0.975


def test_a_shadow_over_the_paper_is_not_ink(sample: Dataset) -> None:
    image = drawn(sample.split("test").images[0], 8, (40, 40), 20, 250).astype(np.float64)
    shadow = np.linspace(1.0, 0.45, image.shape[1])
    inked = ink((image * shadow).astype(np.uint8))
    assert inked[:, :15].max() == inked[:, -15:].max() == 0
    assert load_model().predict(preparation.prepare((image * shadow).astype(np.uint8))[None]) == sample.split("test").labels[0]  # type: ignore[index]


def framed(image: np.ndarray, gap: int) -> np.ndarray:
    """A digit in a cell of a form: dark on light, with the lines of the cell along the border."""
    cell = np.full((120, 120), 235, np.uint8)
    cell[gap : gap + 3] = cell[:, gap : gap + 3] = cell[-gap - 3 : cell.shape[0] - gap] = 60
    cell[18:102, 18:102] -= (np.kron(image, np.ones((3, 3))) * 0.7).astype(np.uint8)
    return cell


@pytest.mark.parametrize("gap", [0, 2, 5])
def test_the_frame_of_a_cell_is_no_part_of_the_digit(sample: Dataset, gap: int) -> None:
    images, labels = sample.split("test").take(np.arange(200)).labelled()
    pictures = np.stack([preparation.prepare(framed(image, gap)) for image in images])
    assert (load_model().predict(pictures) == labels).mean() >= 0.97
    assert not preparation.prepare(framed(np.zeros((28, 28), np.uint8), 0)).any()


def test_fat_strokes_are_not_hollowed_out() -> None:
    for height, width in ((32, 32), (320, 320)):
        one = np.zeros((height, width), np.uint8)
        one[:, width // 3 : 2 * width // 3] = 255
        prepared = preparation.prepare(one)
        assert load_model().predict(prepared[None])[0] == 1
        rows = prepared[prepared.any(1)]
        assert (rows.argmax(1) == rows.argmax(1)[0]).all()
        assert (np.diff(np.flatnonzero(prepared[14])) == 1).all()


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_blank_paper_has_no_ink(level: int) -> None:
    assert not preparation.prepare(np.full((50, 40), level, np.uint8)).any()
    noisy = np.random.default_rng(0).normal(level, 2, (50, 40)).clip(0, 255).astype(np.uint8)
    assert not preparation.prepare(noisy).any()


@pytest.mark.parametrize("width", [1, 2, 4, 7])
def test_stroke_width_is_measured(width: int) -> None:
    picture = np.zeros((200, 60), np.uint8)
    picture[10:190, 20 : 20 + width] = 255
    # A straight line along the grid is the worst case of the estimate, which is exact for strokes in all directions.
    assert stroke_width(picture) == pytest.approx(width, rel=0.3)


def test_a_hairline_on_a_large_sheet_survives() -> None:
    sheet = np.full((1000, 1400), 255, np.uint8)
    sheet[200:800, 700] = 0
    prepared = preparation.prepare(sheet)
    assert load_model().predict(prepared[None])[0] == 1
    assert (prepared > 128).sum() >= 20


@settings(max_examples=300, deadline=None)
@given(size=st.tuples(st.integers(1, 60), st.integers(1, 60)), share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_components_are_those_that_scipy_finds(size: tuple[int, int], share: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random(size) < share
    found = connected_components(mask)
    wanted, count = ndimage.label(mask, np.ones((3, 3)))
    assert found.max(initial=0) == count
    assert len(np.unique(np.stack([found.ravel(), wanted.ravel()]), axis=1).T) == count + (not mask.all())


def test_otsu_parts_two_levels() -> None:
    counts = np.zeros(256, np.int64)
    counts[[10, 12, 200]] = 70, 10, 20
    assert 12 <= otsu(counts) < 200


@pytest.mark.parametrize(
    "picture", [np.zeros((0, 5), np.uint8), np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint8), np.zeros(9, np.uint8)]
)
def test_no_grey_picture(picture: np.ndarray) -> None:
    with pytest.raises(ImageError, match="not uint8"):
        preparation.prepare(picture)
