"""Make the pictures in examples/: MNIST test digits as people would have drawn and photographed them.

    python docs/make_examples.py

The digits are from MNIST's test set (Y. LeCun, C. Cortes and C. Burges; CC BY-SA 3.0), which no shipped model has seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from read_examples import TEXTS

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
        # With a margin, or the palest ink at its ends would be cut off.
        tight = Image.fromarray(np.pad(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1))
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


def page(pen: Pen) -> Image.Image:
    """A photo of a note on a wooden desk, from an angle, with the shadow of who takes it."""
    random = np.random.default_rng(5)
    note = Image.new("RGB", (760, 620), (250, 246, 232))
    rules = ImageDraw.Draw(note)
    for y in range(52, note.height, 70):
        rules.line((0, y, note.width, y), (206, 216, 230), 2)
    for line, text in enumerate(TEXTS["page.jpg"].splitlines()):
        pen.write(note, text, 70, 58 + 140 * line, 62, (28, 52, 140))
    size = (1200, 900)
    grain = np.cumsum(random.normal(0, 1, (size[1], 1)), axis=0) + random.normal(0, 1.2, (size[1], size[0]))
    planks = 12 * (np.arange(size[1])[:, None] // 225 % 2)
    wood = np.array([150, 106, 66]) + (grain / 1.6 + planks)[:, :, None] * [1.0, 0.8, 0.6]
    desk = Image.fromarray(wood.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur((3, 0.8)))
    corners = (-230, -130, -190, 780, 930, 740, 880, -200)
    seen = note.transform(size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    inside = Image.new("L", note.size, 255).transform(size, Image.Transform.QUAD, corners)
    under = Image.new("L", size, 0)
    under.paste(110, (10, 14), inside)
    desk.paste((40, 26, 16), mask=under.filter(ImageFilter.GaussianBlur(12)))
    desk.paste(seen, mask=inside)
    head = Image.new("L", size, 0)
    ImageDraw.Draw(head).ellipse((760, 430, 1500, 1300), fill=90)
    desk.paste((20, 16, 14), mask=head.filter(ImageFilter.GaussianBlur(40)))
    return photographed(desk, seed=1)


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
    for row, text in enumerate(TEXTS["sudoku.jpg"].splitlines()):
        for column, character in enumerate(text):
            if character != " ":
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
    candidate, points = TEXTS["score_sheet.png"].splitlines()
    for label, y, text in (("Candidate", 60, candidate), ("Points", 240, f" {points}")):
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
    for i, character in enumerate(TEXTS["meter.jpg"]):
        x = 30 + 116 * i
        pencil.rectangle((x, 70, x + 116, 190), outline=(90, 130, 100), width=3)
        pen.write(card, character, x + 36, 94, 70, (118, 118, 120))
    return photographed(card, seed=3)


def drawing(pen: Pen) -> Image.Image:
    """A digit off the centre, blue on yellow."""
    sheet = Image.new("RGB", (260, 320), (255, 243, 176))
    pen.write(sheet, TEXTS["drawing.png"], 120, 150, 120, (24, 54, 160))
    return sheet


def blackboard(pen: Pen) -> Image.Image:
    """A line, light on dark."""
    board = Image.new("RGB", (600, 130), (32, 44, 40))
    pen.write(board, TEXTS["blackboard.png"], 24, 34, 56, (236, 238, 232))
    return board


def main() -> None:
    """Write every picture."""
    for draw, seed in ((drawing, 0), (blackboard, 1), (page, 2), (sudoku, 3), (score_sheet, 4), (meter, 5)):
        name = next(name for name in TEXTS if Path(name).stem == draw.__name__)
        draw(Pen(seed)).save(FOLDER / name, **({"quality": 85} if name.endswith(".jpg") else {"optimize": True}))


if __name__ == "__main__":
    main()
