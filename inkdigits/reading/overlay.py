"""Pictures of a reading: the overlay of boxes and labels, and the steps from the paper to the answer."""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkdigits import features
from inkdigits.errors import ImageError
from inkdigits.reading import images
from inkdigits.reading.results import Digit, Reading

SURE, UNSURE, IGNORED = (0, 140, 60), (225, 110, 0), (150, 150, 150)
#: Longest side of the overlay in pixels; smaller pictures are enlarged up to four times, so that labels are legible.
_LONGEST, _ENLARGED = 2400, 900


def draw(reading: Reading, page: int = 0) -> Image.Image:
    """A page of the picture with a box and a label for each digit."""
    if not 0 <= page < len(reading.sizes):
        raise ImageError(f"there is no page {page}: {len(reading.sizes)} were read, which count from 0")
    return _overlay(Image.fromarray(_page(reading, page)), reading, page)


def _page(reading: Reading, page: int) -> np.ndarray:
    if reading.source is None:
        raise ImageError("a stream was read, which is at its end: read its bytes or its path, to draw it as well")
    return next(itertools.islice(images.pages(reading.source), page, None))


def _overlay(picture: Image.Image, reading: Reading, page: int = 0) -> Image.Image:
    longest = max(picture.size)
    scale = min(4.0, max(1.0, _ENLARGED / longest)) if longest <= _LONGEST else _LONGEST / longest
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    canvas = picture.resize(size, Image.Resampling.BICUBIC).convert("RGB")
    canvas = Image.blend(canvas, Image.new("RGB", size, "white"), 0.25)
    pen = ImageDraw.Draw(canvas)
    width = max(1, round(max(size) / 600))
    for box in reading.ignored if page == 0 else ():
        pen.rectangle([v * scale for v in box], outline=IGNORED, width=1)
    for line in reading.lines:
        if line.page != reading.first_page + page:
            continue
        for digit in line.digits:
            colour = UNSURE if digit.label is None else SURE
            left, top, right, bottom = (v * scale for v in digit.box)
            pen.rectangle((left, top, right, bottom), outline=colour, width=width)
            label = str(digit.best) + ("?" if digit.label is None else "")
            font = ImageFont.load_default(max(10, min(36, (bottom - top) / 3)))
            tag = pen.textbbox((left, top), label, font=font, anchor="lb" if top > 24 else "lt")
            pen.rectangle((tag[0] - 2, tag[1] - 2, tag[2] + 2, tag[3] + 2), fill=colour)
            pen.text((left, top), label, fill="white", font=font, anchor="lb" if top > 24 else "lt")
    return canvas


# --- The steps ------------------------------------------------------------------------------------------------------

#: Sizes in pixels: a panel, the room for a title, a digit's picture, and the room for a digit.
_PANEL, _HEAD, _TILE, _CELL, _PAD = (600, 480), 34, 112, 150, 14
_TILES_A_ROW, _MOST_TILES = 6, 48


def explain(reading: Reading) -> Image.Image:
    """How the answer came about, as one picture.

    Above: the picture with its boxes, and the ink that was found. Below, for each digit: what the network saw of it, 28×28
    pixels of ink or a piece of the line, and the ten probabilities as bars.
    """
    source = _page(reading, 0)
    inked = Image.fromarray(255 - features.ink(features.reduced(source, _LONGEST)))
    panels = [
        ("1  the picture, and what was read", _fit(_overlay(Image.fromarray(source), reading), _PANEL)),
        ("2  the ink that was found", _fit(inked, _PANEL)),
    ]
    digits = [digit for line in reading.lines if line.page == reading.first_page for digit in line.digits]
    found, digits = len(digits), digits[:_MOST_TILES]
    top = _HEAD + max(panel.height for _, panel in panels) + 2 * _PAD + _HEAD
    width = _PAD + 2 * (_PANEL[0] + _PAD)
    canvas = Image.new("RGB", (width, top + -(-len(digits) // _TILES_A_ROW) * _CELL + _PAD), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for i, (title, panel) in enumerate(panels):
        x = _PAD + i * (_PANEL[0] + _PAD)
        pen.text((x, 8), title, fill="black", font=font)
        canvas.paste(panel, (x, _HEAD))
        pen.rectangle((x, _HEAD, x + panel.width, _HEAD + panel.height), outline=IGNORED)
    shown = f" (the first {len(digits)} of {found})" if len(digits) < found else ""
    title = (
        f"3  what the network saw of each digit, and how probable each label is{shown}" if digits else "3  no digit was found"
    )
    pen.text((_PAD, top - _HEAD), title, fill="black", font=font)
    for i, digit in enumerate(digits):
        corner = _PAD + (i % _TILES_A_ROW) * (width // _TILES_A_ROW), top + (i // _TILES_A_ROW) * _CELL
        _explain_digit(canvas, digit, source, corner)
    return canvas


def _fit(panel: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A panel as large as it can be within a width and height, enlarged eight times at most."""
    scale = min(size[0] / panel.width, size[1] / panel.height, 8)
    fitted = max(1, round(panel.width * scale)), max(1, round(panel.height * scale))
    return panel.resize(fitted, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST).convert("RGB")


def _explain_digit(canvas: Image.Image, digit: Digit, source: np.ndarray, corner: tuple[int, int]) -> None:
    x, y = corner
    pen = ImageDraw.Draw(canvas)
    left, top, right, bottom = digit.box
    seen = source[top:bottom, left:right] if digit.image is None else digit.image
    canvas.paste(_fit(Image.fromarray(seen), (_TILE, _TILE)), corner)
    colour = UNSURE if digit.label is None else SURE
    for label, probability in enumerate(digit.probabilities.tolist()):
        bar = y + label * 11
        pen.text((x + _TILE + 6, bar - 1), str(label), fill="black", font=ImageFont.load_default(10))
        pen.rectangle((x + _TILE + 16, bar + 1, x + _TILE + 17 + round(probability * 60), bar + 9), fill=colour)
    verdict = f"{digit.best}" if digit.label is not None else f"unsure, perhaps {digit.best}"
    pen.text((x, y + _TILE + 4), f"{verdict}  ({100 * digit.confidence:.1f} %)", fill=colour, font=ImageFont.load_default(14))
