"""Readings as text, tables, hOCR and pictures, and the command that writes them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import ImageError, UsageError

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def page() -> inkdigits.Reading:
    return inkdigits.read(EXAMPLES / "page.jpg", max_error=1)


def test_tables_hold_every_digit(page: inkdigits.Reading) -> None:
    rows = list(csv.DictReader(io.StringIO(page.to_csv())))
    assert rows == list(csv.DictReader(io.StringIO(page.to_tsv()), delimiter="\t"))
    assert len(rows) == len(page.digits)
    for row, digit in zip(rows, page.digits, strict=True):
        assert int(row["best"]) == digit.best
        assert tuple(int(row[edge]) for edge in ("left", "top", "right", "bottom")) == digit.box
        assert np.float32(row[f"p{digit.best}"]) == np.float32(row["confidence"]) == digit.probabilities.max()
        assert [np.float32(row[f"p{label}"]) for label in range(10)] == digit.probabilities.tolist()
        assert row["text"] in page.text.split("\n")
        assert int(row["word"]) == 1 or row["text"] != "60025"
    assert [int(row["line"]) for row in rows] == [i for i, line in enumerate(page.lines, 1) for _ in line.digits]


def test_wide_gaps_part_numbers(page: inkdigits.Reading) -> None:
    assert [[word.text for word in line.words] for line in page.lines] == [
        ["2048", "771"],
        ["60025"],
        ["1984", "39"],
        ["88", "4071", "6"],
    ]
    assert [word["text"] for word in page.to_dict()["pages"][0]["lines"][0]["words"]] == ["2048", "771"]
    assert page.lines[0].words[0].box[2] < page.lines[0].words[1].box[0]


def test_a_page_without_digits_has_a_row_in_the_table() -> None:
    digit, blank = Image.open(EXAMPLES / "drawing.png").convert("L"), Image.new("L", (300, 200), 255)
    file = io.BytesIO()
    blank.save(file, "TIFF", save_all=True, append_images=[digit, blank])
    rows = list(csv.DictReader(io.StringIO(inkdigits.read(file.getvalue()).to_csv())))
    assert [(row["page"], row["line"] != "") for row in rows] == [("1", False), ("2", True), ("3", False)]
    assert all(None not in row for row in rows)


def test_equal_readings_are_equal() -> None:
    first, again = inkdigits.read(EXAMPLES / "drawing.png"), inkdigits.read((EXAMPLES / "drawing.png").read_bytes())
    assert first == again
    assert hash(first) == hash(again)
    assert first != inkdigits.read(EXAMPLES / "drawing.png", min_confidence=1.0)


def test_hocr_is_well_formed_and_holds_text_and_boxes(page: inkdigits.Reading) -> None:
    root = ET.fromstring(page.to_hocr())
    spaces = {"h": "http://www.w3.org/1999/xhtml"}
    lines = root.findall(".//h:span[@class='ocr_line']", spaces)
    assert ["".join(line.itertext()) for line in lines] == ["2048 771", "60025", "1984 39", "88 4071 6"]
    assert lines[0].get("title") == "bbox " + " ".join(map(str, page.lines[0].box))
    assert f"bbox 0 0 {page.pages[0].size[0]} {page.pages[0].size[1]}" in str(root.find(".//h:div", spaces).get("title"))  # type: ignore[union-attr]


def test_the_overlay_shows_boxes_in_the_colour_of_the_verdict() -> None:
    for least, colour in ((0.0, (0, 140, 60)), (1.0, (225, 110, 0))):
        reading = inkdigits.read(EXAMPLES / "page.jpg", min_confidence=least)
        drawn = reading.draw()
        assert drawn.size == reading.pages[0].size
        left, _, _, bottom = reading.digits[0].box
        assert drawn.getpixel((left + 20, bottom)) == colour


def test_a_reading_of_a_stream_cannot_be_drawn() -> None:
    with (EXAMPLES / "drawing.png").open("rb") as file:
        reading = inkdigits.read(file)
    with pytest.raises(ImageError, match="a stream was read"):
        reading.draw()


@pytest.mark.parametrize("suffix", ["txt", "json", "csv", "tsv", "hocr", "png", "jpg"])
def test_the_suffix_chooses_the_form(suffix: str, page: inkdigits.Reading, tmp_path: Path) -> None:
    path = tmp_path / f"out.{suffix}"
    page.save(path)
    if suffix in ("png", "jpg"):
        assert Image.open(path).size == page.pages[0].size
    elif suffix == "json":
        assert json.loads(path.read_text())[0]["text"] == page.text
    elif suffix == "txt":
        assert path.read_text() == page.text + "\n"
    else:
        assert str(page.digits[0].box[0]) in path.read_text()


def test_an_unknown_suffix_is_said_before_the_work(tmp_path: Path, run_cli: Run) -> None:
    code, _, err = run_cli("read", EXAMPLES / "nothing-there.png", "-o", tmp_path / "x.docx")
    assert code == 2
    assert "use txt, json, csv, tsv or hocr" in err
    with pytest.raises(UsageError):
        inkdigits.read(EXAMPLES / "drawing.png").save(tmp_path / "x")
