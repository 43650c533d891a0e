"""The preparation is what docs/preparation.md specifies: golden vectors of this version, and a port written after the text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFilter

from inkdigits import preparation
from inkdigits.preparation import ink as ink_module
from inkdigits.preparation.ink import ink, reduced, resized
from inkdigits.preparation.strip import strip
from tests.preparation import reference
from tests.preparation.make_golden import FILE, pictures, vectors

GOLDEN = np.load(FILE, allow_pickle=False) if FILE.exists() else {}
NAMES = list(pictures())


def test_this_version_has_golden_vectors() -> None:
    assert Path(__file__).with_name("golden") / f"{preparation.VERSION}.npz" == FILE
    assert FILE.exists(), "python -m tests.preparation.make_golden writes them; raise VERSION where an output changes"


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_vectors(name: str) -> None:
    picture = pictures()[name]
    np.testing.assert_array_equal(GOLDEN[f"{name}/picture"], picture)
    for key, array in vectors(name, picture).items():
        np.testing.assert_array_equal(GOLDEN[key], array, err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_the_port_gives_the_golden_vectors(name: str) -> None:
    picture = GOLDEN[f"{name}/picture"]
    np.testing.assert_array_equal(reference.ink(picture), GOLDEN[f"{name}/ink"])
    np.testing.assert_array_equal(reference.prepare(picture), GOLDEN[f"{name}/prepare"])
    np.testing.assert_array_equal(reference.strip(picture), GOLDEN[f"{name}/strip"])
    found = reference.crops(picture)
    assert len(found) == sum(key.startswith(f"{name}/crop") for key in GOLDEN)
    for number, crop in enumerate(found):
        np.testing.assert_array_equal(crop, GOLDEN[f"{name}/crop{number}"])


PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 48), st.integers(1, 48)))


@st.composite
def drawings(draw: st.DrawFn) -> np.ndarray:
    """A few strokes on paper, perhaps under a shadow, of any polarity."""
    height, width = draw(st.integers(20, 90)), draw(st.integers(20, 90))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    picture = np.full((height, width), draw(st.integers(120, 250)), np.float64)
    for _ in range(draw(st.integers(1, 5))):
        y, x = rng.integers(0, height), rng.integers(0, width)
        tall, wide = rng.integers(1, height // 2), rng.integers(1, 6)
        picture[y : y + tall, x : x + wide] -= rng.integers(30, 110)
    if draw(st.booleans()):
        picture *= np.linspace(1, rng.uniform(0.3, 1), width)
    picture = (picture + rng.normal(0, draw(st.sampled_from([0, 1, 4])), picture.shape)).clip(0, 255).astype(np.uint8)
    return 255 - picture if draw(st.booleans()) else picture


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(picture=st.one_of(PICTURES, drawings()))
def test_the_port_agrees_on_any_picture(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(reference.ink(picture), ink(picture))
    np.testing.assert_array_equal(reference.prepare(picture), preparation.prepare(picture))
    np.testing.assert_array_equal(reference.strip(picture), strip(picture))
    ours, theirs = preparation.crops(picture)[0], reference.crops(picture)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000), size=st.tuples(st.integers(1, 70), st.integers(1, 70)), window=st.sampled_from([*reference.BLUR])
)
def test_the_primitives_are_pillows(seed: int, size: tuple[int, int], window: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, size, np.uint8)
    image = Image.fromarray(picture)
    width, height = (int(side) for side in rng.integers(1, 90, 2))
    for kernel, name in ((reference.box, "BOX"), (reference.bilinear, "BILINEAR"), (reference.bicubic, "BICUBIC")):
        wanted = resized(picture, width, height, Image.Resampling[name])
        np.testing.assert_array_equal(reference.resized(picture, width, height, kernel), wanted)
    np.testing.assert_array_equal(
        reference.blurred(picture, window), np.asarray(image.filter(ImageFilter.GaussianBlur(window / 4)))
    )
    factor = int(rng.integers(2, 9))
    np.testing.assert_array_equal(reference.reduced_by(picture, factor), np.asarray(image.reduce(factor)))


def test_the_reduction_is_that_of_the_specification() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (130, 301), np.uint8)
    for side in (300, 150, 61, 20):
        factor = -(-301 // side)
        np.testing.assert_array_equal(reduced(picture, side), reference.reduced_by(picture, factor))
    assert ink_module.reduction((130, 301), 301) == 1
