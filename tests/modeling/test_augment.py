from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from inkdigits.dataset import Dataset
from inkdigits.modeling.augment import Augmentation, _blur, disturb
from inkdigits.modeling.predict import load_model


@pytest.fixture
def images(mnist: Dataset) -> torch.Tensor:
    return torch.from_numpy(mnist.part("train").images[:400, None].copy()).float()


def centres(images: torch.Tensor) -> np.ndarray:
    """Centre of mass of each image, (N, 2) as x, y."""
    mass = images.sum((1, 2, 3))
    place = torch.arange(28.0)
    return torch.stack([(images.sum((1, 2)) * place).sum(1) / mass, (images.sum((1, 3)) * place).sum(1) / mass], 1).numpy()


def test_nothing_asked_for_nothing_changed(images: torch.Tensor) -> None:
    assert torch.equal(Augmentation()(images), images)
    tiny = Augmentation(shift_px=1e-6, rotate_deg=1e-6, zoom=1e-9, shear=1e-9, elastic_px=1e-6)
    torch.testing.assert_close(tiny(images), images, atol=0.01, rtol=0)


def test_shifts_reach_their_limit_and_no_further(images: torch.Tensor) -> None:
    moved = centres(Augmentation(shift_px=2)(images)) - centres(images)
    assert 1.8 < np.abs(moved).max() < 2.1
    assert np.abs(moved.mean(0)).max() < 0.2


@pytest.mark.parametrize(("kind", "limit"), [("rotate_deg", 15.0), ("zoom", 0.15), ("shear", 0.2), ("elastic_px", 0.8)])
def test_deformations_keep_the_digit_in_its_place(images: torch.Tensor, kind: str, limit: float) -> None:
    deformed = Augmentation(**{kind: limit})(images)
    assert deformed.shape == images.shape
    assert float(deformed.min()) >= 0
    assert float(deformed.max()) <= 255.01
    assert not torch.allclose(deformed, images, atol=20)
    assert np.abs(centres(deformed) - centres(images)).mean() < 0.6
    assert float(deformed.sum() / images.sum()) == pytest.approx(1, abs=0.05)


def test_rotation_turns_by_the_angle() -> None:
    bar = torch.zeros(500, 1, 28, 28)
    bar[:, :, 13:15, 4:24] = 255
    turned = Augmentation(rotate_deg=20)(bar)[:, 0]
    y, x = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")
    mass = turned.sum((1, 2))
    angle = 0.5 * torch.atan2(2 * (turned * x * y).sum((1, 2)) / mass, (turned * (x * x - y * y)).sum((1, 2)) / mass)
    degrees = torch.rad2deg(angle).abs()
    assert 18.5 < float(degrees.max()) < 21


def test_a_seed_repeats_it(images: torch.Tensor) -> None:
    augment = Augmentation(shift_px=2, rotate_deg=10, zoom=0.1, shear=0.1, elastic_px=0.5)
    torch.manual_seed(3)
    first = augment(images)
    torch.manual_seed(3)
    assert torch.equal(augment(images), first)


def test_a_share_of_the_images_is_disturbed_and_the_others_are_not(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    disturbed = disturb(images, 0.25)
    assert torch.equal(disturbed[100:], images[100:])
    changed = (disturbed[:100] - images[:100]).abs().amax((1, 2, 3)) > 1
    assert 0.6 < changed.float().mean() < 1  # some are spared by chance
    assert float(disturbed.min()) >= 0
    assert float(disturbed.max()) <= 255
    torch.manual_seed(0)
    assert torch.equal(disturb(images, 0.25), disturbed)
    assert torch.equal(disturb(images, 0.0), images)


def test_most_digits_can_still_be_read_in_bad_pictures(mnist: Dataset) -> None:
    part = mnist.part("train")
    torch.manual_seed(0)
    bad = disturb(torch.from_numpy(part.images[:2_000, None].copy()).float(), 1.0)[:, 0].byte().numpy()
    right = load_model().predict(bad) == part.labelled()[1][:2_000]
    assert 0.7 < right.mean() < 0.99


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_blur_is_that_of_opencv(images: torch.Tensor, sigma: float) -> None:
    image = images[0, 0].numpy()
    size = 2 * int(np.ceil(2.5 * sigma)) + 1
    wanted = cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_CONSTANT)
    torch.testing.assert_close(_blur(images[:1], sigma)[0, 0].numpy(), wanted, atol=0.01, rtol=1e-4)
