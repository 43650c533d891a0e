"""Any picture → uint8 grey."""

from __future__ import annotations

import io
import warnings
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import ImageError

#: A picture: a path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
Picture: TypeAlias = "str | PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray"

#: The most pixels a picture may have; a file that states more is taken for a decompression bomb.
MAX_PIXELS = 150_000_000
#: The formats that are tried. Others stay closed: Pillow would hand EPS to Ghostscript, which runs it as a program.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def load(source: Picture) -> np.ndarray:
    """Read a picture upright and in grey.

    Transparent parts become white paper; camera orientation (EXIF) is applied; 16-bit grey is scaled to 8.

    Returns:
        uint8 (H, W), as the eye sees it: 0 = black.

    Raises:
        ImageError: it is no picture, is damaged or too large, or the array has another form.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _grey(source)
    name = str(source) if isinstance(source, str | PathLike) else "the picture"
    file = Path(source) if isinstance(source, str | PathLike) else io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is checked below
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(
                        f"{name} has {image.width} × {image.height} pixels, more than {MAX_PIXELS}: make it smaller first"
                    )
                return _grey(image)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist: check its name") from None
    except ImageError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError) as error:
        reason = "no format that is known" if isinstance(error, UnidentifiedImageError) else error
        raise ImageError(
            f"{name} cannot be read as a picture ({reason}): use a whole PNG, JPEG, WebP, BMP, GIF or TIFF"
        ) from None


def _grey(image: Image.Image) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_to_8_bit(np.asarray(image, np.float64))
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.asarray(image.convert("L"))


def _from_array(array: np.ndarray) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise ImageError(
            f"the array is {array.dtype} {array.shape}: give uint8 of 0 to 255 in the form (height, width), (…, 3) or (…, 4)"
        )
    return array if array.ndim == 2 else _grey(Image.fromarray(array.squeeze(2) if channels == 1 else array))


def _scaled_to_8_bit(levels: np.ndarray) -> np.ndarray:
    """16-bit or float levels as uint8: by 257 where they need 16 bits, else as they are."""
    if not np.isfinite(levels).all():
        raise ImageError("the picture has pixels that are no numbers (NaN or infinite): save it again as 8-bit grey")
    return np.clip(levels / 257 if levels.max() > 255 else levels, 0, 255).astype(np.uint8)
