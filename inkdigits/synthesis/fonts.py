"""Fonts of free licence: words and numbers in print and in handwriting, with the place of every character."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import MissingExtraError
from inkdigits.synthesis.strokes import HEIGHT, SIDE, Glyph, from_shape

#: Fonts that look as if someone had written them, and fonts of machines, as packages ``fontpkg-…`` of the extra ``fonts``.
#: All are of Google Fonts, under the SIL Open Font License 1.1 or the Apache License 2.0 (references/datasets.md).
HANDWRITTEN = (
    *("caveat", "dancing-script", "delius", "great-vibes", "indie-flower", "kalam"),
    *("pacifico", "permanent-marker", "satisfy", "shadows-into-light", "yellowtail", "zeyada"),
)
MACHINES = ("orbitron", "oswald", "press-start-2p", "roboto-slab", "share-tech", "space-mono")
#: Fonts that come with Matplotlib.
_MATPLOTLIB = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold"),
    *("STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol", "cmr10", "cmtt10", "cmss10"),
)
#: The size at which a font's digits are measured.
_MEASURED = 100


@dataclass(frozen=True)
class Written:
    """Text that a font has set.

    Attributes:
        ink: uint8 (H, W), 255 = ink.
        digits_top, baseline: The rows between which digits stand.
        ends: Where each character begins, and where the last one ends, in columns; one more than there are characters.
    """

    ink: NDArray[np.uint8]
    digits_top: float
    baseline: float
    ends: tuple[float, ...]

    def boxes(self, text: str) -> list[tuple[str, tuple[int, int, int, int]]]:
        """The characters of the text that was set, but for blanks, each with the box of its ink in pixels of the map."""
        found = []
        for character, start, end in zip(text, self.ends, self.ends[1:], strict=False):
            left = max(0, int(start))
            inked = self.ink[:, left : max(1, int(np.ceil(end)))] > 0
            rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
            if rows.size:
                box = left + int(columns[0]), int(rows[0]), left + int(columns[-1]) + 1, int(rows[-1]) + 1
                found.append((character, box))
        return found

    def paste(self, layer: NDArray[np.float32], left: int, top: int, strength: float) -> None:
        """Draw the text into a layer of ink, float32 (H, W), in place."""
        height, width = layer.shape
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + self.ink.shape[1], width), min(top + self.ink.shape[0], height)
        if x0 < x1 and y0 < y1:
            window = layer[y0:y1, x0:x1]
            np.maximum(window, self.ink[y0 - top : y1 - top, x0 - left : x1 - left] * np.float32(strength / 255), out=window)

    def sheared(self, shear: float) -> Written:
        """The same, leaning to the right by so many pixels for each pixel of height above the middle of its digits."""
        middle = (self.digits_top + self.baseline) / 2
        left, right = shear * (self.ink.shape[0] - middle), shear * middle
        matrix = np.array([[1, -shear, left + shear * middle], [0, 1, 0]])
        size = int(np.ceil(self.ink.shape[1] + left + right)), self.ink.shape[0]
        ink = np.asarray(cv2.warpAffine(self.ink, matrix, size), np.uint8)
        return Written(ink, self.digits_top, self.baseline, tuple(end + left for end in self.ends))


@functools.cache
def faces(handwritten: bool) -> tuple[Path, ...]:
    """The files of all fonts of a kind.

    Raises:
        MissingExtraError: The extra ``fonts`` is not installed.
    """
    found = []
    for name in HANDWRITTEN if handwritten else MACHINES:
        package = importlib.util.find_spec(f"fontpkg_{name.replace('-', '_')}")
        if package is None or package.origin is None:
            raise MissingExtraError(f"fontpkg-{name}", "fonts")
        found += sorted((Path(package.origin).parent / "files").glob("*.ttf"))
    if not handwritten:
        found += [Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf" for name in _MATPLOTLIB]
    return tuple(found)


def every_face() -> tuple[Path, ...]:
    """The files of all fonts.

    Raises:
        MissingExtraError: The extra ``fonts`` is not installed.
    """
    return (*faces(True), *faces(False))


@functools.lru_cache(maxsize=256)
def _font(face: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(face, size)


@functools.cache
def _digit_height(face: Path) -> float:
    """Height of a 0 as a share of the font's size."""
    _, top, _, bottom = _font(face, _MEASURED).getbbox("0", anchor="ls")
    return (bottom - top) / _MEASURED


def written(text: str, face: Path, tall: float) -> Written:
    """Set some text.

    Args:
        text: One line of it.
        face: The font's file, one of ``faces``.
        tall: Height of a digit in pixels.
    """
    font = _font(face, max(4, round(tall / _digit_height(face))))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text, anchor="ls"))
    image = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font, anchor="ls")
    ends = tuple(font.getlength(text[:count]) - left for count in range(len(text) + 1))
    high = _digit_height(face) * font.size
    return Written(np.asarray(image), -top - high, float(-top), ends)


@functools.lru_cache(maxsize=1024)
def glyph(character: str, face: Path) -> Glyph:
    """A digit of a font, as fat as the font has it."""
    set_text = written(character, face, HEIGHT)
    rows, columns = np.flatnonzero(set_text.ink.any(1)), np.flatnonzero(set_text.ink.any(0))
    ink = set_text.ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(1.0, SIDE / max(ink.shape))
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
    ink = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    field = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - ink.shape[0]) // 2, (SIDE - ink.shape[1]) // 2
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = np.where(ink > 127, 255, 0)
    return from_shape(field, solid=True)
