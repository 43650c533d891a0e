"""Pieces of lines cut out of a picture as if they lay upright before the eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.geometry import Box, clipped
from inkdigits.reading.layout import Piece

#: Pieces of at least twice this height in pixels are cut out of a picture that is so many times smaller: the networks see less.
_HIGH = 120
#: Less paper than this beside a piece, in pixels, would be lost to rounding.
_BORDER = 2


@dataclass(frozen=True)
class Cut:
    """A piece of a line, upright.

    Attributes:
        picture: uint8 (H, W).
        piece: Where it lies.
    """

    picture: NDArray[np.uint8]
    piece: Piece

    @property
    def scale(self) -> NDArray[np.float64]:
        """Its pixels for each pixel of the page, along the line and down: float64 (2,)."""
        height, width = self.picture.shape
        return np.array([width / np.linalg.norm(self.piece.along), height / np.linalg.norm(self.piece.down)])

    def places(self) -> NDArray[np.float64]:
        """left, top, right, bottom of the piece's digits in this picture, float64 (n, 4)."""
        return self.piece.places * np.tile(self.scale, 2)

    def on_page(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corners of a place in this picture (left, top, right, bottom) on the page: float64 (4, 2), x and y in pixels."""
        height, width = self.picture.shape
        left, top, right, bottom = place / (width, height, width, height)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return np.array([self.piece.origin + u * self.piece.along + v * self.piece.down for u, v in corners])

    def box(self, place: NDArray[np.float64], shape: tuple[int, ...]) -> Box:
        """The smallest upright box of whole pixels on the page, of ``shape`` (H, W), around a place in this picture."""
        corners = self.on_page(place)
        return clipped((*(corners.min(0) + 1e-6), *(corners.max(0) - 1e-6)), shape[1], shape[0])


def cut(picture: NDArray[np.uint8], piece: Piece) -> Cut:
    """Cut a piece of a line out of a page; beyond the page's border, the border is repeated.

    Args:
        picture: uint8 (H, W), the page.
        piece: Where it lies.

    Returns:
        the piece, upright, at most 240 pixels high.
    """
    long, high = float(np.linalg.norm(piece.along)), float(np.linalg.norm(piece.down))
    x0, y0 = (int(edge) - _BORDER for edge in np.floor(piece.corners.min(0)))
    x1, y1 = (int(edge) + _BORDER for edge in np.ceil(piece.corners.max(0)))
    height, width = picture.shape
    left, top = min(max(x0, 0), width - 1), min(max(y0, 0), height - 1)
    window = Image.fromarray(picture[top : max(min(y1, height), top + 1), left : max(min(x1, width), left + 1)])
    factor = max(1, int(high / _HIGH))
    if factor > 1:
        window = window.reduce(factor)
    missing = (max(0, top - y0), max(0, y1 - height)), (max(0, left - x0), max(0, x1 - width))
    pad_y, pad_x = ([-(-side // factor) for side in sides] for sides in missing)
    padded = Image.fromarray(np.pad(np.asarray(window), (pad_y, pad_x), mode="edge"))
    size = max(4, round(long / factor)), max(4, round(high / factor))
    origin = (piece.origin - (left, top)) / factor + (pad_x[0], pad_y[0])
    across, down = piece.along / factor / size[0], piece.down / factor / size[1]
    matrix = (across[0], down[0], origin[0], across[1], down[1], origin[1])
    return Cut(np.asarray(padded.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)), piece)
