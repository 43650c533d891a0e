from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

import inkdigits
from inkdigits import images
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, UsageError

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("name", "text"),
    [("drawing.png", "5"), ("blackboard.png", "27182818"), ("page.jpg", "2048 771\n60025\n1984 39\n88 4071 6")],
)
def test_the_examples_are_read(name: str, text: str) -> None:
    reading = inkdigits.read(EXAMPLES / name)
    assert len(reading.text) == len(text)
    assert all(found in (true, "?") for found, true in zip(reading.text, text, strict=True))
    assert reading.text.count("?") <= 3
    assert reading.digits_text == reading.text.replace(" ", "")
    assert len(reading.digits) == len("".join(text.split()))
    size = Image.open(EXAMPLES / name).size
    for digit in reading.digits:
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert digit.label in (None, digit.best)
        assert digit.confidence == pytest.approx(digit.probabilities.max())


def test_path_bytes_stream_picture_and_array_give_the_same() -> None:
    path = EXAMPLES / "blackboard.png"
    picture = Image.open(path)
    sources = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), picture, np.asarray(picture)]
    readings = inkdigits.read_many(sources)
    assert len({reading.to_json() for reading in readings}) == 1
    assert inkdigits.read(path).to_json() == readings[0].to_json()


def test_one_digit_in_many_pictures_at_once(sample: Dataset) -> None:
    part = sample.split("test").take(np.arange(200))
    readings = inkdigits.read_many(list(part.images), mode="digit")
    found = np.array([reading.digits[0].best for reading in readings])
    assert (found == part.labels).mean() >= 0.985
    alone = inkdigits.read(part.images[3], "digit").digits[0]
    np.testing.assert_allclose(readings[3].digits[0].probabilities, alone.probabilities, atol=1e-5)
    assert readings[3].digits[0].box == alone.box


def test_the_box_of_one_digit_is_around_its_ink(sample: Dataset) -> None:
    sheet = np.full((120, 200), 250, np.uint8)
    sheet[60:88, 130:158] -= (sample.split("test").images[0] * 0.9).astype(np.uint8)
    left, top, right, bottom = inkdigits.read(sheet, "digit").digits[0].box
    assert 128 <= left < 140 < 148 < right <= 160
    assert 58 <= top < 70 < 80 < bottom <= 90


def test_modes(sample: Dataset) -> None:
    sheet = np.zeros((80, 60), np.uint8)
    sheet[4:32, 4:32], sheet[44:72, 24:52] = sample.split("test").images[:2]
    assert len(inkdigits.read(sheet, "page").lines) == len(inkdigits.read(sheet, "auto").lines) == 2
    assert len(inkdigits.read(sheet, "line").lines) <= 1  # two rows are no line, whatever it makes of them
    assert len(inkdigits.read(sheet, "digit").digits) == 1
    with pytest.raises(UsageError, match="use auto, digit, line, page"):
        inkdigits.read(sheet, "word")


@pytest.mark.parametrize("mode", ["auto", "digit", "line", "page"])
def test_blank_paper_says_nothing(mode: str) -> None:
    reading = inkdigits.read(np.full((200, 300), 240, np.uint8), mode)
    assert reading.text == reading.best_text == ""
    assert reading.lines == reading.digits == ()
    assert json.loads(reading.to_json())["pages"][0]["lines"] == []


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_on_its_side_or_head(turns: int) -> None:
    page = np.asarray(Image.open(EXAMPLES / "page.jpg").convert("L"))
    upright, turned = inkdigits.read(page, "page"), inkdigits.read(np.rot90(page, turns).copy(), "page")
    assert turned.best_text.replace(" ", "") == upright.best_text.replace(" ", "")
    left, top, right, bottom = upright.digits[0].box
    corner = np.zeros(page.shape, bool)
    corner[top:bottom, left:right] = True
    rows, columns = np.nonzero(np.rot90(corner, turns))
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(turned.digits[0].box, box, atol=10)


def test_digits_that_touch_are_read_as_a_line_and_on_a_page(sample: Dataset) -> None:
    sheet = np.zeros((120, 200), np.uint8)
    first, second = (np.kron(sample.split("test").images[i], np.ones((2, 2), np.uint8)) for i in (0, 1))
    sheet[30:86, 40:96] = first
    sheet[30:86, 74:130] = np.maximum(sheet[30:86, 74:130], second)
    sheet[58:62, 80:96] = 255  # a stroke that joins them
    for mode in ("line", "page", "auto"):
        reading = inkdigits.read(255 - sheet, mode)
        assert reading.best_text == "72"
        assert reading.digits[0].box[0] < 60 < reading.digits[1].box[2]


def test_a_letter_a_scribble_and_a_blot_get_no_label() -> None:
    font = ImageFont.load_default(90)
    for letter in "AEHKMRWX":
        picture = Image.new("L", (140, 140), 250)
        ImageDraw.Draw(picture).text((40, 20), letter, fill=30, font=font)
        assert inkdigits.read(picture, "digit").text in ("", "?")
    rng = np.random.default_rng(0)
    scribble = Image.new("L", (140, 140), 250)
    ImageDraw.Draw(scribble).line([tuple(p) for p in rng.integers(20, 120, (14, 2)).tolist()], fill=20, width=4)
    assert inkdigits.read(scribble, "digit").text in ("", "?")


def test_a_ruling_line_is_put_aside_and_a_dot_is_a_point_at_most(sample: Dataset) -> None:
    sheet = np.zeros((100, 200), np.uint8)
    sheet[20:48, 20:48], sheet[20:48, 80:108] = sample.split("test").images[:2]
    sheet[80:82, 5:195] = 200
    sheet[44:47, 60:63] = 255
    assert inkdigits.read(sheet, "line").best_text in ("72", "7.2")
    assert inkdigits.read(sheet, "page").digits_text in ("72", "7?", "?2")


# --- Pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "mode"),
    [("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
    + [("TIFF", mode) for mode in ("1", "L", "RGB", "RGBA", "CMYK", "I;16")]
    + [("JPEG", mode) for mode in ("L", "RGB", "CMYK")]
    + [("WEBP", "RGB"), ("WEBP", "RGBA"), ("BMP", "1"), ("BMP", "L"), ("BMP", "RGB"), ("GIF", "L"), ("GIF", "P")],
)
def test_every_kind_of_picture_is_read_alike(form: str, mode: str, sample: Dataset) -> None:
    paper = Image.fromarray(255 - np.kron(sample.split("test").images[0], np.ones((5, 5), np.uint8)))
    picture = Image.fromarray(np.asarray(paper).astype(np.uint16) * 257) if mode == "I;16" else paper.convert(mode)
    file = io.BytesIO()
    picture.save(file, form)
    reading = inkdigits.read(file.getvalue(), "digit")
    assert reading.text == "7"


def test_transparent_is_paper(sample: Dataset) -> None:
    ink = np.kron(sample.split("test").images[0], np.ones((5, 5), np.uint8))
    black = np.zeros((*ink.shape, 4), np.uint8)
    black[:, :, 3] = ink
    assert inkdigits.read(black, "digit").text == "7"


def test_camera_orientation_is_applied(sample: Dataset, tmp_path: Path) -> None:
    paper = Image.fromarray(255 - np.kron(sample.split("test").images[0], np.ones((5, 5), np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    paper.rotate(90, expand=True).save(tmp_path / "p.jpg", exif=exif)
    np.testing.assert_allclose(images.load(tmp_path / "p.jpg").astype(int), np.asarray(paper).astype(int), atol=40)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM" + b"\0" * 60])
def test_no_pictures(content: bytes) -> None:
    with pytest.raises(ImageError, match=r"cannot be read|is empty"):
        inkdigits.read(content)


def test_a_program_is_no_picture() -> None:
    with pytest.raises(ImageError, match="no format that is known"):
        inkdigits.read(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")


def test_a_truncated_picture(sample: Dataset) -> None:
    file = io.BytesIO()
    Image.fromarray(np.kron(sample.split("test").images[0], np.ones((9, 9), np.uint8))).save(file, "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        inkdigits.read(file.getvalue()[:-600])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 5)),
        np.zeros((5, 5, 2), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((5, 5), np.int64),
    ],
)
def test_arrays_of_another_form(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"give uint8|is empty: give one"):
        inkdigits.read(array)


def test_nan_pixels() -> None:
    with pytest.raises(ImageError, match="no numbers"):
        inkdigits.read(Image.fromarray(np.full((5, 5), np.nan, np.float32)))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    picture=hnp.arrays(np.uint8, st.tuples(st.integers(1, 80), st.integers(1, 80))),
    mode=st.sampled_from(["auto", "digit", "line", "page"]),
)
def test_any_array_is_read_without_complaint(picture: np.ndarray, mode: str) -> None:
    reading = inkdigits.read(picture, mode)
    ((page),) = reading.pages
    assert page.size == picture.shape[::-1]
    for box in (*(digit.box for digit in page.digits), *page.ignored):
        assert 0 <= box[0] < box[2] <= page.size[0]
        assert 0 <= box[1] < box[3] <= page.size[1]
    for digit in page.digits:
        assert 0 <= float(digit.probabilities.min()) <= digit.probabilities.sum() <= 1.0001
        assert digit.label == (digit.best if digit.confidence >= 0.98 else None)
    assert reading.digits_text.replace("\n", "") == "".join(digit.text for digit in reading.digits)
    characters = [one for line in page.lines for word in line.words for one in word.characters]
    best = "".join(str(one.best).replace("½", "1/2") for one in characters)
    assert reading.best_text.translate({32: None, 10: None}) == best
    assert inkdigits.Reading.from_dict(json.loads(reading.to_json())) == reading
