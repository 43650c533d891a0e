"""Any picture → uint8 grey, page by page; or in its colours, to be looked at."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from inkdigits import pdf
from inkdigits.errors import ImageError, MissingExtraError
from inkdigits.extras import require
from inkdigits.limits import DEFAULTS, Limits

#: A picture: a path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
Picture: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray"

#: The suffixes of files that are looked for in folders.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pdf", ".heic", ".heif")
#: The formats that are tried, and Pillow's modules for them. Others stay closed: Pillow would hand EPS to Ghostscript, which
#: runs it as a program.
_FORMATS = {
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "WEBP": "WebPImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "TIFF": "TiffImagePlugin",
}
#: TIFF's tag of what a page is, and its bits for a smaller copy of another page and for a transparency mask.
_SUBFILE_TYPE, _COPY_OR_MASK = 254, 0b101
#: … and of the width and height of its tiles, which are decoded whole, however small the page is.
_TILE = 322, 323
#: Ink that is brighter than this does not show on white paper.
_TOO_BRIGHT = 191
#: Pictures whose pixels take more than a byte are brought to grey in bands of so many pixels, so that memory stays bounded.
_BAND_PIXELS = 4_000_000
#: Bytes that a pixel takes while it is decoded to grey: of a picture in grey, of one in colours or more than 8 bits, and where
#: the decoder keeps the whole picture beside Pillow's.
_BYTES, _BYTES_OF_COLOURS, _BYTES_OF_COPIES = 2, 5, 10
#: All scans of a progressive JPEG together may have so many times the pixels that a page may have.
_SCANS = 10
#: A marker in a JPEG that is neither a filled byte nor a place to start again; the markers of a scan and of the end; up to this
#: one no length follows; those of pictures in arithmetic coding.
_MARKER, _SCAN, _END, _START_WITHOUT_LENGTH = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])"), 0xDA, 0xD9, 0x01
_ARITHMETIC = 0xC9, 0xCA
#: The side of a JPEG's blocks, and what no decoder of a whole JPEG comes to read: bytes that would be noise in the picture.
_BLOCK, _NOISE = 8, bytes(193 * number % 255 for number in range(1, 512))
#: What the first bytes of a PDF and of the brands of HEIC look like.
_PDF, _HEIC = b"%PDF-", (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")


def load(source: Picture, limits: Limits = DEFAULTS) -> NDArray[np.uint8]:
    """Read a picture, of several pages the first, upright and in grey.

    Transparent parts become white paper, or black where the ink would not show on white; camera orientation (EXIF) is applied;
    grey of more than 8 bits is scaled to 8.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or
            (H, W, 4).
        limits: What it may cost.

    Returns:
        uint8 (H, W), as the eye sees it: 0 = black, 255 = white.

    Raises:
        ImageError: It is no picture, is damaged, asks for more than the limits, or the array has another form.
        MissingExtraError: It is a PDF or HEIC file, and the package that opens these is missing.
    """
    return next(pages(source, limits))


def pages(source: Picture, limits: Limits = DEFAULTS) -> Iterator[NDArray[np.uint8]]:
    """Every page of a TIFF or PDF, one at a time and each as ``load`` gives it; of other pictures the only one.

    Of a moving GIF or WebP the first frame is given; a TIFF's small copies and masks of its pages are left out.

    Args:
        source: As for ``load``.
        limits: As for ``load``.

    Yields:
        uint8 (H, W) a page.

    Raises:
        ImageError: As ``load``; also between pages, where a later one is damaged.
        MissingExtraError: As ``load``.
    """
    if isinstance(source, np.ndarray) and source.ndim == 2:
        yield _checked_array(source, limits)
    else:
        yield from _pages(source, limits, _grey, ("L", None))  # of a JPEG, colours are not even decoded


def shown(source: Picture, longest: int, limits: Limits = DEFAULTS) -> Iterator[Image.Image]:
    """The same pages to be looked at: in their colours, and reduced where they are larger.

    Args:
        source: As for ``load``.
        longest: Pixels that the longer side has at most.
        limits: As for ``load``.

    Yields:
        an image of mode RGB a page, upright; what is transparent in ``source`` lies on the paper that ``load`` takes.

    Raises:
        ImageError: As ``pages``.
        MissingExtraError: As ``pages``.
    """
    yield from _pages(source, limits, lambda image: _in_colours(image, longest), ("RGB", (longest, longest)))


_Page = TypeVar("_Page")
#: The mode, and the size at least, in which the pixels of a JPEG are wanted.
_Draft: TypeAlias = "tuple[str, tuple[int, int] | None]"


def _pages(source: Picture, limits: Limits, look: Callable[[Image.Image], _Page], draft: _Draft) -> Iterator[_Page]:
    """Every page, as ``look`` gives it."""
    if isinstance(source, np.ndarray):
        yield look(Image.fromarray(_checked_array(source, limits)))
    elif isinstance(source, Image.Image):
        with _decoder_errors("the picture"):
            _check_size(source.size, _bytes_of_pixel(source), "the picture", limits)
            page = look(source)
        yield page
    else:
        name = str(source) if isinstance(source, str | PathLike) else "the picture"
        with _decoder_errors(name), _opened(source) as file:
            file.seek(0)
            head = file.read(16)
            file.seek(0)
            if not head:
                raise ImageError(f"{name} is empty: save or download it again")
            if head.startswith(_PDF):
                own = isinstance(source, str | PathLike) and not isinstance(file, io.BytesIO)
                for pixels in pdf.pages(file, name, limits, own, colours=draft[0] == "RGB"):
                    yield look(Image.fromarray(pixels))
            else:
                yield from _image_pages(file, name, limits, look, draft, heic=head[4:12] in _HEIC)


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
def _decoder_errors(name: str) -> Iterator[None]:
    """Turns whatever a decoder says into one error that names the picture."""
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist: check its name") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder: name its pictures, or read it from the command line") from None
    except (ImageError, MissingExtraError, Warning):  # a warning comes here where the program wants all of them raised
        raise
    except Exception as error:  # decoders of damaged files raise anything
        reason = "no format that is known" if isinstance(error, UnidentifiedImageError) else error
        raise ImageError(
            f"{name} cannot be read ({reason}): use a whole PNG, JPEG, WebP, BMP, GIF, TIFF, PDF or HEIC"
        ) from None


def _check_size(size: tuple[int, int], of_pixel: int, name: str, limits: Limits) -> None:
    """Check what a picture will take, before a pixel of it is decoded."""
    pixels = size[0] * size[1]
    if pixels > limits.pixels:
        fix = "make it smaller first, or raise the limit pixels"
        raise ImageError(f"{name} has {size[0]} × {size[1]} pixels, more than {limits.pixels}: {fix}")
    if (megabytes := pixels * of_pixel // 1_000_000) > limits.memory:
        fix = "make it smaller first, or raise the limit memory"
        raise ImageError(f"{name} takes {megabytes} MB to decode, more than {limits.memory}: {fix}")


def _bytes_of_pixel(image: Image.Image) -> int:
    if image.format == "WEBP":
        return _BYTES_OF_COPIES
    return _BYTES if image.mode in ("1", "L", "P") and not image.has_transparency_data else _BYTES_OF_COLOURS


@dataclass(frozen=True)
class _Jpeg:
    """The first picture in a JPEG.

    Attributes:
        content: The whole file.
        scans: How often it describes its pixels.
        end: Where its data end.
        arithmetic: They are in arithmetic coding, which leaves out what can be guessed at the end.
    """

    content: bytes
    scans: int
    end: int
    arithmetic: bool

    @classmethod
    def of(cls, content: bytes) -> _Jpeg:
        """Go through its segments as a decoder does."""
        scans, place, arithmetic = 0, 2, False
        while found := _MARKER.search(content, place):
            marker, place = found[1][0], found.end()
            if marker == _END:
                return cls(content, scans, found.start(), arithmetic)
            if marker > _START_WITHOUT_LENGTH:
                scans += marker == _SCAN
                arithmetic |= marker in _ARITHMETIC
                place += int.from_bytes(content[place : place + 2])
        return cls(content, scans, len(content), arithmetic)

    def check_work(self, size: tuple[int, int], name: str, limits: Limits) -> None:
        """Check how often the pixels are described: the decoder keeps several scans whole, and goes through all of them."""
        if self.scans > 1:
            _check_size(size, _BYTES_OF_COPIES, name, limits)
        if self.scans * size[0] * size[1] > _SCANS * limits.pixels:
            fix = "save it again, or raise the limit pixels"
            raise ImageError(f"{name} is a JPEG of {self.scans} scans, which takes too long: {fix}")

    def check_end(self, image: Image.Image, name: str) -> None:
        """Check that the data reach to the last pixel: a file that was cut off and closed again decodes to an even rest.

        Where the last block is even, or several scans describe it, bytes are put behind the data. Those of a whole file are
        never come to; in one that was cut off they make another picture.
        """
        last = image.crop(((image.width - 1) // _BLOCK * _BLOCK, (image.height - 1) // _BLOCK * _BLOCK, *image.size))
        if self.arithmetic or (self.scans == 1 and np.ptp(np.asarray(last), axis=(0, 1)).any()):
            return
        longer = _image(io.BytesIO(self.content[: self.end] + _NOISE + self.content[self.end :]))
        longer.draft("L", None)
        if any(one.tobytes() != other.tobytes() for (_, one), (_, other) in zip(_bands(image), _bands(longer), strict=True)):
            raise ImageError(f"{name} was cut off, and its end is missing: use a whole file")


def _check_pages(image: Image.Image, name: str, limits: Limits) -> int:
    """How many pages a picture has, if they are no more than the limit; no more of a file is looked at than that takes."""
    if image.format != "TIFF":
        return 1
    for number in range(1, limits.pages + 1):
        try:
            image.seek(number)
        except EOFError:
            image.seek(0)
            return number
    raise ImageError(f"{name} has more than {limits.pages} pages: split it, or raise the limit pages")


def _image_pages(
    file: BinaryIO, name: str, limits: Limits, look: Callable[[Image.Image], _Page], draft: _Draft, heic: bool
) -> Iterator[_Page]:
    with _heic_image(file, limits) if heic else _image(file) as image:
        count = _check_pages(image, name, limits)
        jpeg = None
        if image.format in ("JPEG", "MPO"):
            file.seek(0)
            jpeg = _Jpeg.of(file.read())
            jpeg.check_work(image.size, name, limits)
            image.draft(*draft)
        for number in range(count):
            if number:
                image.seek(number)
            tags = getattr(image, "tag_v2", {})
            if not (number and tags.get(_SUBFILE_TYPE, 0) & _COPY_OR_MASK):
                tile = (int(tags.get(_TILE[0], 1)), int(tags.get(_TILE[1], 1)))
                for size in (image.size, tile):
                    copied = jpeg is not None and image.mode != "L"
                    _check_size(size, _BYTES_OF_COPIES if copied else _bytes_of_pixel(image), name, limits)
                if jpeg is not None and draft[1] is None:  # who looks at a picture has read it before
                    jpeg.check_end(image, name)
                yield look(image)


def _image(file: BinaryIO) -> Image.Image:
    """The picture in a file of one of the formats.

    ``Image.open`` would do as much, but warns of pictures above a limit of its own; to keep that back one has to change the
    filters of warnings, which belong to the whole process. Our limit is checked before a pixel is decoded.
    """
    head = file.read(16)
    for form, module in _FORMATS.items():
        importlib.import_module(f"PIL.{module}")  # only what is needed: all of them together take a while
        factory, accepts = Image.OPEN[form]
        if accepts is None or accepts(head) is True:
            file.seek(0)
            return factory(file, "")
    raise UnidentifiedImageError


def _heic_image(file: BinaryIO, limits: Limits) -> Image.Image:
    with require("heic"):
        import pillow_heif
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
    _check_size(heif.size, _BYTES_OF_COPIES, "the picture", limits)  # before it is decoded
    image: Image.Image = heif.to_pillow()
    return image


#: What makes a picture upright, by EXIF's number of its orientation.
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.swapaxes(np.rot90(pixels, 2), 0, 1),
    8: np.rot90,
}


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    _decode(image)
    if image.mode == "L" and not image.has_transparency_data:
        grey = np.asarray(image)
    elif image.mode.startswith("I") or image.mode == "F":
        grey = _scaled_to_8_bit(image)
    elif image.has_transparency_data:
        grey = _on_paper(image)
    else:
        grey = _by_bands(image, lambda band: np.asarray(band.convert("L")))
    return _upright(grey, image)  # when it is grey already: a copy in colour would take three times the memory


def _in_colours(image: Image.Image, longest: int) -> Image.Image:
    _decode(image)
    if image.mode.startswith("I") or image.mode == "F":
        picture = Image.fromarray(_scaled_to_8_bit(image))
    elif image.mode in ("1", "P", "PA"):
        picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    else:
        picture = image
    scale = min(1.0, longest / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        papers = (Image.alpha_composite(Image.new("RGBA", size, paper), seen) for paper in ("white", "black"))
        picture = next((one for one in papers if np.asarray(one.convert("L")).min() <= _TOO_BRIGHT), seen)
    return Image.fromarray(_upright(np.asarray(picture.convert("RGB")), image))


def _decode(image: Image.Image) -> None:
    if 0 in image.size:
        raise ImageError("the picture has no pixels: use one of at least 1 × 1")
    image.load()  # a TIFF is upright from then on


def _upright(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an image as its camera was held."""
    turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def _by_bands(image: Image.Image, grey_of: Callable[[Image.Image], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A picture in grey, made band by band, so that nothing larger than the result is held beside it."""
    grey = np.empty((image.height, image.width), np.uint8)
    for rows, band in _bands(image):
        grey[rows] = grey_of(band)
    return grey


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """The picture in bands of whole rows, each with the rows that it is."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _on_paper(image: Image.Image) -> NDArray[np.uint8]:
    """A picture with transparent parts on white paper; on black, where no ink would show on white."""

    def on(paper: str) -> Callable[[Image.Image], NDArray[np.uint8]]:
        return lambda band: np.asarray(
            Image.alpha_composite(Image.new("RGBA", band.size, paper), band.convert("RGBA")).convert("L")
        )

    grey = _by_bands(image, on("white"))
    return grey if grey.min() <= _TOO_BRIGHT else _by_bands(image, on("black"))


def _scaled_to_8_bit(image: Image.Image) -> NDArray[np.uint8]:
    """Deeper levels as uint8: floats of up to 1 from that, others from the fewest of 8, 10, 12, … bits that hold them."""
    highest = 0.0
    for _, band in _bands(image):
        levels = np.asarray(band)
        if not np.isfinite(levels).all():
            raise ImageError("the picture has pixels that are no numbers (NaN or infinite): save it again as 8-bit grey")
        highest = max(highest, float(levels.max()))
    if image.mode == "F" and highest <= 1:
        white = 1
    else:
        white = next(2**bits - 1 for bits in range(8, 1025, 2) if highest < 2**bits)
    return _by_bands(image, lambda band: np.clip(np.asarray(band) * (255 / white), 0, 255).astype(np.uint8))


def _checked_array(array: NDArray[np.generic], limits: Limits) -> NDArray[np.uint8]:
    """A picture as an array, uint8 (H, W), (H, W, 3) or (H, W, 4)."""
    if array.size == 0:
        raise ImageError(f"the array {array.shape} is empty: give one of at least one pixel")
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(
            f"the array is {array.dtype} {array.shape}: give uint8 of 0 to 255 in the form (height, width), (…, 3) or (…, 4)"
        )
    few = array.ndim == 2 or channels == 1
    _check_size((array.shape[1], array.shape[0]), _BYTES if few else _BYTES_OF_COLOURS, "the array", limits)
    pixels = array.astype(np.uint8, copy=False)
    return pixels.squeeze(2) if pixels.ndim == 3 and channels == 1 else pixels
