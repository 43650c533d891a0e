"""What a digit may go through and stay the same digit, at random for whole batches: deformations, and corruptions.

One sampling grid per image combines all deformations, so that a picture is interpolated only once.
Source of the elastic part: Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks
Applied to Visual Document Analysis", ICDAR 2003 (here with a coarse random grid in place of a Gaussian filter).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

#: Knots along each side of the coarse grid of random displacements.
ELASTIC_KNOTS = 5


@dataclass(frozen=True)
class Augmentation:
    """How far images may be deformed; every amount is drawn uniformly from [-limit, limit] (``elastic_px``: normal).

    Attributes:
        shift_px: Shift along each axis, in pixels.
        rotate_deg: Rotation, in degrees.
        zoom: Change of size along each axis: 0.1 means 0.9 to 1.1 times.
        shear: Horizontal shift per unit of height.
        elastic_px: Standard deviation of the smooth local displacement, in pixels.
    """

    shift_px: float = 0.0
    rotate_deg: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    elastic_px: float = 0.0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Deform raw images float32 [N, 1, H, W] with torch's global random numbers; same shape, range and device."""
        if self == Augmentation():
            return images
        n, _, height, width = images.shape
        # Drawn on the CPU whatever the device, so that a seed gives the same deformations everywhere.
        grid = F.affine_grid(self._matrices(n, width), [n, 1, height, width], align_corners=False)
        if self.elastic_px:
            knots = torch.randn(n, 2, ELASTIC_KNOTS, ELASTIC_KNOTS) * (2 * self.elastic_px / width)
            field = F.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
            grid = grid + field.permute(0, 2, 3, 1)
        return F.grid_sample(images, grid.to(images.device), align_corners=False)

    def _matrices(self, n: int, width: int) -> torch.Tensor:
        """Random affine maps [N, 2, 3] from output to input, in grid_sample's units of half a picture."""
        angle, log_x, log_y, shear, shift_x, shift_y = (2 * torch.rand(6, n) - 1).unbind()
        angle = angle * math.radians(self.rotate_deg)
        scale_x, scale_y = 1 + self.zoom * log_x, 1 + self.zoom * log_y
        cos, sin, shear = torch.cos(angle), torch.sin(angle), shear * self.shear
        step = 2 * self.shift_px / width
        rows = [cos / scale_x, (shear * cos - sin) / scale_y, shift_x * step]
        rows += [sin / scale_x, (shear * sin + cos) / scale_y, shift_y * step]
        return torch.stack(rows, 1).view(n, 2, 3)


# --- Corruptions. Each function does one thing to every image, at strengths drawn for each. --------------------------


#: How likely each of them befalls a corrupted image.
_CHANCE = 0.25


def corrupt(images: torch.Tensor, share: float) -> torch.Tensor:
    """Corrupt the first images of a batch, with torch's global random numbers.

    Args:
        images: Raw images float32 [N, 1, H, W] in 0 to 255.
        share: Of the images, in [0, 1].

    Returns:
        The same shape, range and device.
    """
    count = round(share * len(images))
    if not count:
        return images
    part = images[:count]
    for effect in (_covered, _crossed_out, _striped, _pale, _clouded, _blurred, _noisy):
        part = torch.where(_uniform(part) < _CHANCE, effect(part), part)
    return torch.cat([part, images[count:]])


def _covered(images: torch.Tensor) -> torch.Tensor:
    """A square of paper on it, up to two fifths of the picture wide."""
    x, y = pixel_positions(images)
    reach, width = _uniform(images, 0, 0.2), images.shape[-1]
    off = torch.maximum((x / width - _uniform(images, -0.35, 0.35)).abs(), (y / width - _uniform(images, -0.35, 0.35)).abs())
    return images * (off > reach)


def _crossed_out(images: torch.Tensor) -> torch.Tensor:
    """Up to three pen lines from side to side, of any grey and 1 to 2 pixels wide."""
    half = images.shape[-1] / 2
    for _ in range(3):
        ink = _uniform(images, -255, 255)  # below 0: no line
        line = (_across(images) - _uniform(images, -half, half)).abs() < _uniform(images, 0.5, 1)
        images = torch.maximum(images, line * ink)
    return images


def _striped(images: torch.Tensor) -> torch.Tensor:
    """Soft stripes in any direction, 3 to 8 pixels from one to the next."""
    phase = 2 * math.pi * (_across(images) / _uniform(images, 3, 8) + _uniform(images))
    return torch.maximum(images, torch.sin(phase) * _uniform(images, 0, 160))


def _pale(images: torch.Tensor) -> torch.Tensor:
    """Ink that is down to a seventh of what it was."""
    return images * _uniform(images, 0.15, 1)


def _clouded(images: torch.Tensor) -> torch.Tensor:
    """Smooth grey patches on paper and ink."""
    knots = torch.rand(len(images), 1, 4, 4).to(images.device)
    clouds = F.interpolate(knots, images.shape[2:], mode="bicubic", align_corners=True).clamp(0, 1)
    return images + (255 - images) * clouds * _uniform(images, 0, 0.9)


def _blurred(images: torch.Tensor) -> torch.Tensor:
    """A Gaussian blur of 0.3 to 2.5 pixels, the same for all: one product then does for the batch."""
    return blur(images, 0.3 + 2.2 * float(torch.rand(())))


def _noisy(images: torch.Tensor) -> torch.Tensor:
    """Gaussian noise of up to half the range."""
    noise = torch.randn(images.shape).to(images.device)
    return (images + noise * _uniform(images, 0, 130)).clamp(0, 255)


def blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur images float32 [N, 1, H, W] by a Gaussian of ``sigma`` pixels; beyond the border is paper."""
    reach = math.ceil(2.5 * sigma)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1.0, device=images.device) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    rows = F.conv2d(images, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, reach))


def _uniform(images: torch.Tensor, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """A random number for each image, [N, 1, 1, 1]; drawn on the CPU whatever the device, as the deformations are."""
    return (low + (high - low) * torch.rand(len(images), 1, 1, 1)).to(images.device)


def pixel_positions(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pixel's x and y from the middle, in pixels: [W] and [H, 1]."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    return x, (torch.arange(height, device=images.device) - (height - 1) / 2)[:, None]


def _across(images: torch.Tensor) -> torch.Tensor:
    """How far every pixel lies along a direction that is drawn for each image, in pixels from the middle: [N, 1, H, W]."""
    x, y = pixel_positions(images)
    angle = _uniform(images, 0, math.pi)
    return x * torch.cos(angle) + y * torch.sin(angle)
