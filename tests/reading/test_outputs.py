"""Readings as text, tables, hOCR and pictures, and the command that writes them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
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
    return inkdigits.read(EXAMPLES / "page.jpg")


def test_tables_hold_every_digit(page: inkdigits.Reading) -> None:
    rows = list(csv.DictReader(io.StringIO(page.to_csv())))
    assert rows == list(csv.DictReader(io.StringIO(page.to_tsv()), delimiter="\t"))
    assert len(rows) == len(page.digits)
    for row, digit in zip(rows, page.digits, strict=True):
        assert int(row["best"]) == digit.best
        assert tuple(int(row[edge]) for edge in ("left", "top", "right", "bottom")) == digit.box
        assert float(row[f"p{digit.best}"]) == pytest.approx(digit.confidence, abs=1e-5)
        assert row["text"] in page.text.split("\n")
        assert int(row["word"]) == 1 or row["text"] != "60025"
    assert [int(row["line"]) for row in rows] == [i for i, line in enumerate(page.lines, 1) for _ in line.digits]


def line_of(lefts: list[int], width: int = 14, height: int = 20) -> inkdigits.Line:
    boxes = [(left, 0, left + width, height) for left in lefts]
    return inkdigits.Line(tuple(inkdigits.Digit(1, np.eye(10, dtype=np.float32)[1], box) for box in boxes))


def test_wide_gaps_part_numbers_and_even_ones_do_not(page: inkdigits.Reading) -> None:
    assert [[word.text for word in line.words] for line in page.lines] == [
        ["2048", "771"],
        ["60025"],
        ["1984", "39"],
        ["88", "4071", "6"],
    ]
    assert page.to_dict()["lines"][0]["words"] == ["2048", "771"]
    assert len(line_of([0]).words) == 1
    assert len(line_of([0, 50, 100, 150]).words) == 1  # a digit in each cell of a form
    assert [len(word.digits) for word in line_of([0, 16, 32, 80, 96]).words] == [3, 2]
    assert len(line_of([0, 10, 20, 36]).words) == 1  # they touch, and the last does not
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
    assert f"bbox 0 0 {page.size[0]} {page.size[1]}" in str(root.find(".//h:div", spaces).get("title"))  # type: ignore[union-attr]


def test_the_overlay_shows_boxes_in_the_colour_of_the_verdict() -> None:
    for least, colour in ((0.0, (0, 140, 60)), (1.0, (225, 110, 0))):
        reading = inkdigits.read(EXAMPLES / "page.jpg", min_confidence=least)
        drawn = reading.draw()
        assert drawn.size == reading.size
        left, _, _, bottom = reading.digits[0].box
        assert drawn.getpixel((left + 20, bottom)) == colour


def test_a_reading_of_a_stream_cannot_be_drawn() -> None:
    with (EXAMPLES / "drawing.png").open("rb") as file:
        reading = inkdigits.read(file)
    with pytest.raises(ImageError, match="a stream was read"):
        reading.draw()


@pytest.mark.parametrize("ending", ["txt", "json", "csv", "tsv", "hocr", "png", "jpg"])
def test_the_ending_chooses_the_form(ending: str, page: inkdigits.Reading, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    page.save(path)
    if ending in ("png", "jpg"):
        assert Image.open(path).size == page.size
    elif ending == "json":
        assert json.loads(path.read_text())[0]["text"] == page.text
    elif ending == "txt":
        assert path.read_text() == page.text + "\n"
    else:
        assert str(page.digits[0].box[0]) in path.read_text()


def test_an_unknown_ending_is_said_before_the_work(tmp_path: Path, run_cli: Run) -> None:
    code, _, err = run_cli("read", EXAMPLES / "nothing-there.png", "-o", tmp_path / "x.docx")
    assert code == 2
    assert "use txt, json, csv, tsv or hocr" in err
    with pytest.raises(UsageError):
        inkdigits.read(EXAMPLES / "drawing.png").save(tmp_path / "x")


# --- The command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scans"
    (made / "more").mkdir(parents=True)
    shutil.copy(EXAMPLES / "drawing.png", made / "a.png")
    shutil.copy(EXAMPLES / "blackboard.png", made / "more" / "b.PNG")
    (made / "bad.jpg").write_bytes((EXAMPLES / "page.jpg").read_bytes()[:2000])
    (made / "notes.txt").write_text("no picture, and not looked at")
    return made


def test_a_folder_with_a_bad_picture(folder: Path, tmp_path: Path, run_cli: Run) -> None:
    code, out, err = run_cli("read", folder, "-o", tmp_path / "all.csv")
    assert code == 1
    assert "bad.jpg" in err
    assert "notes.txt" not in err
    assert "2 of 3 pictures" in out
    sources = {Path(row["source"]).name for row in csv.DictReader((tmp_path / "all.csv").open())}
    assert sources == {"a.png", "b.PNG"}


def test_what_cannot_be_written_is_said_before_the_work(folder: Path, tmp_path: Path, run_cli: Run) -> None:
    for asked, said in (
        (["-o", tmp_path / "x.png"], "give it with --draw"),
        (["--draw", tmp_path / "x.csv"], "is no picture"),
        (["--draw", tmp_path / "x.png"], "name a folder"),
        (["--explain", tmp_path / "x.jpg"], "no .png file"),
        (["-o", tmp_path / "x.csv", "--json"], "leave out --json"),
    ):
        code, out, err = run_cli("read", folder, *asked)
        assert (code, out) == (2, "")
        assert said in err


def test_no_picture_is_lost_to_an_output(folder: Path, tmp_path: Path, run_cli: Run) -> None:
    picture = folder / "a.png"
    before = picture.read_bytes()
    for asked, said in (
        (["--draw", picture], "is a picture that is to be read"),
        (["--draw", folder], "holds pictures that are to be read"),
        (["--explain", picture], "is a picture that is to be read"),
        (["--draw", tmp_path / "z.png", "--explain", tmp_path / "z.png"], "is named twice"),
        (["-o", picture / "below" / "x.csv"], "cannot be written"),
    ):
        code, out, err = run_cli("read", picture, *asked)
        assert (code, out) == (2, "")
        assert said in err
    assert picture.read_bytes() == before


def test_every_page_is_drawn(tmp_path: Path, run_cli: Run) -> None:
    pages = [Image.open(EXAMPLES / name).convert("L") for name in ("drawing.png", "blackboard.png")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    assert run_cli("read", tmp_path / "two.tif", "--draw", tmp_path / "out")[0] == 0
    drawn = [Image.open(tmp_path / "out" / name) for name in ("two.png", "two-page2.png")]
    shapes = [picture.width / picture.height for picture in drawn]  # small pictures are drawn larger
    assert shapes == pytest.approx([page.width / page.height for page in pages], rel=0.01)
    with pytest.raises(ImageError, match="there is no page 2"):
        inkdigits.read(tmp_path / "two.tif").draw(2)


def test_a_folder_is_read_as_people_count(tmp_path: Path, run_cli: Run) -> None:
    for name in ("10.png", "2.png", "1.png", "._1.png", ".hidden/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / "drawing.png", tmp_path / name)
    code, out, _ = run_cli("read", tmp_path)
    assert code == 0
    assert [Path(line.split("\t")[0]).name for line in out.splitlines()] == ["1.png", "2.png", "10.png"]


def test_a_missing_extra_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Run) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (folder / "b.pdf").write_bytes(b"%PDF-1.4")
    code, out, err = run_cli("read", folder, "--mode", "digit")
    assert code == 1
    assert "inkdigits[pdf]" in err
    assert len(out.splitlines()) == 2


def test_patterns_and_empty_folders(folder: Path, run_cli: Run) -> None:
    code, out, _ = run_cli("read", str(folder / "*.png"), str(folder / "more"))
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [str(folder / "a.png"), str(folder / "more" / "b.PNG")]
    (folder / "empty").mkdir()
    assert run_cli("read", folder / "empty")[0] == 2
    assert run_cli("read", str(folder / "*.webp"))[0] == 2


def test_the_standard_input(monkeypatch: pytest.MonkeyPatch, run_cli: Run) -> None:
    class Input:
        buffer = io.BytesIO((EXAMPLES / "drawing.png").read_bytes())

    monkeypatch.setattr("sys.stdin", Input())
    assert run_cli("read", "-") == (0, "5\n", "")


def test_overlays_of_pictures_with_the_same_name(folder: Path, tmp_path: Path, run_cli: Run) -> None:
    shutil.copy(EXAMPLES / "page.jpg", folder / "more" / "a.jpg")
    code, _, _ = run_cli("read", folder, "--draw", tmp_path / "drawn")
    assert code == 1
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == ["a-2.png", "a.png", "b.png"]


def test_the_steps_for_one_picture(tmp_path: Path, run_cli: Run) -> None:
    code, _, _ = run_cli("read", EXAMPLES / "page.jpg", "--explain", tmp_path / "why.png")
    assert code == 0
    assert np.asarray(Image.open(tmp_path / "why.png")).std() > 20
    code, _, err = run_cli("read", EXAMPLES / "page.jpg", EXAMPLES / "drawing.png", "--explain", tmp_path / "why.png")
    assert code == 2
    assert "one picture" in err


def test_how_sure_one_wants_to_be(run_cli: Run) -> None:
    page = EXAMPLES / "page.jpg"
    sure, lax = (run_cli("read", page, "--max-error", error)[1] for error in ("0", "1"))
    assert sure.count("?") > lax.count("?") == 0
    assert run_cli("read", page, "--min-confidence", "0")[1] == lax
    for wrong in (["--max-error", "2"], ["--min-confidence", "-1"], ["--max-error", "0.1", "--min-confidence", "0.9"]):
        assert run_cli("read", page, *wrong)[0] == 2
