from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import inkdigits
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, UsageError
from inkdigits.forms.search import most_probable
from inkdigits.forms.template import Field, Template
from inkdigits.geometry import perspective
from inkdigits.reading.overlay import IGNORED, SURE, UNSURE
from inkdigits.reading.rectify import rectified

CELL = 48
#: A field without fault.
FIELD = {"name": "a", "box": [0, 0, 1, 1]}


def sheet_of(sample: Dataset, rows: list[str]) -> np.ndarray:
    """Paper with a drawn grid, a test digit in each cell, and nothing where there is a dot: uint8 (H, W)."""
    images, labels = sample.split("test").labelled()
    rng = np.random.default_rng(4)
    height, width = CELL * len(rows), CELL * len(rows[0])
    ink = np.zeros((height + 2, width + 2), np.uint8)
    ink[::CELL], ink[1::CELL], ink[:, ::CELL], ink[:, 1::CELL] = 200, 200, 200, 200
    for r, row in enumerate(rows):
        for c, character in enumerate(row):
            if character != ".":
                y, x = r * CELL + 10, c * CELL + 10
                ink[y : y + 28, x : x + 28] |= images[rng.choice(np.flatnonzero(labels == int(character)))]
    return 255 - ink


def rows_of(*texts: dict[str, float], signs: str = "") -> list[dict[str, float]]:
    """Probabilities of candidates from what is worth telling; the rest goes to all alike."""
    symbols = [*"0123456789", *signs, ""]
    rows = []
    for told in texts:
        rest = (1 - sum(told.values())) / len(symbols)
        rows.append({symbol: rest + told.get(symbol, 0.0) for symbol in symbols})
    return rows


def test_without_constraints_the_best_of_each_place_is_the_text() -> None:
    text, confidence = most_probable(rows_of({"4": 0.9}, {"": 0.95}, {"7": 0.8}), lambda text: text)
    assert text == "47"
    assert confidence == pytest.approx(0.91 * 0.955 * 0.82, abs=0.01)


def test_a_check_digit_mends_a_doubtful_digit() -> None:
    rows = rows_of({"7": 0.99}, {"9": 0.99}, {"9": 0.5, "4": 0.49}, {"2": 0.99}, {"7": 0.99}, {"3": 0.99})
    wanted = inkdigits.Field("n", (0, 0, 1, 1), check="luhn")
    assert most_probable(rows, lambda text: text)[0] == "799273"
    text, confidence = most_probable(rows, Field("n", (0, 0, 1, 1), check=lambda t: t == "794273").says)
    assert (text, confidence > 0.99) == ("794273", True)
    assert wanted.says("79927398713") == "79927398713"
    assert wanted.says("79927398714") is None


def test_two_texts_that_both_fit_share_the_confidence() -> None:
    rows = rows_of({"1": 0.5, "7": 0.5}, {"5": 1.0})
    text, confidence = most_probable(rows, Field("n", (0, 0, 1, 1), allowed=["15", "75"]).says)
    assert text in ("15", "75")
    assert confidence == pytest.approx(0.5, abs=0.01)


def test_a_length_drops_what_is_least_probably_a_digit() -> None:
    rows = rows_of({"1": 0.9}, {"2": 0.6, "": 0.35}, {"3": 0.9})
    assert most_probable(rows, Field("n", (0, 0, 1, 1), length=3).says)[0] == "123"
    assert most_probable(rows, Field("n", (0, 0, 1, 1), length=2).says)[0] == "13"
    assert most_probable(rows, Field("n", (0, 0, 1, 1), length=(4, 9)).says) == (None, 0.0)


def test_a_pattern_tells_a_slash_from_a_1() -> None:
    slash = {"1": 0.7, "/": 0.25}
    rows = rows_of(
        {"2": 0.999}, {"4": 0.999}, slash, {"1": 0.999}, {"2": 0.999}, slash, *({c: 0.999} for c in "2023"), signs="/"
    )
    text, confidence = most_probable(rows, Field("day", (0, 0, 1, 1), pattern="dd/dd/dddd").says)
    assert (text, confidence > 0.9) == ("24/12/2023", True)
    # It may have been overlooked: eight digits say the same, and the text has the form that was asked for.
    digits_alone = rows_of(*({c: 0.999} for c in "24122023"), signs="/")
    assert most_probable(digits_alone, Field("day", (0, 0, 1, 1), pattern="dd/dd/dddd").says)[0] == "24/12/2023"


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("d.dd", {"1.50": "1.50", "1,50": "1.50", "150": "1.50", "15": None, "1-50": None, "15.0": None}),
        ("d?d/d?d", {"3/4": "3/4", "12/4": "12/4", "124": None, "3/123": None}),
        ("dd dd", {"1234": "12 34", "123": None}),
        ("date", {"24/12/2023": "24/12/2023", "24,12,23": "24.12.23", "2024-02-29": "2024-02-29", "24122023": "24122023"}),
        ("date", {"31/02/2023": None, "24/12-2023": None, "24/12/0023": None, "2412": None, "12/24/2023": "12/24/2023"}),
        ("time", {"12:30": "12:30", "9.05": "9.05", "23:59:59": "23:59:59", "24:00": None, "12:60": None, "1230": None}),
        ("amount", {"12.50": "12.50", "1.250,50": "1.250,50", "48000,-": "48000,-", "1.250": "1.250", "1.2": None, "-5": None}),
        ("score", {"3:2": "3:2", "21-19": "21-19", "32": None, "3:": None}),
    ],
)
def test_patterns(pattern: str, texts: dict[str, str | None]) -> None:
    field = Field("a", (0, 0, 1, 1), pattern=pattern)
    assert {text: field.says(text) for text in texts} == texts


def test_a_meter_never_runs_back() -> None:
    assert [Field("m", (0, 0, 1, 1), previous="04732").says(text) for text in ("04731", "04732", "05000")] == [
        *(None, "04732", "05000"),
    ]
    down = Field("m", (0, 0, 1, 1), previous="120", monotone="down")
    assert [down.says(text) for text in ("119", "121")] == ["119", None]
    rows = rows_of({"0": 0.9}, {"4": 0.9}, {"1": 0.5, "7": 0.45}, {"3": 0.9}, {"5": 0.9})
    assert most_probable(rows, Field("m", (0, 0, 1, 1), previous="04732").says)[0] == "04735"
    half = Field("h", (0, 0, 1, 1), pattern="d?d?½", range=(0, 10))
    assert [half.says(text) for text in ("2½", "12½", "½")] == ["2½", None, "½"]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    places=st.integers(1, 4),
    modulus=st.integers(2, 12),
)
def test_the_search_agrees_with_trying_every_text(seed: int, places: int, modulus: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(11, 0.15), places)
    masses: dict[str, float] = {}
    for number in range(11**places):
        symbols = [number // 11**i % 11 for i in range(places)]
        text = "".join(str(s) for s in symbols if s != 10)
        if text and int(text) % modulus == 0:
            levels = [max(float(row[s]), 1e-12) / np.maximum(row, 1e-12).sum() for s, row in zip(symbols, rows, strict=True)]
            masses[text] = masses.get(text, 0.0) + float(np.prod(levels))
    best = max(masses, key=masses.__getitem__)
    named = [dict(zip([*"0123456789", ""], row.tolist(), strict=True)) for row in rows]
    text, confidence = most_probable(named, lambda t: t if t and int(t) % modulus == 0 else None)
    assert masses[str(text)] == pytest.approx(masses[best], rel=1e-3)
    assert confidence == pytest.approx(masses[best] / sum(masses.values()), rel=1e-2, abs=1e-5)


def test_a_grid_in_a_photo(sample: Dataset) -> None:
    rows = ["31.4", ".592", "65.."]
    sheet = Image.fromarray(sheet_of(sample, rows))
    photo = Image.new("L", (420, 360), 180)
    corners = ((60.0, 40.0), (350.0, 70.0), (330.0, 300.0), (40.0, 260.0))
    height, width = sheet.height, sheet.width
    # The map from the photo back to the sheet, through the same code that the reader uses, turned round.
    numbers = perspective(np.array(corners), np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64))
    warped = sheet.transform(photo.size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC, fillcolor=0)
    mask = Image.new("L", sheet.size, 255).transform(photo.size, Image.Transform.PERSPECTIVE, numbers, fillcolor=0)
    photo.paste(warped, mask=mask)
    found = inkdigits.find_sheet(photo)
    shape = found.frame or found.sheet  # the cells fill the sheet: the one is the other
    assert shape is not None
    np.testing.assert_allclose(np.array(shape) * photo.size, corners, atol=8)
    fields = inkdigits.read_fields(photo, Template.grid(3, 4, corners="find", optional=True))
    read = ["".join(fields[f"r{r + 1}c{c + 1}"].best_text or "." for c in range(4)) for r in range(3)]
    assert read == rows


def test_rectifying_undoes_nothing_where_the_corners_are_the_pictures() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    np.testing.assert_array_equal(rectified(picture, whole), picture)
    assert rectified(picture, whole, aspect=3.0).shape == (20, 60)


def test_cells_and_lines_of_a_form(sample: Dataset) -> None:
    sheet = sheet_of(sample, ["2024", "1171"])
    template = {
        "fields": [
            {"name": "year", "box": [0, 0, 1, 0.5], "cells": 4, "allowed": ["2024", "2025"]},
            {"name": "day", "box": [0.5, 0.5, 1, 1], "cells": 2, "length": 2},
        ]
    }
    found = inkdigits.read_fields(sheet, template)
    assert found["year"].text == "2024"
    assert found["year"].confidence > 0.99
    assert type(found["year"].confidence) is float
    assert found["day"].best_text == "71"
    assert len(found["year"].digits) == 4
    assert found["day"].digits[0].box[0] >= 2 * CELL - 2


def test_corners_that_span_no_sheet() -> None:
    for corners in ([[0, 0], [1, 1], [1, 1], [0, 1]], [[0, 0], [0, 1], [1, 1], [1, 0]], [[0, 0], [1, 0], [0.2, 0.2], [0, 1]]):
        with pytest.raises(ImageError, match="span no sheet"):
            inkdigits.read_fields(np.full((90, 90), 9, np.uint8), {"grid": {"rows": 1, "columns": 1}, "corners": corners})


def test_no_frame() -> None:
    with pytest.raises(ImageError, match="no frame"):
        inkdigits.read_fields(np.full((200, 200), 250, np.uint8), Template.grid(2, 2, corners="find"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "lacks 'fields'"),
        ({"fields": []}, "at least 1 item"),
        ({"fields": [{"name": "a"}]}, r"fields\[0\] lacks 'box'"),
        ({"fields": [{"name": 3, "box": [0, 0, 1, 1]}]}, r"fields\[0\].name is 3: it should be a valid string"),
        ({"fields": [{"name": "", "box": [0, 0, 1, 1]}]}, r"name is '': it should have at least 1 character"),
        ({"fields": [5]}, r"fields\[0\] is 5: it should be a dictionary"),
        ({"fields": [{"name": "a", "box": [0, 0, 1]}]}, r"fields\[0\].box lacks 3"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, "1"]}]}, r"box\[3\] is '1': it should be a valid number"),
        ({"fields": [{"name": "a", "box": [0, 0, 2, 1]}]}, r"box\[2\] is 2: it should be less than or equal to 1"),
        ({"fields": [{"name": "a", "box": [0.5, 0, 0.2, 1]}]}, "give left < right"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "optional": "no"}]}, "optional is 'no': it should be a valid boolean"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "allowed": ["ab"]}]}, r"allowed\[0\] is 'ab'"),
        (
            {"fields": [{"name": "a", "box": [0, 0, 1, 1], "allowed": [2024]}]},
            r"allowed\[0\] is 2024: it should be a valid string",
        ),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "allowed": "2024"}]}, "allowed is '2024'"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "cells": 3, "length": 5}]}, "at most 3"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "cells": 2.5}]}, "cells is 2.5: it should be a valid integer"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "length": [3]}]}, r"length is \[3\]"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "length": [5, 2]}]}, "least and the most"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "length": "5"}]}, "length is '5'"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "check": "crc"}]}, "check is 'crc': it should be 'luhn'"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "pattern": "mm/dd"}]}, "pattern is 'mm/dd': use date, time, amount"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "pattern": "/"}]}, "pattern is '/'"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "pattern": "d?" * 13}]}, "is too long: give 64 characters"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "pattern": "d" * 65}]}, "is too long: give 64 characters"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "range": [9, 1]}]}, "least and the most"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "monotone": "down"}]}, "counts down from nothing"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "previous": 12}]}, "previous is 12"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "check": 97}]}, "or be callable"),
        ({"fields": [{"name": "a", "box": [0, 0, 1, 1], "colour": "red"}]}, r"fields\[0\] has the unknown key 'colour'"),
        ({"fields": [FIELD, FIELD]}, "called a"),
        ({"fields": [FIELD], "corner": 1}, "unknown key 'corner'"),
        ({"fields": [FIELD], "corners": "left"}, "corners is 'left': it should be a valid tuple or be 'find'"),
        ({"fields": [FIELD], "corners": [[0, 0]]}, "corners lacks 1"),
        ({"fields": [FIELD], "corners": 5}, "corners is 5"),
        ({"fields": [FIELD], "corners": [[60, 40], [350, 70], [330, 300], [40, 260]]}, r"corners\[0\]\[0\] is 60"),
        ({"fields": [FIELD], "aspect": "wide"}, "aspect is 'wide': it should be a valid number"),
        ({"grid": {"rows": 9}}, "the grid lacks 'columns'"),
        ({"grid": {"rows": 9, "columns": 9, "colour": 1}}, "unknown key 'colour'"),
        ({"grid": {"rows": 9, "columns": 9}, "aspect": 1}, "leave out one of them"),
        ({"grid": {"rows": 0, "columns": 3}}, "rows is 0: it should be greater than or equal to 1"),
        ({"grid": 5}, "the grid is 5: it should be a valid dictionary$"),
        ({"grid": {"rows": 2, "columns": 2, "box": [0, 0, 1, 1]}}, "the grid has the unknown key 'box'"),
        ({"grid": {"rows": 2, "columns": 2, "cells": 3}}, "the grid has the unknown key 'cells'"),
        ({"grid": {"rows": 2, "columns": 2, "check": "crc"}}, "the grid: check is 'crc'"),
    ],
)
def test_templates_that_cannot_be(content: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Template.from_dict(content)


def test_the_command(sample: Dataset, tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    Image.fromarray(sheet_of(sample, ["42", "7."])).save(tmp_path / "form.png")
    (tmp_path / "form.json").write_text(json.dumps({"grid": {"rows": 2, "columns": 2, "optional": True}}))
    code, out, err = run_cli("read", "--fields", tmp_path / "form.json", tmp_path / "form.png")
    assert (code, err) == (0, "")
    assert out == "r1c1\t4\nr1c2\t2\nr2c1\t7\nr2c2\t\n"
    code, _, err = run_cli("read", "--fields", tmp_path / "none.json", tmp_path / "form.png")
    assert code == 2
    assert "none.json does not exist" in err
    code, _, err = run_cli("read", "--fields", tmp_path, tmp_path / "form.png")
    assert (code, err.count("\n")) == (2, 1)


def test_plain_data_may_hold_tuples_in_place_of_lists() -> None:
    box, length = (0, 0, 0.5, 1), (2, 4)
    wanted = Template((Field("a", box, length=length),))
    assert Template.from_dict({"fields": ({"name": "a", "box": box, "length": length},)}) == wanted
    assert Template.from_dict({"fields": [{"name": "a", "box": list(box), "length": list(length)}]}) == wanted


def test_every_sheet_of_a_file_is_a_row(sample: Dataset, tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    first, second = (Image.fromarray(sheet_of(sample, rows)) for rows in (["42", "7."], ["10", "63"]))
    first.save(tmp_path / "forms.tif", save_all=True, append_images=[second])
    (tmp_path / "form.json").write_text(json.dumps({"grid": {"rows": 2, "columns": 2, "optional": True}}))
    words = ["read", "--fields", tmp_path / "form.json", tmp_path / "forms.tif"]
    assert run_cli(*words)[1].splitlines()[3:5] == ["1\tr2c2\t", "2\tr1c1\t1"]
    assert run_cli(*words, "-o", tmp_path / "found.csv")[0] == 0
    rows = list(csv.DictReader((tmp_path / "found.csv").open()))
    assert [[row[f"r{r}c{c}"] for r in (1, 2) for c in (1, 2)] for row in rows] == [["4", "2", "7", ""], ["1", "0", "6", "3"]]
    assert [row["page"] for row in rows] == ["1", "2"]
    assert all(0.9 < float(row["r1c1 confidence"]) <= 1 for row in rows)
    assert run_cli(*words, "-o", tmp_path / "found.json")[0] == 0
    plain = json.loads((tmp_path / "found.json").read_text())
    assert [sheet["fields"]["r2c1"]["text"] for sheet in plain] == ["7", "6"]
    for asked in (["-o", tmp_path / "found.hocr"], ["--mode", "digit"], ["--explain", tmp_path / "x.png"]):
        assert run_cli(*words, *asked)[0] == 2


def test_forms_are_drawn(sample: Dataset, tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    """Each field has its box, in the colour of what is known of it, on every page."""
    sheets = [sheet_of(sample, rows) for rows in (["42", "7."], ["10", "63"])]
    first, second = map(Image.fromarray, sheets)
    first.save(tmp_path / "forms.tif", save_all=True, append_images=[second])
    (tmp_path / "form.json").write_text(json.dumps({"grid": {"rows": 2, "columns": 2, "optional": True}}))
    words = ["read", tmp_path / "forms.tif", "--fields", tmp_path / "form.json", "--draw", tmp_path / "out.png"]
    assert run_cli(*words)[0] == 0
    found = list(inkdigits.read_fields_pages(tmp_path / "forms.tif", tmp_path / "form.json"))
    for name, form, sheet in zip(("out.png", "out-page2.png"), found, sheets, strict=True):
        drawn = Image.open(tmp_path / name)
        assert drawn.tobytes() == form.draw().tobytes()
        np.testing.assert_array_equal(form.sheet, sheet)
        assert pickle.loads(pickle.dumps(form)) == form
        scale = drawn.width / sheet.shape[1]
        for field in form.template.fields:
            colour = SURE if form[field.name].text else IGNORED
            across, down = (field.box[0] + field.box[2]) / 2, field.box[3]
            x, y = across * drawn.width, min(down * drawn.height, drawn.height - 1)
            near = drawn.crop((round(x - 3), round(y - 3), round(x + 3), round(y + 3)))
            assert colour in {colours for _, colours in near.getcolors() or []}, (field.name, scale)
    doubtful = inkdigits.read_fields(sheets[0], tmp_path / "form.json", min_confidence=1.0)
    assert UNSURE in {colour for _, colour in doubtful.draw().getcolors(1 << 20) or []}


def test_a_sign_without_a_place_is_told(run_cli: Callable[..., tuple[int, str, str]], tmp_path: Path, sample: Dataset) -> None:
    """A decimal point that is dropped makes another number of it."""
    images, labels = sample.split("test").labelled()
    paper = np.full((60, 200), 255, np.uint8)
    for place, digit in enumerate((1, 2, 0, 5)):
        image = images[np.flatnonzero(labels == digit)[3]]
        paper[16:44, 20 + 36 * place + 14 * (place > 1) :][:, :28] -= image
    paper[36:41, 93:98] = 0
    (tmp_path / "form.json").write_text('{"fields": [{"name": "sum", "box": [0, 0, 1, 1]}]}')
    Image.fromarray(paper).save(tmp_path / "sum.png")
    words = ["read", tmp_path / "sum.png", "--fields", tmp_path / "form.json", "--max-error", "1"]
    code, out, err = run_cli(*words)
    assert (code, out) == (0, "sum\t1205\n")
    assert "was seen in the field sum, and left out" in err
    plain = json.loads(run_cli(*words, "--json")[1])["fields"]["sum"]
    assert plain["left_out"] == inkdigits.read_fields(paper, tmp_path / "form.json")["sum"].left_out != ""
    (tmp_path / "form.json").write_text('{"fields": [{"name": "sum", "box": [0, 0, 1, 1], "pattern": "amount"}]}')
    code, out, err = run_cli(*words)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fields": [{**FIELD, "cells": 100_000}]}, "100000 places for digits, more than 2000"),
        ({"fields": [{**FIELD, "name": f"f{i}"} for i in range(2_001)]}, "2001 places for digits, more than 2000"),
        ({"grid": {"rows": 1000, "columns": 1000}}, "1000000 places for digits, more than 2000"),
        ({"fields": [{**FIELD, "name": "=1+1"}]}, "a field is called '=1\\+1': begin with a letter or digit"),
        ({"fields": [{**FIELD, "name": "a\nb"}]}, "use no control characters"),
    ],
)
def test_templates_that_ask_for_too_much(content: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Template.from_dict(content)


def test_a_template_that_is_nested_too_deep(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match=r"the template .*nested too deep"):
        Template.load(tmp_path / "t.json")


@pytest.mark.parametrize("name", ["", "\0", "a\0b", "\ud800", "x" * 5000])
def test_names_that_no_file_has(name: str) -> None:
    with pytest.raises(UsageError, match=r"name the JSON file|does not exist"):
        Template.load(name)
