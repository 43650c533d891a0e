"""Make the pictures in this folder: MNIST test digits as people would have drawn and photographed them.

    python examples/make_examples.py

The digits are from MNIST's test set (Y. LeCun, C. Cortes and C. Burges; CC BY-SA 3.0), which no shipped model has seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from inkdigits import dataset

FOLDER = Path(__file__).parent


class Pen:
    """Draws digits from MNIST's test set, a different writer's each time."""

    def __init__(self, seed: int) -> None:
        self.images, self.labels = dataset.prepare("mnist").part("test").labelled()
        self.random = np.random.default_rng(seed)

    def digit(self, label: int, height: int) -> Image.Image:
        """The ink of one digit, mode L, ``height`` pixels high."""
        image = self.images[self.random.choice(np.flatnonzero(self.labels == label))]
        inked = image > 80
        rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        tight = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        size = max(1, round(tight.width * height / tight.height)), height
        smooth = tight.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(height / 60))
        return smooth.point([round(255 / (1 + np.exp(-(v - 110) / 14))) for v in range(256)])

    def write(self, sheet: Image.Image, text: str, left: int, top: int, height: int, ink: tuple[int, ...]) -> None:
        """Write digits onto a sheet, from ``left`` on, a little uneven as hands are."""
        for character in text:
            if character == " ":
                left += height // 2
                continue
            mask = self.digit(int(character), round(height * self.random.uniform(0.92, 1.08)))
            place = left, top + round(height * self.random.uniform(-0.06, 0.06))
            sheet.paste(Image.new(sheet.mode, mask.size, ink), place, mask)
            left += mask.width + round(height * self.random.uniform(0.18, 0.3))


def photographed(sheet: Image.Image, seed: int) -> Image.Image:
    """A sheet under uneven light, slightly blurred, with a sensor's noise."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.8)), np.float64)
    y, x = np.mgrid[0 : sheet.height, 0 : sheet.width]
    light = 1 - 0.4 * (0.7 * x / sheet.width + 0.3 * y / sheet.height)
    return Image.fromarray((pixels * light[:, :, None] + random.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8))


def main() -> None:
    """Write every picture."""
    pen = Pen(seed=7)
    drawing = Image.new("RGB", (260, 320), (255, 243, 176))
    pen.write(drawing, "5", 90, 190, 80, (24, 54, 160))
    drawing.save(FOLDER / "drawing.png", optimize=True)

    board = Image.new("RGB", (600, 130), (32, 44, 40))
    pen.write(board, "31415926", 24, 34, 56, (236, 238, 232))
    board.save(FOLDER / "blackboard.png", optimize=True)

    page = Image.new("RGB", (900, 640), (247, 245, 238))
    for line, text in enumerate(["2048 771", "60025", "1984 39", "88 4071 6"]):
        pen.write(page, text, 70, 60 + 140 * line, 68, (30, 30, 44))
    photographed(page, seed=1).save(FOLDER / "page.jpg", quality=85)


if __name__ == "__main__":
    main()
