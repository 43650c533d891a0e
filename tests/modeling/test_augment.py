from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from inkdigits.dataset import Dataset
from inkdigits.modeling import augment
from inkdigits.modeling.augment import Augmentation


@pytest.fixture
def images(sample: Dataset) -> torch.Tensor:
    return torch.from_numpy(sample.split("train").images[:400, None].copy()).float()


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
    deform = Augmentation(shift_px=2, rotate_deg=10, zoom=0.1, shear=0.1, elastic_px=0.5)
    torch.manual_seed(3)
    first = deform(images)
    torch.manual_seed(3)
    assert torch.equal(deform(images), first)


# --- Corruptions ---


@pytest.fixture
def paper() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.zeros(300, 1, 28, 28)


def test_a_share_of_the_images_is_corrupted_and_the_others_are_not(images: torch.Tensor) -> None:
    torch.manual_seed(0)
    corrupted = augment.corrupt(images, 0.25)
    assert torch.equal(corrupted[100:], images[100:])
    spared = (corrupted[:100] == images[:100]).all(3).all(2).float().mean()
    assert float(spared) == pytest.approx(0.75**7, abs=0.1)  # by all seven effects
    assert float(corrupted.min()) >= 0
    assert float(corrupted.max()) <= 255
    torch.manual_seed(0)
    assert torch.equal(augment.corrupt(images, 0.25), corrupted)
    assert torch.equal(augment.corrupt(images, 0.0), images)


def test_each_corruption_befalls_a_quarter_of_the_images_whatever_else_does(
    images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = ("_covered", "_crossed_out", "_striped", "_pale", "_clouded", "_blurred", "_noisy")
    for power, name in enumerate(effects):
        monkeypatch.setattr(augment, name, lambda images, power=power: images + 2.0**power)
    torch.manual_seed(0)
    marks = augment.corrupt(torch.zeros(4000, 1, 28, 28), 1.0).long()
    assert torch.equal(marks, marks[:, :, :1, :1].expand_as(marks))  # the whole image, or nothing of it
    befallen = torch.stack([(marks[:, 0, 0, 0] >> power) & 1 for power in range(len(effects))]).double()
    torch.testing.assert_close(befallen.mean(1), torch.full((7,), 0.25, dtype=torch.float64), atol=0.03, rtol=0)
    together = torch.corrcoef(befallen) - torch.eye(7)
    assert float(together.abs().max()) < 0.08


def test_a_covered_spot_is_a_square_of_paper(paper: torch.Tensor) -> None:
    covered = augment._covered(paper + 255)[:, 0] == 0
    height, width = covered.any(2).sum(1), covered.any(1).sum(1)
    assert torch.equal(covered.sum((1, 2)), height * width)  # a rectangle of nothing but paper
    assert 9 <= int(width.max()) <= 12
    inside = (height < 12) & (width < 12) & (height > 0)
    assert int((height - width)[inside].abs().max()) <= 1


def test_pen_lines_are_straight_and_thin(paper: torch.Tensor) -> None:
    inked = augment._crossed_out(paper)[:, 0]
    counts = torch.tensor([len(image[image > 0].unique()) for image in inked])  # each line has a grey of its own
    assert set(counts.tolist()) == {0, 1, 2, 3}
    for image in inked[counts == 1][:20]:
        y, x = image.nonzero().T.float()
        off = torch.linalg.svdvals(torch.stack([x - x.mean(), y - y.mean()]))[1] / len(x) ** 0.5
        assert float(off) < 0.65  # pixels, from the straight line that fits best


def test_stripes_are_as_far_apart_as_they_say(paper: torch.Tensor) -> None:
    striped = augment._striped(paper)[:, 0]
    assert 100 < float(striped.max()) <= 160
    spectrum = torch.fft.fft2(striped).abs()
    spectrum[:, 0, 0] = 0
    frequency = torch.fft.fftfreq(28)
    row, column = spectrum.flatten(1).argmax(1) // 28, spectrum.flatten(1).argmax(1) % 28
    distance = 1 / torch.hypot(frequency[row], frequency[column])
    assert float(distance.min()) > 2.7
    assert float(distance.max()) < 10


def test_pale_ink_keeps_its_shape(images: torch.Tensor) -> None:
    share = augment._pale(images) / images.clamp(min=1e-6)
    share = torch.where(images > 0, share, torch.nan).flatten(1)
    lowest, highest = share.nan_to_num(2).amin(1), share.nan_to_num(-1).amax(1)
    torch.testing.assert_close(lowest, highest)
    assert 0.15 <= float(lowest.min()) < 0.2
    assert 0.95 < float(highest.max()) <= 1


def test_clouds_are_smooth_and_leave_full_ink(paper: torch.Tensor) -> None:
    clouded = augment._clouded(paper)
    assert 150 < float(clouded.max()) <= 0.9 * 255
    assert float(clouded.diff(dim=3).abs().max()) < 60
    assert torch.equal(augment._clouded(paper + 255), paper + 255)


def test_noise_has_no_bias_and_a_strength_of_each_image(paper: torch.Tensor) -> None:
    noisy = augment._noisy(paper + 127.5)
    assert float(noisy.mean()) == pytest.approx(127.5, abs=1)
    spread = noisy.std((1, 2, 3))
    assert float(spread.min()) < 5
    assert 80 < float(spread.max()) < 110  # of 130, cut at 0 and 255


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_blur_is_that_of_opencv(images: torch.Tensor, sigma: float) -> None:
    image = images[0, 0].numpy()
    size = 2 * int(np.ceil(2.5 * sigma)) + 1
    wanted = cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_CONSTANT)
    np.testing.assert_allclose(augment.blur(images[:1], sigma)[0, 0].numpy(), wanted, atol=0.01, rtol=1e-4)
