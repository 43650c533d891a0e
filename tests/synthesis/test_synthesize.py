from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.config import Project
from inkdigits.errors import DataError, UsageError
from inkdigits.synthesis.synthesize import SynthesizeSettings, maker, synthesize


@pytest.fixture
def source(small: Path, project: Project) -> str:
    return f"idx:{small}"


def test_a_folder_of_lines_with_the_truth(source: str, tmp_path: Path) -> None:
    table = synthesize(SynthesizeSettings("line", count=5, seed=3, data=source), tmp_path / "made")
    rows = list(csv.DictReader(table.open()))
    boxes = list(csv.DictReader((tmp_path / "made" / "boxes.csv").open()))
    assert [row["file"] for row in rows] == [f"{i:06d}.png" for i in range(5)]
    assert sum(len(row["text"]) for row in rows) == sum(box["character"] != "x" for box in boxes)
    for row in rows:
        assert Image.open(tmp_path / "made" / row["file"]).height == 64
        assert "".join(box["character"] for box in boxes if box["file"] == row["file"]).replace("x", "") == row["text"]
        assert "".join(filter(str.isdigit, row["text"])) == row["lines"]


def test_a_picture_depends_on_its_number_and_the_seed_alone(source: str) -> None:
    settings = SynthesizeSettings("page", seed=1, data=source)
    make, again = maker(settings), maker(settings)
    later = make(7).picture
    again(0)
    np.testing.assert_array_equal(again(7).picture, later)


def test_nothing_is_mixed_into_a_folder_that_holds_something(source: str, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        synthesize(SynthesizeSettings(data=source), tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["kept.txt"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "word"}, "it should be 'digit', 'line' or 'page'"),
        ({"count": 0}, "count is 0: it should be greater"),
        ({"height": 5}, "height is 5: it should be greater"),
        ({"text": "12a"}, "give digits"),
        ({"kind": "digit", "text": "1"}, "text is for lines and pages"),
        ({"kind": "page", "text": " | "}, "give digits"),
        ({"kind": "line", "text": "1|2"}, "give digits"),
        ({"seed": -1}, "seed is -1: it should be greater"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SynthesizeSettings(**settings)  # type: ignore[arg-type]


def test_the_command(source: str, tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run_cli("synthesize", "page", "-n", 1, "-o", tmp_path / "p", "--text", "1.2|34", "--data", source)
    assert code == 0
    assert out.strip() == str(tmp_path / "p" / "labels.csv")
    assert Path(out.strip()).read_text() == "file,lines,text\n000000.png,12|34,1.2|34\n"
