"""Scoring a reader on labelled pictures: alignment, figures that can be counted by hand, and every form of a label."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import inkdigits
from inkdigits.dataset import Dataset
from inkdigits.errors import DataError, UsageError
from inkdigits.labelled import LabelledPicture, labelled_pictures
from inkdigits.modeling.score import Score, Scored, aligned, digits_of, score
from inkdigits.service.store import Correction, Store

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., tuple[int, str, str]]
DIGITS = st.text("0123456789", max_size=12)


@given(DIGITS, DIGITS)
@settings(max_examples=200, deadline=None)
def test_an_alignment_has_both_texts_and_is_as_short_in_either_direction(true: str, read: str) -> None:
    pairs = aligned(true, read)
    assert "".join(t for t, _ in pairs if t is not None) == true
    assert "".join(r for _, r in pairs if r is not None) == read
    assert (None, None) not in pairs
    edits = sum(t != r for t, r in pairs)
    assert edits == sum(t != r for t, r in aligned(read, true))
    assert abs(len(true) - len(read)) <= edits <= max(len(true), len(read))
    assert (edits == 0) == (true == read)


@given(DIGITS, st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_unsure_stands_for_any_digit(true: str, data: st.DataObject) -> None:
    unsure = data.draw(st.sets(st.integers(0, max(0, len(true) - 1))))
    read = "".join("?" if place in unsure else digit for place, digit in enumerate(true))
    assert aligned(true, read) == list(zip(true, read, strict=True))


def scored(true: str, best: str, answered: str, group: str | None = None) -> Scored:
    return Scored(LabelledPicture(Path("x.png"), true, group=group), best, answered, best, 0.5)


def test_figures_counted_by_hand() -> None:
    found = Score(
        "these",
        [
            scored("123", "123", "123", "a"),
            scored("45", "95", "?5", "a"),  # wrong, but not given as sure
            scored("7", "77", "77", "b"),  # one is invented
            scored("88", "8", "8", "b"),  # one is silently left out
            scored("1.5", "16", "16", "b"),  # one is wrong
            scored("", "3", "?", "b"),  # nothing is there, and it is not sure that there is something
        ],
        [],
    ).to_dict()
    assert (found["count"], found["digits"], found["wrong"]) == (6, 10, 4)
    assert found["exact"] == pytest.approx(2 / 6)
    assert found["character_error_rate"] == pytest.approx(5 / 10)
    assert found["coverage"] == pytest.approx(8 / 10)
    assert found["error_answered"] == pytest.approx(2 / 9)
    assert (found["invented"], found["silent"]) == (1, 1)
    assert found["confusion"][4][9] == found["confusion"][5][6] == found["added"][7] == found["left_out"][8] == 1
    assert {group: figures["count"] for group, figures in found["groups"].items()} == {"a": 2, "b": 4}
    assert len(found["mistakes"]) == 4


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: tuple[object, ...], header: str = "file,text,mode,group,page,box") -> Path:
        folder = tmp_path / "labelled"
        folder.mkdir(exist_ok=True)
        for name in ("blackboard.png", "score_sheet.png"):
            Image.open(EXAMPLES / name).save(folder / name)
        with (folder / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])
        return folder

    return write


def test_every_kind_of_row(table: Callable[..., Path]) -> None:
    sheet = Image.open(EXAMPLES / "score_sheet.png")
    boxes = inkdigits.read(EXAMPLES / "score_sheet.png").digits
    digit = boxes[0]
    folder = table(
        ("blackboard.png", "27182818", "line", "chalk"),
        ("score_sheet.png", "79927398713|47"),
        ("score_sheet.png", "7", "", "ink", "1", " ".join(map(str, digit.box))),
    )
    pictures = labelled_pictures(folder)
    assert [picture.mode for picture in pictures] == ["line", None, "digit"]
    assert pictures[1].text == "79927398713\n47"
    found = score(pictures, inkdigits.Reader(), name="mine")
    assert [one.true for one in found.scored] == ["27182818", "7992739871347", "7"]
    assert found.to_dict()["exact"] == 1
    assert "mine: 3 pictures, 22 digits" in found.to_table()
    assert found.scored[2].picture.load().size < sheet.width * sheet.height / 50


def test_single_digits_in_folders_are_scored_as_they_are_read(tmp_path: Path, sample: Dataset, run_cli: Run) -> None:
    split = sample.split("test")
    images, labels = split.labelled()
    for number in range(60):
        label = labels[number] if number else (labels[number] + 1) % 10  # the first one's label is wrong
        (tmp_path / "own" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - images[number]).resize((90, 90)).save(tmp_path / "own" / str(label) / f"{number}.png")
    pictures = labelled_pictures(tmp_path / "own")
    readings = inkdigits.read_many([picture.path for picture in pictures], "digit")
    right = np.mean([reading.best_text == picture.text for reading, picture in zip(readings, pictures, strict=True)])
    code, out, _ = run_cli("score", tmp_path / "own", "--json", "-o", tmp_path / "s.json", "--draw", tmp_path / "w.png")
    assert code == 0
    found = json.loads(out)
    assert found == json.loads((tmp_path / "s.json").read_text())
    assert found["exact"] == pytest.approx(right)
    assert 0.9 < right < 1
    assert "own/" + str((labels[0] + 1) % 10) in found["mistakes"][0]["file"]
    assert Image.open(tmp_path / "w.png").width == 1200


def test_an_export_of_corrections_is_scored(tmp_path: Path) -> None:
    digits = inkdigits.read(EXAMPLES / "meter.jpg").digits
    corrections = [Correction(box=digit.box, label=label) for digit, label in zip(digits, (0, 4, 7, 3, 2), strict=True)]
    store = Store(tmp_path / "c.sqlite")
    store.add("meter.jpg", (EXAMPLES / "meter.jpg").read_bytes(), corrections)
    store.export(tmp_path / "export")
    found = score(labelled_pictures(tmp_path / "export"), inkdigits.Reader())
    assert sorted(one.true for one in found.scored) == sorted("04732")
    assert found.to_dict()["exact"] == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("none.png", "1"), r"row 2: there is no picture 'none.png'"),
        (("../labelled/blackboard.png", "1"), "there is no picture"),
        (("blackboard.png", "12a"), "the text is '12a': write digits"),
        (("blackboard.png", "1", "word"), "the mode is 'word'"),
        (("blackboard.png", "1", "", "", "0"), "the page is '0'"),
        (("blackboard.png", "1", "", "", "", "1 2 3"), "the box is '1 2 3'"),
        (("blackboard.png", "1", "", "", "", "1 2 3 -4"), "the box is"),
        (("blackboard.png", "1", "", "", "", "", "more"), "another number of columns"),
    ],
)
def test_a_row_that_cannot_be_is_named(table: Callable[..., Path], row: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        labelled_pictures(table(row))


def test_what_holds_no_labelled_pictures(tmp_path: Path, table: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="is no folder"):
        labelled_pictures(tmp_path / "none")
    with pytest.raises(DataError, match="holds no labelled pictures"):
        labelled_pictures(tmp_path)
    with pytest.raises(DataError, match="has the columns name, value"):
        labelled_pictures(table(header="name,value"))
    with pytest.raises(DataError, match="holds no labelled pictures"):
        labelled_pictures(table())


def test_pictures_that_cannot_be_read_are_told(table: Callable[..., Path], run_cli: Run) -> None:
    (table() / "broken.png").write_bytes(b"\x89PNG and nothing more")
    folder = table(("blackboard.png", "27182818", "line"), ("broken.png", "1"), ("blackboard.png", "2", "", "", "9"))
    code, out, _ = run_cli("score", folder)
    assert code == 1
    assert "1 picture, 8 digits" in out
    assert out.count("not read: ") == 2
    with pytest.raises(UsageError, match="none of the 1 pictures can be read"):
        score([LabelledPicture(folder / "broken.png", "1")], inkdigits.Reader())
    code, _, err = run_cli("score", folder, "-o", folder / "blackboard.png")
    assert code == 2
    assert "should end in .json" in err


def test_half_is_written_in_either_way() -> None:
    assert digits_of("6½") == digits_of("6 1/2") == "612"
