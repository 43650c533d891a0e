from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import inkdigits
from inkdigits.errors import DataError
from inkdigits.reading.results import SCHEMA_VERSION, Digit, Document, Line, Page, Sign, Word
from inkdigits.reading.values import value_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def digit(label: int | None, box: tuple[int, int, int, int] = (0, 0, 5, 9), best: int = 4) -> Digit:
    probabilities = np.full(10, 0.05, np.float32)
    probabilities[best if label is None else label] = 0.55
    return Digit(label, probabilities, box)


def test_unsure_is_a_question_mark_and_the_best_guess_stays() -> None:
    line = Line((Word((digit(None), digit(4, (7, 1, 9, 8)))), Word((digit(7, (20, 2, 25, 11)),))))
    document = Document((Page((line,)), Page((line,), number=2)))
    assert document.text == "?4 7\n?4 7"
    assert document.best_text == "44 7\n44 7"
    assert document.digits_text == "?47\n?47"
    assert line.box == (0, 0, 25, 11)
    assert [word.value for word in line.words] == [None, Decimal(7)]


@pytest.mark.parametrize(("labels", "value"), [((0, 4, 2), Decimal(42)), ((), None), ((4, None), None), ((9,) * 40, None)])
def test_the_value_of_a_word(labels: tuple[int | None, ...], value: Decimal | None) -> None:
    word = Word(tuple(digit(label) for label in labels))
    assert word.value == (Decimal("9" * 40) if len(labels) == 40 else value)


def test_signs_stand_among_the_digits() -> None:
    point, slash = Sign(".", ".", 0.9, (6, 7, 8, 9)), Sign(None, "/", 0.4, (12, 0, 15, 9))
    word = Word((digit(1), digit(2), point, digit(5)))
    date = Word((digit(3, (9, 0, 12, 9)), slash, digit(4, (16, 0, 19, 9))))
    line = Line((word, date))
    assert (word.text, word.best_text, word.value) == ("12.5", "12.5", Decimal("12.5"))
    assert (date.text, date.best_text, date.value) == ("3?4", "3/4", None)
    assert line.text == "12.5 3?4"
    assert line.digits_text == "12534"
    assert len(line.digits) == 5
    reading = inkdigits.Reading((Page((line,)),))
    assert inkdigits.Reading.from_dict(json.loads(reading.to_json())) == reading
    assert reading.to_hocr().count("ocrx_cinfo") == 8  # and once as a capability
    assert len(reading.to_csv().splitlines()) == 6


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            ("12", "12"),
            ("0042", "42"),
            ("12.50", "12.50"),
            ("12,5", "12.5"),
            ("-3", "-3"),
            ("+7.25", "7.25"),
            ("0.125", "0.125"),
        ],
        *[("1.234.567", "1234567"), ("1,234.50", "1234.50"), ("1.234,5", "1234.5"), ("12345.678", "12345.678")],
        *[("48000,-", "48000"), ("480--", "480"), ("75=", "75"), ("9.", "9")],
        *[("1.234", None), ("24.12.2023", None), ("3/4", None), ("12:30", None), ("(7)", None), ("?2", None), ("", None)],
        *[("1.2.3", None), ("1,23.456", None), ("-", None), ("12..5", None), ("1.234,567.8", None)],
    ],
)
def test_what_a_text_is_worth(text: str, value: str | None) -> None:
    assert value_of(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        *[("1.250", "1.250", "1250"), ("1,250", "1250", "1.250"), ("12,50", None, "12.50"), ("12", "12", "12")],
        *[("1,234.5", "1234.5", None), ("1.234.567,8", None, "1234567.8"), ("1.2.3", None, None), ("2½", "2.5", "2.5")],
    ],
)
def test_a_known_decimal_mark_leaves_nothing_open(text: str, point: str | None, comma: str | None) -> None:
    for mark, value in (("point", point), ("comma", comma)):
        assert value_of(text, mark) == (None if value is None else Decimal(value))


def test_a_line_is_as_sure_as_all_that_stands_on_it() -> None:
    nines = {rest: np.array([*[rest / 9] * 9, 1 - rest], np.float32) for rest in (0.01, 0.4)}
    sure, doubtful = Digit(9, nines[0.01], (0, 0, 1, 1)), Digit(None, nines[0.4], (2, 0, 3, 1))
    line = Line((Word((sure, sure)), Word((doubtful,))), missed=0.1)
    assert [word.confidence for word in line.words] == pytest.approx([0.99**2, 0.6])
    assert line.confidence == pytest.approx(0.99**2 * 0.6 * 0.9)
    reading = inkdigits.Reading((Page((line,)),))
    assert inkdigits.Reading.from_dict(json.loads(reading.to_json())) == reading


def test_what_python_shows_of_a_reading_is_short() -> None:
    reading = inkdigits.read(EXAMPLES / "page.jpg")
    assert str(reading) == reading.text
    assert repr(reading) == f"<Reading: 1 pages, 25 digits, {reading.text!r}>"
    assert len(repr(inkdigits.Reading(reading.pages * 50))) < 200


def test_halves() -> None:
    half = Sign("½", "½", 0.9, (6, 0, 12, 12))
    mark, alone = Word((digit(2), half)), Word((half,))
    assert (mark.text, mark.best_text, mark.value) == ("2 1/2", "2 1/2", Decimal("2.5"))
    assert (alone.text, alone.value, value_of("-2½"), value_of("1.2½")) == ("1/2", Decimal("0.5"), Decimal("-2.5"), None)
    reading = inkdigits.Reading((Page((Line((mark, alone)),)),))
    assert inkdigits.Reading.from_dict(json.loads(reading.to_json())) == reading


def test_what_is_empty_is_no_error() -> None:
    for empty in (Word(()), Line(()), Line((Word(()),))):
        assert empty.text == empty.best_text == ""
        assert empty.box == (0, 0, 0, 0)
        assert empty.digits == ()
    document = inkdigits.Reading((Page((Line(()),)), Page(())))
    assert document.digits == ()
    assert document.ignored == ((), ())
    assert inkdigits.Reading.from_dict(document.to_dict()) == document
    assert document.to_hocr().count('ocr_page"') == 2
    assert len(document.to_csv().splitlines()) == 3  # a row a page, under the header


@pytest.mark.parametrize("mode", ["digit", "line", "page", "auto"])
def test_a_reading_survives_json(mode: str) -> None:
    pages = [Image.open(EXAMPLES / name).convert("L") for name in ("drawing.png", "page.jpg", "meter.jpg")]
    path = Path(__file__).with_name("none")
    for reading in (inkdigits.read(pages[0], mode), inkdigits.read(pages[1], mode), inkdigits.read(pages[2], mode)):  # type: ignore[arg-type]
        again = inkdigits.Reading.from_dict(json.loads(reading.to_json()))
        assert again == reading
        assert again.to_dict() == reading.to_dict()
        assert isinstance(again, inkdigits.Reading)
        assert again.to_csv() == reading.to_csv()
        with pytest.raises(inkdigits.ImageError, match="not at hand"):
            again.draw()
    assert not path.exists()


def test_every_page_has_its_number_its_size_and_what_was_ignored(tmp_path: Path) -> None:
    sheet = Image.new("L", (400, 300), 250)
    pen = ImageDraw.Draw(sheet)
    pen.text((40, 40), "47", fill=20, font=ImageFont.load_default(60))
    pen.text((40, 180), "Total and more", fill=20, font=ImageFont.load_default(40))
    pages = [sheet, Image.open(EXAMPLES / "drawing.png").convert("L"), sheet]
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    reading = inkdigits.read(tmp_path / "three.tif", "page")
    assert [page.number for page in reading.pages] == [1, 2, 3]
    assert [page.size for page in reading.pages] == [page.size for page in pages]
    assert reading.ignored[0] == reading.ignored[2] != ()
    assert [page["number"] for page in reading.to_dict()["pages"]] == [1, 2, 3]
    assert [row.split(",")[1] for row in reading.to_csv().splitlines()[1:]] == ["1", "1", "2", "3", "3"]
    assert [one.pages for one in inkdigits.read_pages(tmp_path / "three.tif", "page")] == [(page,) for page in reading.pages]
    third = [*inkdigits.read_pages(tmp_path / "three.tif", "page")][2]
    np.testing.assert_array_equal(np.asarray(third.draw()), np.asarray(reading.draw(3)))


def spoilt(change: str) -> Any:
    content = copy.deepcopy(inkdigits.read(EXAMPLES / "drawing.png").to_dict())
    found = content["pages"][0]["lines"][0]["words"][0]["digits"][0]
    if change == "version":
        content["schema_version"] = SCHEMA_VERSION + 1
    elif change == "label":
        found["label"] = 12
    elif change == "box":
        found["box"] = [1, 2, 3]
    elif change == "probabilities":
        found["probabilities"] = found["probabilities"][:9]
    elif change == "unknown":
        content["pages"][0]["colour"] = "red"
    elif change == "missing":
        del content["pages"]
    elif change == "page":
        content["pages"][0]["number"] = 0
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("version", "has the schema version 3, not 2: read the picture again"),
        ("label", r"digits\[0\].label is 12: it should be less than or equal to 9"),
        ("box", r"digits\[0\].box lacks 3"),
        ("probabilities", r"probabilities is .*at least 10 items"),
        ("unknown", r"pages\[0\] has the unknown key 'colour'"),
        ("missing", "lacks 'pages'"),
        ("page", r"pages\[0\].number is 0: it should be greater than or equal to 1"),
    ],
)
def test_json_that_is_no_reading_is_named(change: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        inkdigits.Reading.from_dict(spoilt(change))


@pytest.mark.parametrize("content", [None, [], "5", {}, {"schema_version": None}])
def test_anything_else_is_no_reading(content: Any) -> None:
    with pytest.raises(DataError, match="the reading"):
        inkdigits.Reading.from_dict(content)


def test_probabilities_have_ten_columns() -> None:
    with pytest.raises(ValueError, match=r"\(9,\), not \(10,\)"):
        Digit(1, np.zeros(9, np.float32), (0, 0, 1, 1))
