"""Pictures of a document: the overlay of boxes and labels, and the steps from the paper to the result."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits import images
from inkdigits.errors import ImageError
from inkdigits.images import Picture
from inkdigits.inference.detector import Detector
from inkdigits.limits import Limits
from inkdigits.reading.results import Digit, Document, Page

SURE, UNSURE, IGNORED, OTHER = (0, 140, 60), (225, 110, 0), (150, 150, 150), (30, 90, 220)
#: Longest side of the overlay in pixels; smaller pictures are enlarged up to four times, so that labels are legible.
_LONGEST, _ENLARGED = 2400, 900
#: A page as an array, or as an image.
_Form = TypeVar("_Form")


def draw(document: Document, number: int | None = None) -> Image.Image:
    """A page of the picture with a box and a label for each digit.

    Args:
        document: What was found.
        number: Of one of its pages, from 1; None: the first of them.

    Raises:
        ImageError: The picture is no longer to be had, or no such page was read.
    """
    page = _page(document, number)
    return _overlay(_shown(document, page), page)


def _page(document: Document, number: int | None) -> Page:
    for page in document.pages:
        if number in (None, page.number):
            return page
    read = ", ".join(str(page.number) for page in document.pages)
    raise ImageError(f"there is no page {number!r}: the pages that were read are {read or 'none'}")


def _picture(document: Document, page: Page) -> NDArray[np.uint8]:
    return _page_of(document, page, images.pages)


def _shown(document: Document, page: Page) -> Image.Image:
    return _page_of(document, page, lambda source, limits: images.shown(source, _LONGEST, limits))


def _page_of(document: Document, page: Page, pages: Callable[[Picture, Limits], Iterator[_Form]]) -> _Form:
    if document.source is None:
        raise ImageError("the picture is not at hand, since a stream was read or the reading loaded: read its path or bytes")
    # The reading of a single page keeps just that page.
    place = document.pages.index(page) if isinstance(document.source, np.ndarray) else page.number - 1
    picture = next(itertools.islice(pages(document.source, document.limits), place, None), None)
    if picture is None:
        raise ImageError(f"the picture has no page {page.number} any more: read it again")
    return picture


def _overlay(picture: Image.Image, page: Page) -> Image.Image:
    canvas, scale = canvas_of(picture, page.size)
    pen = ImageDraw.Draw(canvas)
    width = max(1, round(max(canvas.size) / 600))
    for box in page.ignored:
        pen.rectangle([v * scale for v in box], outline=IGNORED, width=1)
    for character in (character for line in page.lines for word in line.words for character in word.characters):
        colour = UNSURE if character.label is None else SURE if isinstance(character, Digit) else OTHER
        left, top, right, bottom = (v * scale for v in character.box)
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        label = str(character.best) + ("?" if character.label is None else "")
        tag(pen, (left, top), label, colour, max(10.0, min(36.0, (bottom - top) / 3)))
    return canvas


def canvas_of(picture: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, float]:
    """What to draw a page of some size on: its picture, enlarged where it is small; and its pixels for each of the page."""
    longest = max(size)
    scale = min(4.0, max(1.0, _ENLARGED / longest)) if longest <= _LONGEST else _LONGEST / longest
    sides = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return picture if picture.size == sides else picture.resize(sides, Image.Resampling.BICUBIC), scale


def tag(pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: tuple[int, int, int], size: float) -> None:
    """Write above the upper left corner of a box what it holds; below it where there is no room above."""
    font, anchor = ImageFont.load_default(size), "lb" if corner[1] > 24 else "lt"
    edges = pen.textbbox(corner, text, font=font, anchor=anchor)
    pen.rectangle((edges[0] - 2, edges[1] - 2, edges[2] + 2, edges[3] + 2), fill=colour)
    pen.text(corner, text, fill="white", font=font, anchor=anchor)


# --- The steps ------------------------------------------------------------------------------------------------------

#: Sizes in pixels: a panel, the room for a title, a digit's picture, and the room for a digit.
_PANEL, _HEAD, _TILE, _CELL, _PAD = (600, 480), 34, 112, 150, 14
_TILES_A_ROW, _MOST_TILES = 6, 48


def explain(document: Document, detector: Detector) -> Image.Image:
    """As ``Reader.explain``."""
    page = _page(document, None)
    source = _picture(document, page)
    panels = [
        ("1  the picture, and what was read", _fit(_overlay(_shown(document, page), page), _PANEL)),
        ("2  digits (green) and other writing (blue) that were found", _fit(_marks(source, detector), _PANEL)),
    ]
    found, digits = len(page.digits), page.digits[:_MOST_TILES]
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


def _marks(source: NDArray[np.uint8], detector: Detector) -> Image.Image:
    """The picture, paler, with a frame around each mark and a line from its middle upwards; faint ones are doubtful."""
    scale = min(1.0, _LONGEST / max(source.shape))
    size = max(1, round(source.shape[1] * scale)), max(1, round(source.shape[0] * scale))
    canvas = Image.blend(Image.fromarray(source).resize(size).convert("RGB"), Image.new("RGB", size, "white"), 0.5)
    pen, width = ImageDraw.Draw(canvas, "RGBA"), max(1, round(max(size) / 500))
    found = detector.find(source)
    for scores, centre, up, corners in zip(
        found.scores, found.centres * scale, found.ups * scale, found.corners * scale, strict=True
    ):
        faded = (*(SURE if scores[0] >= scores[1] else OTHER), round(255 * float(scores.max())))
        pen.polygon([tuple(corner) for corner in corners.tolist()], outline=faded, width=width)
        pen.line([tuple(centre.tolist()), tuple((centre + up).tolist())], fill=faded, width=width)
    return canvas


def _fit(panel: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A panel as large as it can be within a width and height, enlarged eight times at most."""
    scale = min(size[0] / panel.width, size[1] / panel.height, 8)
    fitted = max(1, round(panel.width * scale)), max(1, round(panel.height * scale))
    return panel.resize(fitted, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST).convert("RGB")


def _explain_digit(canvas: Image.Image, digit: Digit, source: NDArray[np.uint8], corner: tuple[int, int]) -> None:
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
