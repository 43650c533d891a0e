"""Kinds of whole pictures that a threshold between ink and paper cannot read: twenty new ones of each kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import inkdigits
from inkdigits.dataset import Dataset

pytestmark = pytest.mark.slow

#: Pictures of each kind.
COUNT = 20


#: Signs that are drawn, and the room that each takes in heights of a digit.
SIGNS = {"/": 0.65, "-": 0.75, "=": 0.8, "+": 0.8, ".": 0.4, ":": 0.45}


@dataclass
class Sheet:
    """A sheet that is written on: paper and ink as a picture in grey, its width and height in pixels."""

    digits: dict[int, np.ndarray]
    rng: np.random.Generator
    width: int = 600
    height: int = 400
    paper: int = 240
    ink: int = 50

    def __post_init__(self) -> None:
        self.picture = Image.new("L", (self.width, self.height), self.paper)

    def write(self, text: str, x: float, y: float, tall: float, pitch: float = 0.8) -> float:
        """Digits of MNIST and signs from ``(x, y)``, their upper left corner; blanks are gaps. Gives back their end."""
        for character in text:
            if character in SIGNS:
                x += self.sign(character, x, y, tall)
                continue
            if character != " ":
                image = Image.fromarray(self.digits[int(character)][int(self.rng.integers(len(self.digits[int(character)])))])
                side = round(tall * 28 / 20)
                mask = image.resize((side, side), Image.Resampling.BICUBIC)
                self.picture.paste(self.ink, (round(x - 4 * tall / 20), round(y - 4 * tall / 20)), mask)
            x += pitch * tall
        return x

    def sign(self, character: str, x: float, y: float, tall: float) -> float:
        """A sign as lines and dots of a pen; gives back how much room it takes."""
        pen, width, room = ImageDraw.Draw(self.picture), max(2, round(tall / 11)), SIGNS[character]
        jitter = self.rng.normal(0, 0.02 * tall, 4)
        x += 0.2 * tall
        if character == "/":
            pen.line((x + jitter[0], y + 1.08 * tall, x + 0.4 * tall + jitter[1], y - 0.08 * tall), self.ink, width)
        elif character in "-=+":
            for level in (0.45, 0.68) if character == "=" else (0.55,):
                pen.line((x, y + level * tall + jitter[0], x + 0.42 * tall, y + level * tall + jitter[1]), self.ink, width)
            if character == "+":
                pen.line((x + 0.2 * tall, y + 0.32 * tall, x + 0.22 * tall, y + 0.8 * tall), self.ink, width)
        else:
            for level in (0.3, 0.75) if character == ":" else (0.95,):
                middle, radius = y + level * tall, 0.07 * tall
                pen.ellipse((x - radius, middle - radius, x + radius, middle + radius), self.ink)
        return room * tall

    def lines(self, texts: list[str], x: float, y: float, tall: float, pitch: float = 1.7) -> str:
        for number, text in enumerate(texts):
            self.write(text, x, y + number * pitch * tall, tall)
        return "\n".join(texts)

    def rule(self, pitch: float, upright: bool, shade: int = 190) -> None:
        pen = ImageDraw.Draw(self.picture)
        for at in np.arange(pitch / 2, self.height, pitch):
            pen.line((0, at, self.width, at), shade, 1)
        for at in np.arange(pitch / 3, self.width, pitch) if upright else ():
            pen.line((at, 0, at, self.height), shade, 1)


def number(rng: np.random.Generator, shortest: int = 3, longest: int = 6) -> str:
    return "".join(map(str, rng.integers(0, 10, int(rng.integers(shortest, longest + 1)))))


@pytest.fixture(scope="module")
def clear(sample: Dataset) -> dict[int, np.ndarray]:
    """Digits of MNIST's test set that are read with confidence when they are alone."""
    images, labels = sample.split("test").labelled()
    read = inkdigits.read_many(list(images), "digit")
    sure = np.array([reading.digits_text == str(label) for reading, label in zip(read, labels, strict=True)])
    return {digit: images[sure & (labels == digit)] for digit in range(10)}


def desk(sheet: Sheet) -> str:
    """A sheet that takes up a fifth to a half of the frame, on a dark, light or wooden desk, a little askew."""
    rng = sheet.rng
    text = sheet.lines([number(rng), number(rng)], 60, 70, 70)
    size = 900, 1200
    y, x = np.mgrid[: size[1], : size[0]]
    level = float(rng.choice([rng.uniform(10, 70), rng.uniform(120, 200)]))
    ground = level + rng.uniform(0, 18) * np.sin(y / rng.uniform(8, 25) + np.sin(x / 90) * 2) + rng.normal(0, 2, y.shape)
    frame = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    share = float(rng.uniform(0.2, 0.5))
    scale = np.sqrt(share * size[0] * size[1] / (sheet.width * sheet.height))
    note = sheet.picture.resize((round(sheet.width * scale), round(sheet.height * scale)), Image.Resampling.LANCZOS)
    angle = float(rng.uniform(-12, 12))
    turned = note.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    mask = Image.new("L", note.size, 255).rotate(angle, expand=True)
    place = [int(rng.uniform(0, max(1, outer - inner))) for outer, inner in zip(size, turned.size, strict=True)]
    frame.paste(turned, (place[0], place[1]), mask)
    sheet.picture = frame
    return text


def light(sheet: Sheet) -> str:
    """Light from one side, a soft shadow, or glare."""
    rng = sheet.rng
    text = sheet.lines([number(rng), number(rng)], 80, 60, 60)
    y, x = np.mgrid[-1 : 1 : sheet.height * 1j, -1 : 1 : sheet.width * 1j]
    levels = np.asarray(sheet.picture, np.float64)
    angle = rng.uniform(0, 2 * np.pi)
    kind = int(rng.integers(3))
    if kind == 0:
        levels *= 0.6 + 0.4 * (x * np.cos(angle) + y * np.sin(angle)) / 1.5
    elif kind == 1:
        levels *= 1 - 0.6 / (1 + np.exp(-(x * np.cos(angle) + y * np.sin(angle)) / rng.uniform(0.03, 0.3)))
    else:
        glare = 0.75 * np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) / 0.3)
        levels = 0.7 * levels + (255 - 0.7 * levels) * glare
    sheet.picture = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    return text


def squared(sheet: Sheet) -> str:
    """Squared or ruled paper."""
    rng = sheet.rng
    sheet.rule(float(rng.uniform(25, 50)), upright=bool(rng.random() < 0.6), shade=int(rng.integers(120, 210)))
    return sheet.lines([number(rng), number(rng), number(rng)], 60, 40, 56)


def two_lines(sheet: Sheet) -> str:
    """Two lines in a wide picture."""
    rng = sheet.rng
    text = sheet.lines([number(rng, 3, 5), number(rng, 3, 5)], 70, 40, 60)
    sheet.picture = sheet.picture.crop((0, 0, 600, 260))
    return text


def boxes(sheet: Sheet) -> str:
    """A row of boxes, or of comb ticks, with a digit each; some may be empty."""
    rng, side = sheet.rng, 62
    pen, written = ImageDraw.Draw(sheet.picture), ""
    comb, width = rng.random() < 0.4, int(rng.integers(1, 5))
    for place in range(8):
        x, y = 40 + place * side, 60
        if comb:
            pen.line((x, y + 45, x, y + side, x + side, y + side, x + side, y + 45), 90, width)
        else:
            pen.rectangle((x, y, x + side, y + side), outline=90, width=width)
        if rng.random() < 0.9:
            digit = number(rng, 1, 1)
            sheet.write(digit, x + 16, y + 10, 40)
            written += digit
    sheet.picture = sheet.picture.crop((0, 0, 600, 180))
    return written


def small_zeros(sheet: Sheet) -> str:
    """An amount whose zeros are half as high as its other digits."""
    rng = sheet.rng
    first, zeros, last = (number(rng, 2, 2), "000", number(rng, 1, 1))
    first, last = first.replace("0", "5"), last.replace("0", "6")
    x = sheet.write(first, 60, 80, 90)
    x = sheet.write(zeros, x + 10, 125, 45, 1.0)
    sheet.write(last, x + 10, 80, 90)
    return first + zeros + last


def table(sheet: Sheet) -> str:
    """Columns of numbers, aligned on the left, with or without rules."""
    rng, rows = sheet.rng, []
    pen = ImageDraw.Draw(sheet.picture)
    ruled = rng.random() < 0.5
    for row in range(5):
        numbers = [number(rng, 1, 3) for _ in range(4)]
        for column, text in enumerate(numbers):
            sheet.write(text, 30 + column * 145, 25 + row * 72, 36)
        if ruled:
            pen.line((10, 84 + row * 72, 590, 84 + row * 72), 120, 2)
        rows.append(" ".join(numbers))
    for column in range(5) if ruled else ():
        pen.line((12 + column * 145, 10, 12 + column * 145, 380), 120, 2)
    return "\n".join(rows)


def words(sheet: Sheet) -> str:
    """Print beside numbers."""
    rng, texts = sheet.rng, []
    pen = ImageDraw.Draw(sheet.picture)
    for row in range(4):
        word = str(rng.choice(["Name", "total", "kg", "Page", "(from)", "fifty", "Date", "amount", "points", "left"]))
        pen.text((40, 40 + row * 90), word, fill=50, font=ImageFont.load_default(44))
        texts.append(number(rng))
        sheet.write(texts[-1], 300, 40 + row * 90, 48)
    return "\n".join(texts)


def dark_and_light(sheet: Sheet) -> str:
    """A window half of which is dark."""
    rng = sheet.rng
    rows = [(number(rng, 3, 4), number(rng, 3, 4)) for _ in range(3)]
    for row, (left, right) in enumerate(rows):
        sheet.write(left, 40, 50 + row * 110, 56)
        sheet.write(right, 350, 50 + row * 110, 56)
    levels = np.asarray(sheet.picture).copy()
    levels[:, 300:] = 255 - levels[:, 300:]
    sheet.picture = Image.fromarray(levels)
    return "\n".join(" ".join(row) for row in rows)


def signs(sheet: Sheet) -> str:
    """An amount, a date or a time, and a small sum."""
    rng = sheet.rng
    day = "/".join(number(rng, 2, 2) for _ in range(3))
    middle = str(rng.choice([day, f"{number(rng, 2, 2)}:{number(rng, 2, 2)}", f"-{number(rng, 2, 3)}"]))
    texts = [f"{number(rng, 2, 3)}.{number(rng, 2, 2)}", middle, f"{number(rng, 1, 2)}+{number(rng, 1, 2)}={number(rng, 2, 2)}"]
    return sheet.lines(texts, 60, 50, 56)


def turned(sheet: Sheet) -> str:
    """A page on its side or on its head, and askew."""
    rng = sheet.rng
    text = sheet.lines([number(rng, 5, 6) for _ in range(3)], 90, 80, 56)
    angle = 90 * int(rng.integers(1, 4)) + float(rng.uniform(-15, 15))
    sheet.picture = sheet.picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=sheet.paper)
    return text


def askew(sheet: Sheet) -> str:
    """A page that lies anyhow."""
    rng = sheet.rng
    text = sheet.lines([number(rng, 4, 6) for _ in range(3)], 90, 80, 56)
    ground = int(rng.integers(60, 240))
    sheet.picture = sheet.picture.rotate(float(rng.uniform(0, 360)), Image.Resampling.BICUBIC, expand=True, fillcolor=ground)
    return text


#: How many of the twenty are read without a fault today, less one, and how many are wrong without a sign of it, and one more.
#: docs/reading.md has the aim: 19 of 20, none silently.
KINDS = {
    desk: (18, 2),
    light: (17, 1),
    squared: (18, 1),
    two_lines: (19, 0),
    boxes: (15, 1),
    small_zeros: (13, 5),
    table: (15, 2),
    words: (14, 2),
    dark_and_light: (17, 1),
    signs: (8, 7),
    turned: (15, 1),
    askew: (15, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_picture(kind: Callable[[Sheet], str], clear: dict[int, np.ndarray]) -> None:
    rng = np.random.default_rng(2026)
    wrong, silent = [], 0
    for _ in range(COUNT):
        sheet = Sheet(clear, rng, paper=int(rng.integers(200, 250)), ink=int(rng.integers(10, 90)))
        true = re.sub(" ", "", kind(sheet))
        reading = inkdigits.read(sheet.picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.2)))))
        if re.sub(" ", "", reading.best_text) != true:
            wrong.append((true, reading.text))
            silent += "?" not in reading.text
    right, most_silent = KINDS[kind]
    print("KIND", kind.__name__, COUNT - len(wrong), silent)
    assert COUNT - len(wrong) >= right, wrong
    assert silent <= most_silent, wrong


def narrow_table(sheet: Sheet) -> str:
    """A ruled table whose numbers nearly fill their cells, so that gaps between numbers are no wider than within them."""
    rng, rows, cell = sheet.rng, [], 108
    pen, shade, width = ImageDraw.Draw(sheet.picture), int(sheet.rng.integers(60, 150)), int(sheet.rng.integers(1, 4))
    for row in range(5):
        numbers = [number(rng, 2, 3) for _ in range(5)]
        for column, text in enumerate(numbers):
            sheet.write(text, 22 + column * cell + (0 if len(text) == 3 else rng.choice([2, 30])), 28 + row * 70, 38)
        rows.append(" ".join(numbers))
    for at in range(6):
        pen.line((16 + at * cell, 10, 16 + at * cell, 370), shade, width)
        pen.line((16, 12 + at * 70, 16 + 5 * cell, 12 + at * 70), shade, width)
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("kind", "apart", "most_wrong"), [(narrow_table, True, 4), (squared, False, 1), (boxes, False, 1), (two_lines, False, 0)]
)
def test_numbers_end_at_the_rulings_of_a_table_alone(
    kind: Callable[[Sheet], str], apart: bool, most_wrong: int, clear: dict[int, np.ndarray]
) -> None:
    """Not at the lines of squared paper, nor at the walls of boxes with a digit each. Lines whose digits are right count."""
    rng = np.random.default_rng(11)
    cases, wrong = 0, []
    for _ in range(COUNT):
        sheet = Sheet(clear, rng)
        true = kind(sheet)
        if kind is boxes and len(true) < 8:  # where a box is empty, a number may end
            continue
        found = inkdigits.read(sheet.picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1)))))
        for line, text in zip(found.best_text.split("\n"), true.split("\n"), strict=False):
            if line.replace(" ", "") == text.replace(" ", ""):
                cases += 1
                wrong += [(text, line)] * (line != text)
    assert cases >= (50 if apart else 5)
    assert len(wrong) <= most_wrong, wrong


def texture(rng: np.random.Generator) -> Image.Image:
    """A cloth, wood, gravel: no page at all."""
    size = 480, 360
    ground = np.full(size[::-1], rng.uniform(40, 220))
    for knots in (4, 16, 60):
        coarse = Image.fromarray(rng.normal(0, rng.uniform(5, 30), (knots, knots)).astype(np.float32))
        ground += np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))


def drawing(rng: np.random.Generator) -> Image.Image:
    """Lines and scrawls."""
    picture = Image.new("L", (480, 360), int(rng.integers(190, 250)))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(3, 9))):
        points = rng.uniform(20, 340, (int(rng.integers(2, 7)), 2))
        pen.line([tuple(point) for point in points.tolist()], int(rng.integers(0, 90)), int(rng.integers(1, 7)))
    return picture


def empty_form(rng: np.random.Generator) -> Image.Image:
    """Boxes and rules that nobody has filled in, with print."""
    picture = Image.new("L", (480, 360), 245)
    pen = ImageDraw.Draw(picture)
    for row in range(6):
        y = 20 + row * 55
        word = str(rng.choice(["Name", "Street", "Total", "Date", "Amount"]))
        pen.text((15, y), word, fill=40, font=ImageFont.load_default(24))
        for column in range(8):
            pen.rectangle((130 + column * 40, y - 5, 170 + column * 40, y + 38), outline=110, width=int(rng.integers(1, 4)))
    return picture


@pytest.mark.parametrize(("kind", "most"), [(texture, 1), (drawing, 3), (empty_form, 9)])
def test_where_there_is_no_digit_few_are_invented(kind: Callable[[np.random.Generator], Image.Image], most: int) -> None:
    rng = np.random.default_rng(7)
    readings = [inkdigits.read(kind(rng)) for _ in range(COUNT)]
    assert sum(digit.label is not None for reading in readings for digit in reading.digits) <= most


def test_one_digit_on_a_page_is_read_as_one_digit(clear: dict[int, np.ndarray]) -> None:
    right, total = 0, 0
    for digit, images in clear.items():
        for image in images[:5]:
            for side in (28, 90, 300):
                picture = 255 - np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
                page, alone = inkdigits.read(picture), inkdigits.read(picture, "digit")
                assert alone.best_text == str(digit)
                right, total = right + (page.digits == alone.digits), total + 1
    assert right >= 0.95 * total
