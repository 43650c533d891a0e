"""Make the pictures in examples/: MNIST test digits as people would have drawn and photographed them.

    python docs/make_examples.py

The digits are from MNIST's test set (Y. LeCun, C. Cortes and C. Burges; CC BY-SA 3.0), which no shipped model has seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkdigits import sources

FOLDER = Path(__file__).parents[1] / "examples"


class Pen:
    """Draws digits from MNIST's test set, a different writer's each time."""

    def __init__(self, seed: int) -> None:
        self.images, self.labels = sources.prepare("mnist").split("test").labelled()
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


#: A sudoku's answers; the photo shows some of them.
SUDOKU = (
    *("53..7....", "6..195...", ".98....6.", "8...6...3", "4..8.3..1"),
    *("7...2...6", ".6....28.", "...419..5", "....8..79"),
)


def sudoku(pen: Pen) -> Image.Image:
    """A photo of a grid filled in by hand, seen from an angle."""
    cell, edge = 64, 12
    side = 9 * cell + 2 * edge
    sheet = Image.new("RGB", (side, side), (246, 244, 236))
    lines = ImageDraw.Draw(sheet)
    for i in range(10):
        at, width = edge + i * cell, 4 if i % 3 == 0 else 1
        lines.line((at, edge, at, side - edge), (40, 40, 44), width)
        lines.line((edge, at, side - edge, at), (40, 40, 44), width)
    for row, text in enumerate(SUDOKU):
        for column, character in enumerate(text):
            if character != ".":
                pen.write(sheet, character, edge + column * cell + 20, edge + row * cell + 14, 36, (30, 40, 120))
    table = Image.new("RGB", (820, 760), (124, 96, 70))
    corners = (-70, -60, -120, 690, 690, 760, 700, -30)
    seen = sheet.transform(table.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    inside = Image.new("L", sheet.size, 255).transform(table.size, Image.Transform.QUAD, corners)
    table.paste(seen, mask=inside)
    return photographed(table, seed=2)


def score_sheet(pen: Pen) -> Image.Image:
    """An exam's score sheet: boxes for the candidate's number, whose last digit is Luhn's, and the points."""
    sheet = Image.new("RGB", (900, 420), (252, 252, 250))
    pencil, font = ImageDraw.Draw(sheet), ImageFont.load_default(28)
    for label, y, text in (("Candidate", 60, "79927398713"), ("Points", 240, " 47")):
        pencil.text((40, y + 12), label, fill=(60, 60, 60), font=font)
        for i, character in enumerate(text):
            if character == " ":
                continue
            x = 220 + 58 * i
            pencil.rectangle((x, y, x + 58, y + 72), outline=(120, 120, 120), width=2)
            pen.write(sheet, character, x + 16, y + 16, 40, (20, 20, 30))
    return sheet


def meter(pen: Pen) -> Image.Image:
    """A meter's reading that somebody wrote into the five boxes of a card, in pencil."""
    card = Image.new("RGB", (640, 220), (226, 232, 224))
    pencil = ImageDraw.Draw(card)
    pencil.text((30, 16), "meter reading", fill=(50, 80, 60), font=ImageFont.load_default(24))
    for i, character in enumerate("04732"):
        x = 30 + 116 * i
        pencil.rectangle((x, 70, x + 116, 190), outline=(90, 130, 100), width=3)
        pen.write(card, character, x + 36, 94, 70, (118, 118, 120))
    return photographed(card, seed=3)


def main() -> None:
    """Write every picture."""
    pen = Pen(seed=7)
    drawing = Image.new("RGB", (260, 320), (255, 243, 176))
    pen.write(drawing, "5", 90, 190, 80, (24, 54, 160))
    drawing.save(FOLDER / "drawing.png", optimize=True)

    board = Image.new("RGB", (600, 130), (32, 44, 40))
    pen.write(board, "27182818", 24, 34, 56, (236, 238, 232))
    board.save(FOLDER / "blackboard.png", optimize=True)

    page = Image.new("RGB", (900, 640), (247, 245, 238))
    for line, text in enumerate(["2048 771", "60025", "1984 39", "88 4071 6"]):
        pen.write(page, text, 70, 60 + 140 * line, 68, (30, 30, 44))
    photographed(page, seed=1).save(FOLDER / "page.jpg", quality=85)

    sudoku(pen).save(FOLDER / "sudoku.jpg", quality=85)
    score_sheet(pen).save(FOLDER / "score_sheet.png", optimize=True)
    meter(pen).save(FOLDER / "meter.jpg", quality=85)


if __name__ == "__main__":
    main()
