"""A picture of one digit → 28×28, in MNIST's own form.

Light ink on black, the digit's longer side 20 pixels, its centre of mass on pixel (14, 14). Pictures that already have this
form, all 70,000 of MNIST among them, pass through unchanged.
Source: http://yann.lecun.com/exdb/mnist ("size normalized to fit in a 20x20 pixel box", "center of mass").
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inkdigits.errors import ImageError
from inkdigits.preparation.components import FRAMED_SIDE, without_debris, without_specks
from inkdigits.preparation.ink import border, checked, ink, resized

SIDE = 28
BOX = 20
CENTRE = 14

#: Larger crops are halved until they fit, so that the work on one digit is bounded.
_WORK_SIDE = 160
#: Share of each side, in percent, that is left out where a frame may stand there.
_INSET_PERCENT = 13
#: Lines of a frame lie in this share of a picture's height or width, in percent, at either end.
_RULED_PERCENT = 35
#: Ink from this level on counts as a part of a ruling.
_RULED_INK = 64
#: Strokes of the 20-pixel digit, in pixels: MNIST's middle 98 %. Others are thickened or thinned towards it.
_THINNEST, _THICKEST = 1.7, 4.5
#: Strokes narrower than this, in pixels of a crop, are thickened before it is halved.
_HAIRLINE = 4


def prepare(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One picture of one digit as network input.

    Args:
        picture: uint8 (H, W), any size, dark ink on light paper or the other way round.

    Returns:
        uint8 (28, 28), 0 = paper, 255 = ink; all zero where there is no ink.

    Raises:
        ImageError: The array is no grey picture.
    """
    picture = checked(picture)
    if is_prepared(picture[None])[0]:
        return picture.copy()
    return renewed(picture)


def renewed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``prepare`` without the short cut: the picture, uint8 (H, W), goes through every step even if it has the form."""
    return normalise(without_debris(ink(picture)))


def crops(picture: NDArray[np.uint8]) -> tuple[list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """The network inputs that one picture of one digit may come to; the first is ``prepare``'s.

    Whether a component at the picture's border is a part of the digit or of a frame cannot be told from the ink alone. So where
    there is such a component, the picture is prepared with it too, and once more within the frame's lines; the classifier says
    which of them looks like a digit.

    Args:
        picture: uint8 (H, W), as for ``prepare``.

    Returns:
        the inputs, each uint8 (28, 28), and the ink that the first of them shows, uint8 (H, W): the picture itself where it is
        a network input already.

    Raises:
        ImageError: The array is no grey picture.
    """
    picture = checked(picture)
    if is_prepared(picture[None])[0]:
        return [picture.copy()], picture
    inked = ink(picture)
    digit = without_debris(inked)
    if min(picture.shape) < FRAMED_SIDE or not border(inked).any():
        return [normalise(digit)], digit
    top, bottom = _within_rulings(inked)
    left, right = _within_rulings(inked.T)
    inner = picture[top:bottom, left:right]
    others = [without_specks(inked), without_debris(ink(inner))]
    return [normalise(digit)] + [normalise(other) for other in others if other.any()], digit


def prepare_batch(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Many pictures of the same size as network input; the same as ``prepare`` on each.

    Args:
        pictures: uint8 (N, H, W).

    Returns:
        uint8 (N, 28, 28).

    Raises:
        ImageError: The array is no stack of grey pictures.
    """
    if pictures.dtype != np.uint8 or pictures.ndim != 3 or 0 in pictures.shape[1:]:
        raise ImageError(f"pictures are {pictures.dtype} {pictures.shape}, not uint8 (N, H, W)")
    done = is_prepared(pictures)
    if done.all():
        return pictures.copy()
    prepared = np.empty((len(pictures), SIDE, SIDE), np.uint8)
    if pictures.shape[1:] == (SIDE, SIDE):
        prepared[done] = pictures[done]
    for i in np.flatnonzero(~done):
        prepared[i] = prepare(pictures[i])
    return prepared


def is_prepared(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pictures already have MNIST's form.

    These are 28×28, hold full ink, are 19 or 20 pixels long, and have their centre of mass within half a pixel of
    (14, 14), or as near to it as keeps the digit in the picture.

    Args:
        pictures: uint8 (N, H, W).

    Returns:
        bool (N,).
    """
    if pictures.shape[1:] != (SIDE, SIDE) or not len(pictures):
        return np.zeros(len(pictures), bool)
    marked = pictures > 0
    fits = pictures.max((1, 2)) >= 254
    longest = np.zeros(len(pictures), np.int64)
    for axis in (1, 2):  # axis 1: along the columns, for the width; axis 2: for the height
        used = np.any(marked, axis=axis)
        first, last = used.argmax(1), SIDE - 1 - used[:, ::-1].argmax(1)
        longest = np.maximum(longest, last - first + 1)
        profile = pictures.sum(axis, dtype=np.int64)
        centre = (profile @ np.arange(SIDE)) / np.maximum(profile.sum(1), 1)
        held = ((first == 0) & (centre > CENTRE)) | ((last == SIDE - 1) & (centre < CENTRE))
        fits &= (np.abs(centre - CENTRE) <= 0.52) | held
    return fits & (longest >= BOX - 1) & (longest <= BOX)


def _within_rulings(inked: NDArray[np.uint8]) -> tuple[int, int]:
    """First row and the one after the last between the lines of a frame, or, where there are none, within the margin."""
    height, width = inked.shape
    length = width // 2
    runs = np.cumsum(np.pad(inked >= _RULED_INK, ((0, 0), (1, 0))), axis=1)
    ruled = np.flatnonzero((runs[:, length:] - runs[:, :-length] == length).any(1))
    above = ruled[100 * ruled < _RULED_PERCENT * height]
    below = ruled[100 * ruled >= (100 - _RULED_PERCENT) * height]
    margin = _INSET_PERCENT * height // 100
    first = int(above.max()) + 2 if above.size else 0 if below.size else margin
    last = int(below.min()) - 1 if below.size else height if above.size else height - margin
    return first, last


# --- Ink → 28×28 --------------------------------------------------------------------------------------------------


def normalise(inked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink of one digit, uint8 (H, W), cropped, scaled to the 20-pixel box and centred by mass: uint8 (28, 28)."""
    field = np.zeros((SIDE, SIDE), np.uint8)
    if not inked.any():
        return field
    digit = _scaled(_tight(inked))
    if not digit.any():  # too faint to outlast being averaged
        return field
    height, width = digit.shape
    mass = float(digit.sum(dtype=np.int64))
    centre_y = float(digit.sum(1, dtype=np.int64) @ np.arange(height)) / mass
    centre_x = float(digit.sum(0, dtype=np.int64) @ np.arange(width)) / mass
    top = int(np.clip(np.rint(CENTRE - centre_y), 0, SIDE - height))
    left = int(np.clip(np.rint(CENTRE - centre_x), 0, SIDE - width))
    field[top : top + height, left : left + width] = digit
    return field


def _scaled(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A tight crop with its longer side at 20 pixels, its strokes within MNIST's range, its darkest pixel 255."""
    picture = Image.fromarray(crop)
    while max(picture.size) > _WORK_SIDE:
        if stroke_width(np.asarray(picture)) < _HAIRLINE:  # it would fade when it is averaged with its paper
            picture = picture.filter(ImageFilter.MaxFilter(3))
        picture = picture.reduce(2)
    pixel = max(picture.size) / BOX  # a pixel of the result, in pixels of the crop
    stroke = stroke_width(np.asarray(picture)) / pixel
    missing = min(max(stroke, _THINNEST), _THICKEST) - stroke
    steps = round(abs(missing) * pixel / 2)
    if steps:
        # Room for the ink to grow into; the crop was tight.
        grown = np.pad(np.asarray(picture), steps)
        rank = ImageFilter.MaxFilter(2 * steps + 1) if missing > 0 else ImageFilter.MinFilter(2 * steps + 1)
        filtered = np.asarray(Image.fromarray(grown).filter(rank))
        if filtered.any():
            picture = Image.fromarray(_tight(filtered))
    longest = max(picture.size)
    width, height = max(1, round(picture.width * BOX / longest)), max(1, round(picture.height * BOX / longest))
    method = Image.Resampling.BOX if longest > BOX else Image.Resampling.BICUBIC
    digit = resized(np.asarray(picture), width, height, method)
    # To full ink, rounded to the nearest.
    darkest = max(int(digit.max()), 1)
    digit = ((510 * digit.astype(np.int32) + darkest) // (2 * darkest)).astype(np.uint8)
    if not digit.any():
        return digit
    seen = _tight(digit)
    return digit if max(seen.shape) >= BOX - 1 else _scaled(seen)  # a faint edge has faded: what is left fills the box


def _tight(inked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    return inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def stroke_width(inked: NDArray[np.uint8]) -> float:
    """Mean width of the strokes in pixels: twice the area over the outline, which Crofton's formula measures.

    Source: Crofton, "On the theory of local probability", Phil. Trans. 158 (1868): a curve's length is π/4 times
    the number of its crossings with the lines of the pixel grid.
    """
    mask = np.pad(inked >= 128, 1)
    crossings = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return 2 * int(mask.sum()) / (math.pi / 4 * crossings) if crossings else 1.0
