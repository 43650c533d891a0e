"""Files of several pages and of other makers' formats; single pictures are in test_reading.py."""

from __future__ import annotations

import io
import pickle
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

import inkdigits
from inkdigits import images
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, MissingExtraError, UsageError
from inkdigits.limits import Limits


def paper(sample: Dataset, number: int) -> Image.Image:
    return Image.fromarray(255 - np.kron(np.pad(sample.split("test").images[number], 6), np.ones((4, 4), np.uint8)))


@pytest.fixture
def tiff(sample: Dataset) -> bytes:
    file = io.BytesIO()
    first, *rest = [paper(sample, number) for number in range(3)]
    first.save(file, "TIFF", save_all=True, append_images=rest)
    return file.getvalue()


def test_all_pages_of_a_tiff(tiff: bytes, sample: Dataset) -> None:
    reading = inkdigits.read(tiff, "digit")
    assert reading.best_text == "7\n2\n1"
    assert [page.number for page in reading.pages] == [1, 2, 3]
    pages = list(inkdigits.read_pages(tiff, "digit"))
    assert [page.best_text for page in pages] == ["7", "2", "1"]
    assert [page.to_dict()["pages"][0]["number"] for page in pages] == [1, 2, 3]
    drawn = np.asarray(inkdigits.read(np.asarray(paper(sample, 1)), "digit").draw())
    np.testing.assert_array_equal(np.asarray(pages[1].draw()), drawn)  # the second page has its box too
    for pages_in, hocr in ((3, reading.to_hocr()), (1, pages[1].to_hocr())):
        assert hocr.count('class="ocr_page"') == pages_in
        assert hocr.count('class="ocrx_cinfo"') == pages_in


@pytest.mark.slow
def test_a_tiff_of_200_pages_is_streamed(sample: Dataset) -> None:
    file = io.BytesIO()
    page = paper(sample, 0).resize((800, 800))
    page.save(file, "TIFF", save_all=True, append_images=[page] * 199, compression="tiff_lzw")
    inkdigits.read(page)  # whatever is loaded once
    tracemalloc.start()
    count = sum(1 for _ in inkdigits.read_pages(file.getvalue(), "digit"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200
    assert peak < 60e6  # all pages at once would be 128 MB


def test_small_copies_of_pages_are_no_pages(sample: Dataset) -> None:
    copy = TiffImagePlugin.ImageFileDirectory_v2()
    copy[254] = 1
    first, second = paper(sample, 0), paper(sample, 1)
    file = io.BytesIO()
    small = first.resize((40, 40))
    small.encoderinfo = {"tiffinfo": copy}
    first.save(file, "TIFF", save_all=True, append_images=[small, second])
    with Image.open(file) as written:
        assert written.n_frames == 3  # type: ignore[attr-defined]
    assert inkdigits.read(file.getvalue(), "digit").best_text == "7\n2"


@pytest.mark.parametrize(
    ("kind", "white"), [(np.uint16, 1023), (np.uint16, 4095), (np.uint16, 65535), (np.int32, 2**24 - 1), (np.float32, 1)]
)
def test_grey_of_any_depth(sample: Dataset, kind: type, white: float) -> None:
    grey = np.asarray(paper(sample, 0))
    file = io.BytesIO()
    Image.fromarray((grey / 255 * white).astype(kind)).save(file, "TIFF")
    np.testing.assert_allclose(images.load(file.getvalue()).astype(int), grey, atol=1)


@pytest.mark.parametrize("ink", [0, 255, 200])
def test_ink_of_any_colour_on_transparent_ground(sample: Dataset, ink: int) -> None:
    alpha = 255 - np.asarray(paper(sample, 0))
    picture = Image.fromarray(np.dstack([np.full_like(alpha, ink)] * 3 + [alpha]))
    assert inkdigits.read(picture, "digit").text == "7"


def test_a_scan_with_transparent_corners_keeps_its_white_paper(sample: Dataset) -> None:
    grey = np.asarray(paper(sample, 0))
    alpha = np.full_like(grey, 255)
    alpha[:20, :20] = 0
    assert images.load(Image.fromarray(np.dstack([grey] * 3 + [alpha])))[0, 0] == 255


COLOURS = np.zeros((48, 80, 3), np.uint8)
COLOURS[:24, :40], COLOURS[:24, 40:], COLOURS[24:, :40], COLOURS[24:, 40:] = (200, 30, 20), (20, 160, 40), (30, 40, 190), 250


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PDF", "RGBA", "CMYK", "array", "image"])
def test_a_picture_is_shown_in_its_colours(form: str) -> None:
    picture, file = Image.fromarray(COLOURS), io.BytesIO()
    if form in ("RGBA", "CMYK"):
        picture.convert(form).save(file, "TIFF")
    elif form not in ("array", "image"):
        picture.save(
            file, form, **{"quality": 95} if form in ("JPEG", "WEBP") else {"resolution": 200} if form == "PDF" else {}
        )
    source = {"array": COLOURS, "image": picture}.get(form, file.getvalue())
    shown = next(images.shown(source, 1000))
    assert (shown.mode, shown.size) == ("RGB", images.load(source).shape[::-1])
    for y, x in ((10, 15), (10, 65), (38, 15), (38, 65)):
        np.testing.assert_allclose(np.asarray(shown)[y, x].astype(int), COLOURS[y, x], atol=30 if form == "CMYK" else 12)
    assert next(images.shown(source, 40)).size == (40, 24)


@pytest.mark.parametrize("colours", [COLOURS, COLOURS[:, :, 0]])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_shown_as_upright_as_it_is_read(orientation: int, colours: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    Image.fromarray(colours).save(file, "PNG", exif=exif)
    shown = next(images.shown(file.getvalue(), 1000))
    np.testing.assert_allclose(np.asarray(shown.convert("L")).astype(int), images.load(file.getvalue()), atol=1)


@pytest.mark.parametrize("ink", [0, 255])
def test_it_is_shown_on_the_paper_on_which_it_is_read(sample: Dataset, ink: int) -> None:
    alpha = 255 - np.asarray(paper(sample, 0))
    picture = Image.fromarray(np.dstack([np.full_like(alpha, ink)] * 3 + [alpha]))
    np.testing.assert_allclose(
        np.asarray(next(images.shown(picture, 1000)).convert("L")).astype(int), images.load(picture), atol=1
    )


def test_what_is_no_picture_is_named(sample: Dataset) -> None:
    content = io.BytesIO()
    paper(sample, 0).save(content, "PNG")
    assert inkdigits.read(bytearray(content.getvalue()), "digit").text == "7"
    assert inkdigits.read(memoryview(content.getvalue()), "digit").text == "7"
    for wrong in (None, ["a.png"], 5):
        with pytest.raises(ImageError, match="is no picture: give a path"):
            inkdigits.read(wrong)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="is empty"):
        inkdigits.read("")
    for one in ("a.png", Path("a.png"), content.getvalue()):
        with pytest.raises(UsageError, match="use read for one"):
            inkdigits.read_many(one)  # type: ignore[arg-type]


def test_a_bomb_is_told_our_own_limit() -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    with pytest.raises(ImageError, match="20000 × 20000 pixels, more than 150000000"):
        inkdigits.read(file.getvalue())


def test_a_large_picture_of_one_digit_has_its_box_at_full_size(sample: Dataset) -> None:
    small = np.asarray(paper(sample, 0))
    large = np.kron(small, np.ones((20, 20), np.uint8))  # 3,200 pixels wide
    found = inkdigits.read(large, "digit").digits[0]
    assert found.label == 7
    np.testing.assert_allclose(found.box, 20 * np.array(inkdigits.read(small, "digit").digits[0].box), atol=25)


def test_a_tiff_that_breaks_off(tiff: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        inkdigits.read(tiff[: len(tiff) // 2])


def test_a_pdf(sample: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    paper(sample, 0).save(tmp_path / "p.pdf", save_all=True, append_images=[paper(sample, 1)], resolution=100)
    assert inkdigits.read(tmp_path / "p.pdf", "digit").best_text == "7\n2"
    with pytest.raises(ImageError, match="cannot be read as a PDF"):
        inkdigits.read(b"%PDF-1.4 and nothing more")


def test_heic(sample: Dataset, tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(paper(sample, 0).convert("RGB")).save(tmp_path / "p.heic")
    assert inkdigits.read(tmp_path / "p.heic", "digit").best_text == "7"


def test_a_heic_bomb_is_refused_before_it_is_decoded(sample: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(paper(sample, 0).convert("RGB")).save(tmp_path / "p.heic")
    monkeypatch.setattr(heif.HeifFile, "to_pillow", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="160 × 160 pixels, more than 1000"):
        images.load(tmp_path / "p.heic", Limits(pixels=1000))


def test_a_warning_that_the_program_wants_raised_is_no_bad_picture(sample: Dataset) -> None:
    file = io.BytesIO()
    paper(sample, 0).save(file, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")  # it breaks off
    assert inkdigits.read(file.getvalue(), "digit").text == "7"
    with warnings.catch_warnings(), pytest.raises(UserWarning, match="Corrupt EXIF"):
        warnings.simplefilter("error")
        inkdigits.read(file.getvalue(), "digit")


@pytest.mark.parametrize(
    ("module", "content", "extra"), [("pypdfium2", b"%PDF-1.4", "pdf"), ("pillow_heif", b"\0\0\0\x18ftypheic\0\0\0\0", "heic")]
)
def test_missing_extras_are_named(module: str, content: bytes, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"^this needs .*inkdigits\[{extra}\]") as raised:
        inkdigits.read(content)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.extra) == (str(raised.value), extra)
    with pytest.raises(MissingExtraError, match=rf"^sources\[0\]: this needs .*inkdigits\[{extra}\]"):
        inkdigits.read_many([content])


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder"):
        inkdigits.read(tmp_path)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return exif


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
@pytest.mark.parametrize(
    ("mode", "how"),
    [
        ("L", {}),
        ("L", {"quality": 100}),
        ("RGB", {}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"progressive": True}),
        ("L", {"progressive": True}),
        ("L", {"restart_marker_rows": 2}),
        ("CMYK", {}),
        ("L", {"exif": turned()}),
    ],
    ids=["grey", "fine", "colours", "4:4:4", "progressive", "progressive grey", "restarts", "cmyk", "turned"],
)
def test_a_jpeg_that_was_cut_off_and_closed_again(mode: str, how: dict[str, object], share: float, sample: Dataset) -> None:
    file = io.BytesIO()
    paper(sample, 0).convert(mode).save(file, "JPEG", **how)
    content = file.getvalue()
    images.load(content)  # its last block is even paper, and it is whole
    images.load(content + b"\xff\xd8 what a camera puts behind it")
    data = content.rindex(b"\xff\xda") + 14
    cut = content[: data + int(share * (len(content) - data))].rstrip(b"\xff") + b"\xff\xd9"
    with pytest.raises(ImageError, match="was cut off, and its end is missing"):
        images.load(cut)
