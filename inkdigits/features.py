"""Ink → model input: the only code that makes the 28×28 pictures that the networks see.

Training, command line and reader all come through here. The form is MNIST's own: light ink on black, the digit's
longer side 20 pixels, its centre of mass on pixel (14, 14). Pictures that already have this form, all 70,000 of
MNIST among them, pass through unchanged.
Source: http://yann.lecun.com/exdb/mnist ("size normalized to fit in a 20x20 pixel box", "center of mass").
"""

from __future__ import annotations

import cc3d
import numpy as np
from PIL import Image, ImageFilter

from inkdigits.errors import ImageError

#: Counts the changes of what this module makes, so that arrays of an earlier version are made again.
VERSION = 2
SIDE = 28
BOX = 20
CENTRE = 14

#: Larger crops are halved until they fit, so that the work on one digit is bounded.
_WORK_SIDE = 160
#: The paper is estimated on a picture of at most this many pixels a side …
_PAPER_SIDE = 64
#: … with a window of this share of it: wider than any stroke, narrower than most shadows.
_PAPER_WINDOW = 0.35
#: Paper is even, as on a screen or in a bilevel scan, where this share of the picture is within so many levels of it;
#: the estimate, which would hollow out fat strokes, is then left out.
_FLAT_SHARE, _FLAT_LEVELS = 0.3, 3
#: Ink that differs from its paper by fewer grey levels than this is taken for paper; on clean paper, where the levels of
#: neighbours differ little, a smaller difference will do: so many times their usual one, and the least.
_MIN_CONTRAST, _NOISE_TIMES, _LEAST_CONTRAST = 16, 8, 6
#: Share of each side that is left out where a frame may stand there.
_INSET_SHARE = 0.13
#: Lines of a frame lie in this share of a picture's height or width at either end.
_RULED_SHARE = 0.35
#: Levels below this share of the ink's own are taken for noise or for the veil around a stroke.
_NOISE_SHARE = 0.25
#: Marks with less than this share of all ink are specks.
_SPECK_SHARE = 0.015
#: Smaller pictures have no room for a frame: what touches their border is the digit.
_FRAMED_SIDE = 32
#: A piece at the border is debris if less than this share of it lies further within the picture than the margin, which
#: is so much of the shorter side …
_WITHIN_SHARE, _MARGIN_SHARE = 0.15, 0.15
#: … or if it touches the border so far apart, as a share of the longer side, and this share of all ink does not touch it.
_FRAME_SHARE, _INNER_SHARE = 0.4, 0.08
#: Strokes of the 20-pixel digit, in pixels: MNIST's middle 98 %. Others are thickened or thinned towards it.
_THINNEST, _THICKEST = 1.7, 4.5


def prepare(picture: np.ndarray) -> np.ndarray:
    """One picture of one digit as model input.

    Args:
        picture: uint8 (H, W), any size, dark ink on light paper or the other way round.

    Returns:
        uint8 (28, 28), 0 = paper, 255 = ink; all zero where there is no ink.

    Raises:
        ImageError: the array is no grey picture.
    """
    picture = _checked(picture)
    if is_prepared(picture[None])[0]:
        return picture.copy()
    return renewed(picture)


def renewed(picture: np.ndarray) -> np.ndarray:
    """``prepare`` without the short cut: the picture, uint8 (H, W), goes through every step even if it has the form."""
    return normalise(without_debris(ink(picture)))


def alternatives(picture: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The model inputs that one picture of one digit may come to; the first is ``prepare``'s.

    Whether a piece at the picture's border is a part of the digit or of a frame cannot be told from the ink alone. So where
    there is such a piece, the picture is prepared with it too, and once more within the frame's lines; the classifier says
    which of them looks like a digit.

    Args:
        picture: uint8 (H, W), as for ``prepare``.

    Returns:
        the inputs, uint8 (28, 28), and the ink that the first of them shows, uint8 (H, W): the picture itself where it is
        a model input already.
    """
    picture = _checked(picture)
    if is_prepared(picture[None])[0]:
        return [picture.copy()], picture
    inked = ink(picture)
    digit = without_debris(inked)
    if min(picture.shape) < _FRAMED_SIDE or not _border(inked).any():
        return [normalise(digit)], digit
    top, bottom = _within_rulings(inked)
    left, right = _within_rulings(inked.T)
    inner = picture[top:bottom, left:right]
    others = [_without_specks(inked), without_debris(ink(inner))]
    return [normalise(digit)] + [normalise(other) for other in others if other.any()], digit


def prepare_batch(pictures: np.ndarray) -> np.ndarray:
    """Many pictures of the same size as model input; the same as ``prepare`` on each.

    Args:
        pictures: uint8 (N, H, W).

    Returns:
        uint8 (N, 28, 28).

    Raises:
        ImageError: the array is no stack of grey pictures.
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


def is_prepared(pictures: np.ndarray) -> np.ndarray:
    """Which pictures, uint8 (N, H, W), already have MNIST's form; bool (N,).

    These are 28×28, hold full ink, are 19 or 20 pixels long, and have their centre of mass within half a pixel of
    (14, 14), or as near to it as keeps the digit in the picture.
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


# --- A line of digits → strip --------------------------------------------------------------------------------------

#: Height of the strips that the line reader sees, and what their widths are multiples of.
STRIP_HEIGHT, STRIP_STEP = 40, 32
#: Levels of the paper and of full ink in a strip.
_STRIP_PAPER, _STRIP_INK = 64, 224
#: Longest strip; a wider picture is squeezed.
STRIP_LONGEST = 4096


def strip(picture: np.ndarray) -> np.ndarray:
    """A picture of a line as the line reader's input: uint8 (40, W), W a multiple of 32, 0 = paper, ink up to 255.

    The picture is scaled to the strip's height, its ink made light and its contrast stretched; paper is added up to
    the next multiple of 32 columns. Nothing is cut away: the network has learnt to look past paper and print.

    Args:
        picture: uint8 (H, W), dark ink on light paper or the other way round.
    """
    height, width = _checked(picture).shape
    size = _strip_width(width, height), STRIP_HEIGHT
    method = Image.Resampling.BICUBIC if height < STRIP_HEIGHT else Image.Resampling.BOX
    levels = np.asarray(Image.fromarray(picture).resize(size, method), np.float32)
    typical = float(np.median(levels))
    depth = typical - levels
    # Ink is what is rare and far from the paper, so the third power weighs it against shadows, which are wide and shallow.
    # The outer parts don't vote: a brighter or darker neighbour of the line often shows there.
    inner = depth[STRIP_HEIGHT // 8 : -STRIP_HEIGHT // 8, size[0] // 12 : size[0] - size[0] // 12]
    if (inner**3).sum() < 0:
        depth = -depth
    full = max(float(np.percentile(depth, 98)), _MIN_CONTRAST)
    stretched = np.clip(_STRIP_PAPER + depth * ((_STRIP_INK - _STRIP_PAPER) / full), 0, 255).astype(np.uint8)
    return np.pad(stretched, ((0, 0), (0, -size[0] % STRIP_STEP)), constant_values=_STRIP_PAPER)


def _strip_width(width: int, height: int) -> int:
    return int(np.clip(round(width * STRIP_HEIGHT / height), 8, STRIP_LONGEST))


def strip_scale(shape: tuple[int, ...]) -> float:
    """Horizontal strip pixels for each pixel of a picture of this shape (H, W)."""
    return _strip_width(shape[1], shape[0]) / shape[1]


def reduced(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture, uint8 (H, W), made smaller by averaging until no side is longer than ``side`` pixels."""
    factor = reduction(picture.shape, side)
    return picture if factor == 1 else np.asarray(Image.fromarray(picture).reduce(factor))


def reduction(shape: tuple[int, ...], side: int) -> int:
    """How many times smaller ``reduced`` makes a picture of this shape."""
    return -(-max(shape) // side)


# --- Picture → ink ------------------------------------------------------------------------------------------------


def ink(picture: np.ndarray) -> np.ndarray:
    """Separate ink from paper: uint8 (H, W) of the same size, 0 = paper, 255 = full ink.

    Polarity is decided by what most of the picture is, its border above all; slow changes of the paper, such as a shadow,
    are removed.
    """
    levels = _checked(picture).astype(np.float32)
    typical = float(np.median(np.concatenate([levels.ravel(), np.repeat(_border(levels), 4)])))
    if np.clip(typical - levels, 0, None).sum() > np.clip(levels - typical, 0, None).sum():
        levels, typical = 255 - levels, 255 - typical
    flat = np.mean(np.abs(levels - typical) <= _FLAT_LEVELS) >= _FLAT_SHARE
    levels -= typical if flat else _paper(levels)
    full = _ink_level(levels)
    if full < _least_contrast(picture):
        return np.zeros(picture.shape, np.uint8)
    floor = _NOISE_SHARE * full
    return np.clip((levels - floor) * (255 / (full - floor)), 0, 255).astype(np.uint8)


def _least_contrast(picture: np.ndarray) -> float:
    """How far ink must stand out from this paper, in grey levels."""
    steps = np.abs(np.diff(picture.astype(np.int16), axis=1)) if picture.shape[1] > 1 else np.zeros(1)
    return float(np.clip(_NOISE_TIMES * np.median(steps), _LEAST_CONTRAST, _MIN_CONTRAST))


def _border(levels: np.ndarray) -> np.ndarray:
    """The outermost pixels, flat."""
    return np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])


def _paper(levels: np.ndarray) -> np.ndarray:
    """The level of the paper under the (light) ink, float32 (H, W): a grey opening of a reduced picture."""
    height, width = levels.shape
    scale = min(1.0, _PAPER_SIDE / max(height, width))
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(levels.astype(np.uint8)).resize(small_size, Image.Resampling.BOX)
    window = max(3, int(_PAPER_WINDOW * max(small_size)) | 1)
    opened = small.filter(ImageFilter.MinFilter(window)).filter(ImageFilter.MaxFilter(window))
    smooth = opened.filter(ImageFilter.GaussianBlur(window / 4))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def _ink_level(levels: np.ndarray) -> float:
    """How far the ink stands out from the paper, in grey levels; 0 where nothing does."""
    above = np.clip(levels, 0, 255)
    threshold = otsu(above.astype(np.uint8))
    strokes = above[above > threshold]
    return float(np.percentile(strokes, 60)) if strokes.size else 0.0


def otsu(picture: np.ndarray) -> int:
    """The level that best parts a uint8 picture in two; Source: N. Otsu, IEEE Trans. SMC 9 (1979), equation 18."""
    counts = np.bincount(picture.ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    mass = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * above)
    return int(np.argmax(np.nan_to_num(between, nan=0.0, posinf=0.0)))


def connected_pieces(mask: np.ndarray) -> np.ndarray:
    """Number the pieces of a bool mask (H, W) that hang together, corners included: unsigned (H, W), 0 = none."""
    # As uint8: cc3d's own way for bool arrays leaves some pieces in two (4.1.1; tests/test_features.py compares).
    return cc3d.connected_components(mask.astype(np.uint8), connectivity=8)


def without_debris(inked: np.ndarray) -> np.ndarray:
    """Ink of one digit, uint8 (H, W), without what is no part of it: specks, and pieces of a frame or of a neighbour."""
    pieces = connected_pieces(inked > 0)
    keep = _no_specks(pieces, inked)
    keep[frame_pieces(pieces, inked)] = False
    return np.where(keep[pieces], inked, 0).astype(np.uint8)


def _without_specks(inked: np.ndarray) -> np.ndarray:
    pieces = connected_pieces(inked > 0)
    return np.where(_no_specks(pieces, inked)[pieces], inked, 0).astype(np.uint8)


def _within_rulings(inked: np.ndarray) -> tuple[int, int]:
    """First row and the one after the last between the lines of a frame, or, where there are none, within the margin."""
    height, width = inked.shape
    length = width // 2
    runs = np.cumsum(np.pad(inked >= 64, ((0, 0), (1, 0))), axis=1)
    ruled = np.flatnonzero((runs[:, length:] - runs[:, :-length] == length).any(1))
    above, below = ruled[ruled < _RULED_SHARE * height], ruled[ruled >= (1 - _RULED_SHARE) * height]
    margin = int(_INSET_SHARE * height)
    first = int(above.max()) + 2 if above.size else 0 if below.size else margin
    last = int(below.min()) - 1 if below.size else height if above.size else height - margin
    return first, last


def _no_specks(pieces: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """Which pieces, by number, are more than specks; bool (pieces,)."""
    weights = np.bincount(pieces.ravel(), weights=inked.ravel())
    keep: np.ndarray = weights >= _SPECK_SHARE * weights.sum()
    return keep


def frame_pieces(pieces: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """Numbers of the pieces at the picture's border that are no digits: of a frame, a ruling or a neighbour.

    That is a piece which lies almost wholly in the margin, or one that touches the border at places far apart while a fair
    part of the ink lies free of it.

    Args:
        pieces: unsigned (H, W), as ``connected_pieces`` numbers them.
        inked: uint8 (H, W).
    """
    at_border = np.unique(_border(pieces))
    at_border = at_border[at_border > 0]
    height, width = inked.shape
    if not at_border.size or min(height, width) < _FRAMED_SIDE:
        return at_border[:0]
    margin = int(_MARGIN_SHARE * min(height, width))
    inside = np.s_[margin : height - margin, margin : width - margin]
    weights = np.bincount(pieces.ravel(), weights=inked.ravel())
    within = np.bincount(pieces[inside].ravel(), weights=inked[inside].ravel(), minlength=len(weights))
    frame = within[at_border] < _WITHIN_SHARE * weights[at_border]
    if weights.sum() - weights[at_border].sum() >= _INNER_SHARE * weights.sum():
        frame |= _reach_along_border(pieces, at_border) >= _FRAME_SHARE
    return at_border[frame]


def _reach_along_border(pieces: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """How far apart the places lie where each piece touches the border, as a share of the longer side; float (numbers,).

    A ruling runs along a side or through the picture; a digit that is cut close touches at a tip.
    """
    height, width = pieces.shape
    across, down = np.arange(width), np.arange(height)
    rows = np.concatenate([np.zeros(width, np.int64), np.full(width, height - 1), down, down])
    columns = np.concatenate([across, across, np.zeros(height, np.int64), np.full(height, width - 1)])
    order = np.full(int(pieces.max()) + 1, -1)
    order[numbers] = np.arange(len(numbers))
    which = order[pieces[rows, columns]]
    reach = np.zeros(len(numbers))
    for at in (rows, columns):
        least, most = np.full(len(numbers), np.iinfo(np.int64).max), np.zeros(len(numbers), np.int64)
        np.minimum.at(least, which[which >= 0], at[which >= 0])
        np.maximum.at(most, which[which >= 0], at[which >= 0])
        reach = np.maximum(reach, most - least + 1)
    return reach / max(height, width)


# --- Ink → 28×28 --------------------------------------------------------------------------------------------------


def normalise(inked: np.ndarray) -> np.ndarray:
    """Ink of one digit, uint8 (H, W), cropped, scaled to the 20-pixel box and centred by mass: uint8 (28, 28)."""
    field = np.zeros((SIDE, SIDE), np.uint8)
    if not inked.any():
        return field
    digit = _scaled(_tight(inked))
    height, width = digit.shape
    mass = float(digit.sum(dtype=np.int64))
    centre_y = digit.sum(1, dtype=np.int64) @ np.arange(height) / mass
    centre_x = digit.sum(0, dtype=np.int64) @ np.arange(width) / mass
    top = int(np.clip(np.rint(CENTRE - centre_y), 0, SIDE - height))
    left = int(np.clip(np.rint(CENTRE - centre_x), 0, SIDE - width))
    field[top : top + height, left : left + width] = digit
    return field


def _scaled(crop: np.ndarray) -> np.ndarray:
    """A tight crop with its longer side at 20 pixels, its strokes within MNIST's range, its darkest pixel 255."""
    picture = Image.fromarray(crop)
    while max(picture.size) > _WORK_SIDE:
        if stroke_width(np.asarray(picture)) < 4:  # a hairline would fade when it is averaged with its paper
            picture = picture.filter(ImageFilter.MaxFilter(3))
        picture = picture.reduce(2)
    pixel = max(picture.size) / BOX  # a pixel of the result, in pixels of the crop
    width = stroke_width(np.asarray(picture)) / pixel
    missing = np.clip(width, _THINNEST, _THICKEST) - width
    steps = round(abs(missing) * pixel / 2)
    if steps:
        # Room for the ink to grow into; the crop was tight.
        grown = np.pad(np.asarray(picture), steps)
        rank = ImageFilter.MaxFilter(2 * steps + 1) if missing > 0 else ImageFilter.MinFilter(2 * steps + 1)
        filtered = np.asarray(Image.fromarray(grown).filter(rank))
        if filtered.any():
            picture = Image.fromarray(_tight(filtered))
    scale = BOX / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    digit = np.asarray(picture.resize(size, method), np.float32)
    digit = np.rint(digit * (255 / max(float(digit.max()), 1.0))).astype(np.uint8)
    seen = _tight(digit)
    return digit if max(seen.shape) >= BOX - 1 else _scaled(seen)  # a faint edge has faded: what is left fills the box


def _tight(inked: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    return inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def stroke_width(inked: np.ndarray) -> float:
    """Mean width of the strokes in pixels: twice the area over the outline, which Crofton's formula measures.

    Source: Crofton, "On the theory of local probability", Phil. Trans. 158 (1868): a curve's length is π/4 times
    the number of its crossings with the lines of the pixel grid.
    """
    mask = np.pad(inked >= 128, 1)
    crossings = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return 2 * int(mask.sum()) / (np.pi / 4 * crossings) if crossings else 1.0


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.dtype != np.uint8 or picture.ndim != 2 or 0 in picture.shape:
        raise ImageError(f"the picture is {picture.dtype} {picture.shape}, not uint8 (height, width) with at least one pixel")
    return picture
