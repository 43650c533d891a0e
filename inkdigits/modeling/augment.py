"""What a digit may go through and stay the same digit, at random for whole batches: deformations, and bad pictures of it.

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


def disturb(images: torch.Tensor, share: float) -> torch.Tensor:
    """Make bad pictures of a share of the images, in [0, 1], with torch's global random numbers.

    Each of these befalls an image or not, at a random strength: a covered spot, pen lines across, stripes, pale ink,
    clouds on the paper, blur, noise. Raw images float32 [N, 1, H, W]; the same shape, range and device.
    """
    count = round(share * len(images))
    if not count:
        return images
    part, device = images[:count].cpu(), images.device  # drawn on the CPU whatever the device, as the deformations are
    *_, height, width = part.shape
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")

    def amount(limit: float, chance: float = 0.25) -> torch.Tensor:
        return limit * torch.rand(count, 1, 1, 1) * (torch.rand(count, 1, 1, 1) < chance)

    def across() -> torch.Tensor:
        """How far each pixel lies along a random direction, in pixels from the middle: [count, 1, H, W]."""
        angle = math.pi * torch.rand(count, 1, 1, 1)
        return x * torch.cos(angle) + y * torch.sin(angle)

    spot = width / 3 * (2 * torch.rand(2, count, 1, 1, 1) - 1)
    part = part * (torch.maximum((x - spot[0]).abs(), (y - spot[1]).abs()) > amount(width / 5))
    for _ in range(3):
        line = (across() - width / 2 * (2 * torch.rand(count, 1, 1, 1) - 1)).abs() < 0.4 + 0.6 * torch.rand(count, 1, 1, 1)
        part = torch.maximum(part, line * amount(255.0))
    wave = torch.sin(across() * 2 * math.pi / (3 + 5 * torch.rand(count, 1, 1, 1)) + 2 * math.pi * torch.rand(count, 1, 1, 1))
    part = torch.maximum(part, wave * amount(160.0))
    part = part * (1 - amount(0.85))
    clouds = F.interpolate(torch.rand(count, 1, 4, 4), (height, width), mode="bicubic", align_corners=True).clamp(0, 1)
    part = part + (255 - part) * clouds * amount(0.9)
    blurred = _blur(part, 0.3 + 2.2 * float(torch.rand(())))  # one strength a batch: a single product for all
    part = torch.where(torch.rand(count, 1, 1, 1) < 0.25, blurred, part)
    part = part + torch.randn(part.shape) * amount(130.0)
    return torch.cat([part.clamp(0, 255).to(device), images[count:]])


def _blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """By a Gaussian of ``sigma`` pixels; the border is paper."""
    reach = math.ceil(2.5 * sigma)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    rows = F.conv2d(images, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, reach))
