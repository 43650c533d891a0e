"""Any picture → uint8 grey, page by page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inkdigits.errors import ImageError, MissingExtraError

#: A picture: a path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
Picture: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray"

#: The most pixels a picture may have; a file that states more is taken for a decompression bomb.
MAX_PIXELS = 150_000_000
#: The endings of files that are looked for in folders.
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pdf", ".heic", ".heif")
#: The formats that are tried. Others stay closed: Pillow would hand EPS to Ghostscript, which runs it as a program.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
#: Pages of a PDF are drawn with so many pixels an inch, fewer where they would be larger than MAX_PIXELS.
_PDF_DPI = 200
#: TIFF's tag of what a page is, and its bits for a smaller copy of another page and for a transparency mask.
_SUBFILE_TYPE, _COPY_OR_MASK = 254, 0b101
#: Ink that is brighter than this does not show on white paper.
_TOO_BRIGHT = 191
#: What the first bytes of a PDF and of the brands of HEIC look like.
_PDF, _HEIC = b"%PDF-", (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")


def load(source: Picture) -> np.ndarray:
    """Read a picture, of several pages the first, upright and in grey.

    Transparent parts become white paper, or black where the ink would not show on white; camera orientation (EXIF) is applied;
    grey of more than 8 bits is scaled to 8.

    Returns:
        uint8 (H, W), as the eye sees it: 0 = black.

    Raises:
        ImageError: it is no picture, is damaged or too large, or the array has another form.
        MissingExtraError: it is a PDF or HEIC file, and the package that opens these is missing.
    """
    return next(pages(source))


def pages(source: Picture) -> Iterator[np.ndarray]:
    """Every page of a TIFF or PDF, one at a time and each as ``load`` gives it; of other pictures the only one.

    Of a moving GIF or WebP the first frame is given; a TIFF's small copies and masks of its pages are left out.

    Raises:
        ImageError, MissingExtraError: as ``load``; also between pages, where a later one is damaged.
    """
    if isinstance(source, np.ndarray):
        yield _from_array(source)
    elif isinstance(source, Image.Image):
        with _complaints("the picture"):
            page = _grey(_small_enough(source, "the picture"))
        yield page
    else:
        name = str(source) if isinstance(source, str | PathLike) else "the picture"
        with _complaints(name), _opened(source) as file:
            file.seek(0)
            head = file.read(16)
            file.seek(0)
            if head.startswith(_PDF):
                yield from _pdf_pages(file, name)
            else:
                yield from _image_pages(file, name, heic=head[4:12] in _HEIC)


@contextmanager
def _opened(source: str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, str | PathLike):
        if not str(source):
            raise ImageError("the name of the picture is empty: give a path")
        with Path(source).open("rb") as file:
            yield file if file.seekable() else io.BytesIO(file.read())
    elif isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif not hasattr(source, "read"):
        kind = type(source).__name__
        raise ImageError(f"a {kind} is no picture: give a path, bytes, an open file, a PIL image or an array")
    elif source.seekable():
        yield source
    else:
        yield io.BytesIO(source.read())


@contextmanager
def _complaints(name: str) -> Iterator[None]:
    """Turns whatever a decoder says into one error that names the picture."""
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist: check its name") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder: name its pictures, or read it from the command line") from None
    except (ImageError, MissingExtraError):
        raise
    except Image.DecompressionBombError:  # far beyond our own limit
        raise ImageError(f"{name} has more than {MAX_PIXELS} pixels: make it smaller first") from None
    except Exception as error:  # decoders of damaged files raise anything
        reason = "no format that is known" if isinstance(error, UnidentifiedImageError) else error
        raise ImageError(
            f"{name} cannot be read as a picture ({reason}): use a whole PNG, JPEG, WebP, BMP, GIF, TIFF, PDF or HEIC"
        ) from None


def _small_enough(image: Image.Image, name: str) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{name} has {image.width} × {image.height} pixels, more than {MAX_PIXELS}: make it smaller first")
    return image


def _image_pages(file: BinaryIO, name: str, heic: bool) -> Iterator[np.ndarray]:
    if heic:
        try:
            import pillow_heif
        except ImportError:
            raise MissingExtraError("pillow-heif", "heic") from None
        pillow_heif.register_heif_opener()
    with _quiet():
        image = Image.open(file, formats=("HEIF",) if heic else _FORMATS)
    with image:
        page, more = 0, True
        while more:
            with _quiet():
                if page:
                    image.seek(page)
                subordinate = page and image.tag_v2.get(_SUBFILE_TYPE, 0) & _COPY_OR_MASK  # type: ignore[attr-defined]
                found = None if subordinate else _grey(_small_enough(image, name))
                page += 1
                more = image.format == "TIFF" and page < image.n_frames  # type: ignore[attr-defined]
            if found is not None:
                yield found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Pillow's warnings back: of the size, which we check ourselves, and of odd tags, which don't matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _pdf_pages(file: BinaryIO, name: str) -> Iterator[np.ndarray]:
    try:
        import pypdfium2
    except ImportError:
        raise MissingExtraError("pypdfium2", "pdf") from None
    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        raise ImageError(f"{name} cannot be read as a PDF ({error}): use a whole one without a password") from None
    with document:
        if not len(document):
            raise ImageError(f"{name} has no pages: use a PDF with at least one")
        for page in document:
            width, height = (side / 72 for side in page.get_size())
            dpi = min(_PDF_DPI, (MAX_PIXELS / max(width * height, 1e-6)) ** 0.5)
            pixels = page.render(scale=dpi / 72, grayscale=True).to_numpy()
            yield pixels.reshape(pixels.shape[:2]).copy()


def _grey(image: Image.Image) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if 0 in image.size:
        raise ImageError("the picture has no pixels: use one of at least 1 × 1")
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_to_8_bit(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        on_white, on_black = (
            np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("L"))
            for paper in ("white", "black")
        )
        return on_white if on_white.min() <= _TOO_BRIGHT else on_black
    return np.asarray(image.convert("L"))


def _from_array(array: np.ndarray) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise ImageError(
            f"the array is {array.dtype} {array.shape}: give uint8 of 0 to 255 in the form (height, width), (…, 3) or (…, 4)"
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise ImageError(
            f"the array has {array.shape[1]} × {array.shape[0]} pixels, more than {MAX_PIXELS}: make it smaller first"
        )
    return array if array.ndim == 2 else _grey(Image.fromarray(array.squeeze(2) if channels == 1 else array))


def _scaled_to_8_bit(levels: np.ndarray) -> np.ndarray:
    """Deeper levels as uint8: floats of up to 1 from that, others from the fewest of 8, 10, 12, … bits that hold them."""
    if not np.isfinite(levels).all():
        raise ImageError("the picture has pixels that are no numbers (NaN or infinite): save it again as 8-bit grey")
    highest = float(levels.max())
    if levels.dtype.kind == "f" and highest <= 1:
        white = 1
    else:
        white = next(2**bits - 1 for bits in range(8, 1025, 2) if highest < 2**bits)
    return np.clip(levels * (255 / white), 0, 255).astype(np.uint8)
