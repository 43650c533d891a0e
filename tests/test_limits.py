"""Small files that ask for much work are refused, with an error that names the limit; benchmarks/attacks.py measures them."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits import images, pdf
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, UsageError
from inkdigits.limits import Limits
from tests.conftest import benchmark


@pytest.fixture(scope="module")
def attacks() -> ModuleType:
    """The files of the benchmark."""
    return benchmark("attacks")


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def pages_of(kind: str, count: int) -> bytes:
    page = Image.new("L", (30, 20), 255)
    return saved(page, kind, save_all=True, append_images=[page] * (count - 1))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", None, "array"])
def test_more_pixels_than_the_limit(form: str | None) -> None:
    picture = Image.new("RGB", (50, 40))
    source: Any = picture if form is None else np.asarray(picture) if form == "array" else saved(picture, form)
    with pytest.raises(ImageError, match="50 × 40 pixels, more than 1999: make it smaller first, or raise the limit pixels"):
        images.load(source, Limits(pixels=1999))
    assert images.load(source, Limits(pixels=2000)).shape == (40, 50)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", None, "array"])
def test_more_memory_than_the_limit(form: str | None) -> None:
    picture = Image.new("RGBA", (1000, 1000), (9, 9, 9, 250))
    source: Any = picture if form is None else np.asarray(picture) if form == "array" else saved(picture, form)
    with pytest.raises(ImageError, match=r"takes \d+ MB to decode, more than 4: .* raise the limit memory"):
        images.load(source, Limits(memory=4))
    assert images.load(source, Limits(memory=10)).shape == (1000, 1000)


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_more_pages_than_the_limit(kind: str) -> None:
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
    content = pages_of(kind, 5)
    reader = inkdigits.Reader(limits=Limits(pages=4))
    with pytest.raises(ImageError, match=r"has (5|more than 4) pages: split it, or raise the limit pages"):
        reader.read(content)
    assert len(inkdigits.Reader(limits=Limits(pages=5)).read(content).pages) == 5


def test_more_marks_than_the_limit(sample: Dataset) -> None:
    digits = 255 - sample.split("test").images[:40].reshape(4, 10, 28, 28).swapaxes(1, 2).reshape(112, 280)
    for mode in ("auto", "line"):
        with pytest.raises(ImageError, match=r"has \d+ marks that may be writing, more than 30: .* raise the limit components"):
            inkdigits.Reader(limits=Limits(components=30)).read(digits, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, True, "5", 0.5, float("nan"), float("inf"), None])
@pytest.mark.parametrize("name", ["pixels", "pages", "seconds", "memory", "components"])
def test_limits_that_cannot_be(name: str, value: object) -> None:
    if name == "seconds" and value == 0.5:
        return
    with pytest.raises(UsageError, match=f"the limit {name} is .*: give a .*number above 0"):
        Limits(**{name: value})  # type: ignore[arg-type]


def tiled_tiff(side: int, tile: int) -> bytes:
    """A TIFF of one tile, which may be larger than the page."""
    content = zlib.compress(bytes(tile * tile))
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: len(content)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + len(content))
    return head + content + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tile_that_is_larger_than_its_page() -> None:
    content = tiled_tiff(64, 4096)
    with pytest.raises(ImageError, match="4096 × 4096 pixels, more than 1000000"):
        images.load(content, Limits(pixels=1_000_000))
    assert images.load(content).shape == (64, 64)


def test_a_page_is_drawn_in_the_size_in_which_it_was_read(sample: Dataset) -> None:
    pytest.importorskip("pypdfium2")
    paper = Image.fromarray(255 - np.pad(sample.split("test").images[0], 20))
    content = saved(paper.resize((680, 680)), "PDF", resolution=200)
    reading = inkdigits.Reader(limits=Limits(pixels=10_000)).read(content, "digit")
    width, height = reading.pages[0].size
    assert width * height <= 10_000
    as_large = inkdigits.read(np.asarray(paper.resize((width, height))), "digit")
    assert reading.draw().size == as_large.draw().size


def test_a_thin_page_of_a_pdf(attacks: ModuleType) -> None:
    pytest.importorskip("pypdfium2")
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100000 0.001] >>"
    content = attacks.pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>", page])
    drawn = images.load(content, Limits(pixels=10_000))
    assert drawn.size <= 10_000


def test_scans_are_counted_as_a_decoder_does() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    assert (
        images._Jpeg.of(saved(picture, "JPEG", exif=b"Exif\0\0" + saved(picture, "JPEG"))).scans == 1
    )  # a preview has its own
    assert images._Jpeg.of(saved(picture, "JPEG", comment=b"\xff\xda\xff\xd9")).scans == 1
    assert images._Jpeg.of(saved(picture, "JPEG", progressive=True)).scans > 5


def test_a_jpeg_of_a_thousand_scans(attacks: ModuleType) -> None:
    content = attacks.scans()
    with pytest.raises(ImageError, match=r"is a JPEG of 1\d\d\d scans, which takes too long"):
        images.load(content)
    once = saved(Image.new("L", (4000, 4000), 200), "JPEG", progressive=True)
    assert images.load(once).min() == 200


def test_a_jpeg_in_colours_is_as_grey_as_its_pixels(sample: Dataset) -> None:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize((400, 300), Image.Resampling.BICUBIC)
    content = saved(colours, "JPEG", quality=95)
    wanted = np.asarray(Image.open(io.BytesIO(content)).convert("L"), np.int64)
    assert np.abs(images.load(content) - wanted).max() <= 3


# --- PDF: drawn in a process of its own ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nested forms", "strokes"])
def test_a_pdf_that_takes_too_long(attacks: ModuleType, name: str) -> None:
    pytest.importorskip("pypdfium2")
    started = time.monotonic()
    with pytest.raises(ImageError, match=r"page 1 takes more than 1 s to draw: .* raise the limit seconds"):
        images.load(attacks.ATTACKS[name][1](), Limits(seconds=1))
    assert time.monotonic() - started < 60  # it would take hours


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the memory of a process cannot be limited")
def test_a_pdf_that_takes_too_much_memory(attacks: ModuleType) -> None:
    pytest.importorskip("pypdfium2")
    content = attacks.pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9999 9999] >>",
        ]
    )
    with pytest.raises(ImageError, match=r"page 1 takes more than 100 MB to draw, or is damaged: .* raise the limit memory"):
        images.load(content, Limits(memory=100))
    assert 3_900_000 < images.load(content, Limits(pixels=4_000_000, memory=100)).size <= 4_000_000  # as large as it may be


def test_a_pdf_from_anywhere_by_many_threads(sample: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    paper = Image.fromarray(255 - np.kron(np.pad(sample.split("test").images[0], 6), np.ones((4, 4), np.uint8)))
    path = tmp_path / "p.pdf"
    paper.save(path, save_all=True, append_images=[paper.rotate(90)], resolution=200)
    wanted = [np.asarray(paper), np.asarray(paper.rotate(90))]
    found: list[list[np.ndarray]] = []

    def draw() -> None:
        with path.open("rb") as file:
            sources = (path, path.read_bytes(), file, io.BytesIO(path.read_bytes()))
            found.extend(list(images.pages(source)) for source in sources)

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for pages in found:
        assert len(pages) == 2
        for page, original in zip(pages, wanted, strict=True):
            assert page.shape == original.shape
            assert np.abs(page.astype(int) - original).mean() < 4  # the PDF keeps it as a JPEG


def test_a_file_stays_usable_after_its_pdf_was_read(sample: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    path = tmp_path / "p.pdf"
    path.write_bytes(pages_of("PDF", 20))
    with path.open("rb") as file:
        assert len(list(images.pages(file))) == 20
        file.seek(0)
        assert file.read() == path.read_bytes()


def test_a_python_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    content = pages_of("PDF", 1)
    for program, said in (("/nowhere/python", "cannot be started"), ("", "cannot be started"), ("true", "should be Python")):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ImageError, match=rf"cannot be drawn.*{said}"):
            images.load(content)


def test_no_process_is_left_of_a_pdf_whose_pages_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    started: list[subprocess.Popen[bytes]] = []
    begin = pdf._started
    monkeypatch.setattr(pdf, "_started", lambda *args: started.append(begin(*args)) or started[-1])
    pages = images.pages(pages_of("PDF", 50))
    next(pages)
    assert started[0].poll() is None
    pages.close()  # type: ignore[attr-defined]
    assert started[0].poll() is not None
