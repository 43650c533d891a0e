"""A grey picture → its ink, in integers throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inkdigits.errors import ImageError

#: The paper is estimated on a picture of at most this many pixels a side …
_PAPER_SIDE = 64
#: … with a window of this share of it, in percent: wider than any stroke, narrower than most shadows.
_PAPER_WINDOW_PERCENT = 35
#: Paper is even, as on a screen or in a bilevel scan, where this share of the picture, in percent, is within so many levels of
#: it; the estimate, which would hollow out fat strokes, is then left out.
_FLAT_PERCENT, _FLAT_LEVELS = 30, 3
#: The border counts so many times more when the paper's level is looked for.
_BORDER_WEIGHT = 4
#: Ink that differs from its paper by fewer grey levels than this is taken for paper; on clean paper, where the levels of
#: neighbours differ little, a smaller difference will do: so many times twice their median, and the least.
MIN_CONTRAST, _NOISE_TIMES, _LEAST_CONTRAST = 16, 4, 6
#: The strokes' level is this percentile of what is darker than Otsu's threshold.
_STROKE_PERCENTILE = 60


def ink(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Separate ink from paper.

    Polarity is decided by what most of the picture is, its border above all; slow changes of the paper, such as a shadow, are
    removed. What is fainter than a quarter of the strokes' own level is taken for noise.

    Args:
        picture: uint8 (H, W), dark ink on light paper or the other way round.

    Returns:
        uint8 (H, W), 0 = paper, 255 = full ink; all zero where nothing stands out.

    Raises:
        ImageError: The array is no grey picture.
    """
    counts = np.bincount(checked(picture).ravel(), minlength=256)
    median2 = twice_median(counts + _BORDER_WEIGHT * np.bincount(border(picture), minlength=256))
    # Levels are doubled where they are compared with the median, which may lie half-way between two levels.
    away = median2 - 2 * np.arange(256)
    if int(counts @ away) > 0:  # more of the picture is darker than its median than lighter: turn the ink light
        picture, counts, median2, away = 255 - picture, counts[::-1], 510 - median2, -away[::-1]
    if 100 * int(counts[np.abs(away) <= 2 * _FLAT_LEVELS].sum()) >= _FLAT_PERCENT * picture.size:
        above2 = np.maximum(-away, 0)
        levels = picture
    else:
        paper = _paper(picture)
        levels = np.maximum(picture, paper) - paper
        counts = np.bincount(levels.ravel(), minlength=256)
        above2 = 2 * np.arange(256)
    doubled = np.bincount(above2, weights=counts, minlength=512).astype(np.int64)
    full = _stroke_level(doubled)
    if full < 200 * _least_contrast(picture):
        return np.zeros(picture.shape, np.uint8)
    # (d − full/4) · 255/(full − full/4), rounded down, with d in halves and full in 200ths of a level.
    shades = np.clip(34_000 * above2 // full - 85, 0, 255).astype(np.uint8)
    return shades[levels]


def checked(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, if it is one: uint8 (H, W) of at least one pixel.

    Raises:
        ImageError: It is not.
    """
    if picture.dtype != np.uint8 or picture.ndim != 2 or 0 in picture.shape:
        raise ImageError(f"the picture is {picture.dtype} {picture.shape}, not uint8 (height, width) with at least one pixel")
    return picture


def border(levels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The outermost pixels of an array (H, W), flat: first row, last row, what is left of the first and the last column."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])


def twice_median(counts: NDArray[np.integer]) -> int:
    """Twice the median of values 0, 1, 2, … that occur so often; int."""
    below, total = np.cumsum(counts), int(counts.sum())
    lower, upper = np.searchsorted(below, [(total - 1) // 2, total // 2], side="right")
    return int(lower) + int(upper)


def percentile100(counts: NDArray[np.integer], percent: int) -> int:
    """100 times a percentile of values 0, 1, 2, … that occur so often, by linear interpolation between neighbours; int."""
    below, total = np.cumsum(counts), int(counts.sum())
    place, share = divmod(percent * (total - 1), 100)
    lower, upper = np.searchsorted(below, [place, min(place + 1, total - 1)], side="right")
    return int(lower) * (100 - share) + int(upper) * share


def _least_contrast(picture: NDArray[np.uint8]) -> int:
    """How far ink must stand out from this paper, in grey levels."""
    if picture.shape[1] == 1:
        return _LEAST_CONTRAST
    left, right = picture[:, :-1], picture[:, 1:]
    steps = np.bincount((np.maximum(left, right) - np.minimum(left, right)).ravel(), minlength=256)
    return int(np.clip(_NOISE_TIMES * twice_median(steps), _LEAST_CONTRAST, MIN_CONTRAST))


def _paper(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The level of the paper under the (light) ink: a grey opening of a reduced picture, smoothed; uint8 (H, W)."""
    height, width = picture.shape
    longest = max(height, width)
    small = picture
    if longest > _PAPER_SIDE:
        sides = [max(1, (2 * side * _PAPER_SIDE + longest) // (2 * longest)) for side in (width, height)]
        small = resized(picture, sides[0], sides[1], Image.Resampling.BOX)
    window = max(3, _PAPER_WINDOW_PERCENT * max(small.shape) // 100 | 1)
    opened = Image.fromarray(small).filter(ImageFilter.MinFilter(window)).filter(ImageFilter.MaxFilter(window))
    smooth = np.asarray(opened.filter(ImageFilter.GaussianBlur(window / 4)))
    return resized(smooth, width, height, Image.Resampling.BILINEAR)


def _stroke_level(doubled: NDArray[np.int64]) -> int:
    """How far the ink stands out from the paper, in 200ths of a grey level; 0 where nothing does.

    Args:
        doubled: int64 (512,), how often each distance from the paper occurs, in halves of a level.
    """
    threshold = otsu(doubled.reshape(256, 2).sum(1))
    strokes = doubled.copy()
    strokes[: 2 * threshold + 1] = 0
    return percentile100(strokes, _STROKE_PERCENTILE) if strokes.any() else 0


def otsu(counts: NDArray[np.integer]) -> int:
    """The level that best parts 256 levels, which occur so often, in two.

    In float64; every operation is rounded to the nearest, in the order that stands here.
    Source: N. Otsu, IEEE Trans. SMC 9 (1979), equation 18.
    """
    occurs = counts.astype(np.float64)
    below = np.cumsum(occurs)
    mass = np.cumsum(occurs * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * above)
    return int(np.argmax(np.nan_to_num(between, nan=0.0, posinf=0.0)))


def resized(picture: NDArray[np.uint8], width: int, height: int, method: Image.Resampling) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W), resampled along its rows, then along its columns: uint8 (height, width).

    Which of the two comes first changes the rounding. Pillow's own choice differs between its versions.
    """
    image = Image.fromarray(picture)
    return np.asarray(image.resize((width, image.height), method).resize((width, height), method))


def reduction(shape: tuple[int, ...], side: int) -> int:
    """How many times smaller ``reduced`` makes a picture of this shape (H, W)."""
    return -(-max(shape) // side)


def reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W), made smaller by averaging squares until no side is longer than ``side`` pixels."""
    factor = reduction(picture.shape, side)
    return picture if factor == 1 else np.asarray(Image.fromarray(picture).reduce(factor))
