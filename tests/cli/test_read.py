"""The command that reads pictures, and what it writes."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import ImageError

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., tuple[int, str, str]]


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


def test_a_table_is_written_as_it_stands(tmp_path: Path, run_cli: Run) -> None:
    code, out, _ = run_cli("read", EXAMPLES / "page.jpg", "-o", tmp_path / "page.csv", "--layout", "table", "--max-error", "1")
    assert (code, "1 of 1" in out) == (0, True)
    rows = list(csv.reader((tmp_path / "page.csv").open()))
    assert len(rows) == 4
    assert len({len(row) for row in rows}) == 1
    assert [[cell for cell in row if cell] for row in rows][1] == ["60025"]
    for asked in (["-o", tmp_path / "x.json"], [], ["--fields", tmp_path / "t.json", "-o", tmp_path / "x.csv"]):
        code, out, err = run_cli("read", EXAMPLES / "page.jpg", "--layout", "table", *asked)
        assert (code, out) == (2, "")
        assert "--layout table is for numbers that are written with -o" in err


def test_a_sheet_is_cut_out_of_a_photo(tmp_path: Path, run_cli: Run) -> None:
    photo = EXAMPLES / "page.jpg"
    code, out, _ = run_cli("read", photo, "--sheet", tmp_path / "sheet.png")
    assert code == 0
    corners = np.array([[float(v) for v in pair.split(",")] for pair in out.split()]) * Image.open(photo).size
    np.testing.assert_allclose(corners, [(242, 141), (1060, 184), (1024, 778), (212, 750)], atol=6)  # as it was drawn
    np.testing.assert_allclose(Image.open(tmp_path / "sheet.png").size, (816, 602), atol=14)
    assert run_cli("read", photo, "--sheet", "-")[1] == out
    code, out, err = run_cli("read", EXAMPLES / "drawing.png", "--sheet", "-")
    assert (code, out) == (1, "")
    assert "no sheet was found" in err
    for asked, said in (
        (["--sheet", tmp_path / "x.jpg"], "should end in .png"),
        (["--sheet", tmp_path / "x.png", "--json"], "leave out the options of reading"),
        (["--sheet", tmp_path / "x.png", EXAMPLES / "meter.jpg"], "is for one photo, not for 2"),
    ):
        code, out, err = run_cli("read", photo, *asked)
        assert (code, out) == (2, "")
        assert said in err


def test_it_is_said_where_no_digit_was_found(tmp_path: Path, run_cli: Run) -> None:
    Image.new("L", (300, 200), 240).save(tmp_path / "blank.png")
    code, out, err = run_cli("read", tmp_path / "blank.png")
    assert (code, out) == (0, "\n")
    assert "blank.png: no digit was found" in err


def test_no_picture_is_lost_to_an_output(folder: Path, tmp_path: Path, run_cli: Run) -> None:
    picture = folder / "a.png"
    before = picture.read_bytes()
    for asked, said in (
        (["--draw", picture], "is to be read: name another file"),
        (["--draw", folder], "holds pictures that are to be read"),
        (["--explain", picture], "is to be read: name another file"),
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
    with pytest.raises(ImageError, match="there is no page 3: the pages that were read are 1, 2"):
        inkdigits.read(tmp_path / "two.tif").draw(3)


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
    drawn = np.asarray(Image.open(tmp_path / "why.png").convert("RGB")).astype(int)
    page = np.asarray(Image.open(EXAMPLES / "page.jpg").convert("L").resize((600, 427))).astype(int)
    shown = drawn[34 : 34 + 427, 14 : 14 + 600].mean(2)
    assert np.corrcoef(shown.ravel(), page.ravel())[0, 1] > 0.6  # the picture itself, with boxes on it
    ink = 255 - drawn[34 : 34 + 427, 628 : 628 + 600].mean(2)
    assert np.corrcoef(ink.ravel(), (page.max() - page).ravel())[0, 1] > 0.6  # what was taken for ink, beside it
    sure = (drawn == (0, 140, 60)).all(2)
    reading = inkdigits.read(EXAMPLES / "page.jpg")
    tiles = [sure[461 + 62 + row * 150 :][:112, 14 + column * 207 + 128 :][:, :63] for row in range(5) for column in range(6)]
    bars = [tile for tile in tiles if tile.any()]
    assert len(bars) == sum(digit.label is not None for digit in reading.digits)
    code, _, err = run_cli("read", EXAMPLES / "page.jpg", EXAMPLES / "drawing.png", "--explain", tmp_path / "why.png")
    assert code == 2
    assert "one picture" in err


def test_how_sure_one_wants_to_be(run_cli: Run) -> None:
    page = EXAMPLES / "page.jpg"
    sure, lax = (run_cli("read", page, "--max-error", error)[1] for error in ("0", "1"))
    assert sure.count("?") > lax.count("?") == 0
    assert run_cli("read", page, "--min-confidence", "0")[1] == lax
    doubtful = EXAMPLES / "sudoku.jpg"  # one of its lines holds a digit that is doubtful
    assert run_cli("read", doubtful)[1].count("?") == 1
    lines = [line.replace(" ", "") for line in run_cli("read", doubtful, "--per", "line")[1].splitlines()]
    assert {line.count("?") in (0, len(line)) for line in lines} == {True}
    assert {"?" in line for line in lines} == {True, False}
    for wrong in (["--max-error", "2"], ["--min-confidence", "-1"], ["--max-error", "0.1", "--min-confidence", "0.9"]):
        assert run_cli("read", page, *wrong)[0] == 2


def test_limits_on_the_command_line(run_cli: Run, tmp_path: Path) -> None:
    page = Image.new("L", (30, 20), 255)
    page.save(tmp_path / "p.tif", save_all=True, append_images=[page, page])
    code, _, err = run_cli("read", tmp_path / "p.tif", "--limit", "pages=2")
    assert code == 1
    assert "has more than 2 pages: split it, or raise the limit pages" in err
    assert run_cli("read", tmp_path / "p.tif", "--limit", "pages=3", "--limit", "pixels=600")[0] == 0
    for value, message in (
        ("page=3", "there is no limit 'page': use pixels, pages, seconds, memory, components"),
        ("pages", "'' is no whole number: write it as pages=1000"),
        ("pages=0", "the limit pages is 0: give a whole number above 0"),
    ):
        code, _, err = run_cli("read", tmp_path / "p.tif", "--limit", value)
        assert code == 2
        assert message in err
