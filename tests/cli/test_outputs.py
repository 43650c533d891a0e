"""What commands write: never over what they read, and never what a terminal, a table or a browser would take for an order."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.forms import exporters as forms
from inkdigits.forms.results import FieldReading
from inkdigits.modeling.predict import Predictions
from inkdigits.reader import Reader
from inkdigits.reading import exporters
from inkdigits.runs import Run
from tests.sources.test_sources import write_kaggle

Cli = Callable[..., tuple[int, str, str]]

#: Names that say more than a name should: to a terminal, to a spreadsheet, to a row of text, to hOCR, to a reader's eyes.
NAMES = (
    "\x1b[2J\x1b]0;title\x07.png",
    "a\ninkdigits: all is well\n.png",
    "a\rb.png",
    '=HYPERLINK("http://example.com","0").png',
    "@SUM(1).png",
    "a;=1+1.png",
    "a, -1+1|+2.png",
    "\uff1d1+1.png",
    "-1+1.png",
    'a"; bbox 0 0 9 9; x_wconf 100.png',
    "<script>alert(1)</script>.png",
    "\u202egnp.exe",
    "a\u2028b\x9bc.png",
    "Screenshot at 9.41\u202fPM, \U0001f469\u200d\U0001f4bb.png",
    os.fsdecode(b"\xff\xfe.png"),
)


@pytest.fixture
def sheet(sample: Dataset) -> np.ndarray:
    """Two digits, as a picture."""
    return 255 - np.pad(np.hstack(list(sample.split("test").images[:2])), 8)


def is_harmless(text: str) -> bool:
    return not any(one in text for one in "\x00\x07\r\x1b\x9b\u2028\u202e")


@pytest.mark.parametrize("name", NAMES)
def test_names_are_harmless_wherever_they_are_written(name: str, sheet: np.ndarray) -> None:
    reading = inkdigits.read(sheet, "line")
    documents = [(name, reading), ("b.png", reading)]
    field = FieldReading("72", "72", 1.0, ())
    sheets = [(name, 1, {"sum": field}), ("b.png", 1, {"sum": field})]
    predictions = Predictions([name, "b.png"], tuple("0123456789"), np.eye(10, dtype=np.float32)[:2])
    rows, kept = io.StringIO(), io.StringIO()
    predictions._write_csv(rows)
    predictions._write_json(kept)
    tables = {
        ",": [exporters.as_text(documents, "csv"), exporters.as_text(documents, "csv", "table"), rows.getvalue()],
        "\t": [exporters.as_text(documents, "tsv"), exporters.as_text(documents, "tsv", "table")],
    }
    tables[","].append(forms.form_of("csv", ["sum"]).text(sheets))
    for delimiter, texts in tables.items():
        for text in texts:
            assert is_harmless(text)
            cells = list(csv.reader(io.StringIO(text), delimiter=delimiter))
            assert len({len(row) for row in cells}) == 1
            names = [row[0] for row in cells]
            assert len(cells) == text.count("\n")
            # Nor is there a formula for whoever opens the table with another separator.
            assert not any(re.search(r"(^|[,;|\t\r])\s*[=+\-@\uff1d]", one) for one in names)
            assert names[-1] == "b.png"
    assert exporters.as_text(documents, "txt").count("\n") == 2
    assert is_harmless(exporters.as_text(documents, "txt"))
    fields = forms.form_of("json", ["sum"]).text(sheets)
    for plain in (exporters.as_text(documents, "json"), kept.getvalue(), fields):
        assert len(json.loads(plain)) == 2
        plain.encode()  # what is no UTF-8 does not stop it
    hocr = exporters.as_text(documents, "hocr")
    assert is_harmless(hocr)
    pages = ET.fromstring(hocr).findall(".//*[@class='ocr_page']")
    assert [page.attrib["title"].split("; ")[1:] for page in pages][1] == [
        f"bbox 0 0 {sheet.shape[1]} {sheet.shape[0]}",
        "ppageno 0",
    ]
    assert pages[0].attrib["title"].count('"') == 2
    assert pages[0].attrib["title"].endswith(f"; bbox 0 0 {sheet.shape[1]} {sheet.shape[0]}; ppageno 0")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name])
def test_names_are_harmless_on_a_terminal(name: str, sheet: np.ndarray, tmp_path: Path, run_cli: Cli) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    Image.fromarray(sheet).save(folder / "b.png")
    (folder / name).write_bytes((folder / "b.png").read_bytes())
    (folder / f"{name}.damaged.png").write_bytes(b"damaged")
    for words in (["read", folder], ["read", folder, "--json"], ["predict", folder, "-o", tmp_path / "p.csv"]):
        code, out, err = run_cli(*words)
        assert code == 1, err  # one is damaged, and no other is lost
        assert is_harmless(out)
        assert is_harmless(err)
        assert "cannot be read" in err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + (2 if Path(name).suffix else 1)
    code, _, err = run_cli("read", folder / f"{name}-missing.png")
    assert code == (2 if "[" in name else 1)  # then it is a pattern, too
    assert len(err.splitlines()) == 1
    assert is_harmless(err)


def test_nothing_that_is_read_is_written_over(
    sheet: np.ndarray, sample: Dataset, project: Project, tmp_path: Path, run_cli: Cli
) -> None:
    folder, model, template = tmp_path / "scans", tmp_path / "model", tmp_path / "t.json"
    folder.mkdir()
    picture = folder / "1.png"
    Image.fromarray(sheet).save(picture)
    template.write_text('{"fields": [{"name": "a", "box": [0, 0, 1, 1]}]}')
    data, predicted = tmp_path / "test.csv", tmp_path / "s.csv"
    write_kaggle(data, sample.split("test").images[:5], None)
    predicted.write_text("ImageId,Label\n1,7\n")
    model.mkdir()
    for path in Run.shipped("reader").folder.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    for words in (
        ("read", picture, "--fields", template, "-o", template),
        ("read", picture, "--model", model, "-o", model / "meta.json"),
        ("read", picture, "--explain", folder / ".." / "scans" / "1.png"),
        ("read", picture, "--sheet", picture),
        ("predict", data, "-o", data),
        ("predict", folder, "-o", picture, "--format", "csv"),
        ("predict", folder, "-o", folder / "2.csv"),
        ("evaluate", "--predictions", predicted, "--data", f"kaggle:{tmp_path}", "-o", predicted),
        ("evaluate", "--predictions", predicted, "--data", f"kaggle:{data}", "-o", data),
        ("predict", data, "--model", "mine", "-o", project.models / "mine" / "model.onnx", "--format", "csv"),
    ):
        code, out, err = run_cli(*words)
        assert (code, out) == (2, ""), words
        assert "is to be read" in err
        assert "name another" in err
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_overlays_of_further_pages_take_no_neighbours_place(sheet: np.ndarray, tmp_path: Path, run_cli: Cli) -> None:
    folder, drawn = tmp_path / "scans", tmp_path / "drawn"
    folder.mkdir()
    page = Image.fromarray(sheet)
    page.save(folder / "a.tif", save_all=True, append_images=[page.rotate(180)])
    page.resize((30, 20)).save(folder / "a-page2.png")
    assert run_cli("read", folder, "--draw", drawn)[0] == 0
    assert sorted(path.name for path in drawn.iterdir()) == ["a-page2-2.png", "a-page2.png", "a.png"]


FORMS = ("txt", "json", "csv", "tsv", "hocr")


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_part_by_part_is_what_is_written_at_once(form: str, sheet: np.ndarray, tmp_path: Path) -> None:
    documents = [("a.png", inkdigits.read(sheet, "line")), ("b.png", inkdigits.read(sheet[:, ::-1], "line"))]
    path = tmp_path / f"kept.{form}"
    with exporters.form_of(form, several=True).growing(path) as add:
        for document in documents:
            add(document)
    assert path.read_text(encoding="utf-8") == exporters.as_text(documents, form)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMS)
def test_what_was_read_before_a_stop_is_kept(
    form: str, sheet: np.ndarray, tmp_path: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        Image.fromarray(sheet).save(tmp_path / f"{number}.png")
    output = tmp_path / f"kept.{form}"
    output.write_text("of the last time")
    real, calls = Reader.read_many, []

    def read_many(self: Reader, *arguments: Any, **named: Any) -> list[Any]:
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return real(self, *arguments, **named)

    monkeypatch.setattr("inkdigits.cli.read._BATCH", 1)
    monkeypatch.setattr(Reader, "read_many", read_many)
    code, _, said = run_cli("read", *sorted(tmp_path.glob("*.png")), "-o", output)
    assert code == 130
    assert f"kept.{form}.part holds 3 of 5 pictures" in said
    assert output.read_text() == "of the last time"
    kept = (tmp_path / f"kept.{form}.part").read_text(encoding="utf-8")
    if form == "json":
        assert len(json.loads(kept)) == 3
    elif form == "hocr":
        assert len(ET.fromstring(kept).findall(".//*[@class='ocr_page']")) == 3
    else:
        assert kept.count("2.png") >= 1
        assert "3.png" not in kept


def test_a_killed_reading_leaves_what_it_has_done(sheet: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "kept.csv"
    reading = inkdigits.read(sheet, "line")
    with exporters.form_of("csv").growing(path) as add:
        add(("a.png", reading))
        assert (tmp_path / "kept.csv.part").read_text() == exporters.as_text([("a.png", reading)], "csv")


def test_no_part_of_what_is_written_is_read(sheet: np.ndarray, tmp_path: Path, run_cli: Cli) -> None:
    picture = tmp_path / "kept.csv.part"
    Image.fromarray(sheet).save(picture, "PNG")
    before = picture.read_bytes()
    code, _, said = run_cli("read", picture, "-o", tmp_path / "kept.csv")
    assert (code, "is to be read" in said, picture.read_bytes() == before) == (2, True, True)
