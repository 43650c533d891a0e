from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkdigits import leakage, preparation
from inkdigits.dataset import Dataset
from inkdigits.preparation.digit import renewed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def known(mnist: Dataset) -> np.ndarray:
    return mnist.split("train").images


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_no_mnist_test_image_is_taken_for_a_training_image(known: np.ndarray, mnist: Dataset) -> None:
    assert not leakage.find_copies(known, mnist.split("test").images).any()


@pytest.mark.parametrize(
    ("change", "share"),
    [
        (lambda image: image, 1.0),
        (lambda image: np.roll(image, (1, -2), (0, 1)), 1.0),
        (lambda image: 255 - image, 1.0),
        (lambda image: jpeg(image, 90), 1.0),
        (lambda image: jpeg(np.roll(image, 2, 0), 75), 0.95),
    ],
    ids=["same", "shifted", "inverted", "jpeg90", "shifted-jpeg75"],
)
def test_copies_are_found_in_every_disguise(known: np.ndarray, change: object, share: float) -> None:
    copies = np.stack([change(image) for image in known[:500]])  # type: ignore[operator]
    assert leakage.find_copies(known, copies).mean() >= share


@pytest.mark.parametrize(
    ("change", "share"),
    [
        (lambda image: np.roll(image, (2, -1), (0, 1)), 0.8),
        (lambda image: 255 - image, 0.95),
        (lambda image: jpeg(image, 75), 0.95),
        (lambda image: np.kron(255 - image, np.ones((4, 4), np.uint8)), 0.9),
    ],
    ids=["shifted", "inverted", "jpeg75", "enlarged-inverted"],
)
def test_copies_are_found_after_all_of_the_preparation(known: np.ndarray, change: object, share: float) -> None:
    """Whether the copies are evaluated, or were trained on."""
    copies = np.stack([preparation.prepare(change(image)) for image in known[:300]])  # type: ignore[operator]
    assert leakage.find_copies(known, copies).mean() >= share
    assert leakage.find_copies(copies, known[:300]).mean() >= share
    assert not leakage.find_copies(copies, known[300:2000]).any()


def test_prepared_anew_test_images_are_still_no_copies(known: np.ndarray, mnist: Dataset) -> None:
    anew = np.stack([renewed(image) for image in mnist.split("test").images[:1500]])
    assert not leakage.find_copies(known, anew).any()


def test_nothing_is_a_copy_of_nothing() -> None:
    blank = np.zeros((3, 28, 28), np.uint8)
    assert not leakage.find_copies(blank, blank).any()
    assert not leakage.find_copies(blank[:0], blank).any()
    assert leakage.find_copies(blank, blank[:0]).shape == (0,)
