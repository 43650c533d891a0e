"""Where marks stand → lines, pieces, words and cells, whichever way the page lies."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from inkdigits.errors import UsageError
from inkdigits.inference.detector import Found
from inkdigits.reading.columns import columns_of
from inkdigits.reading.cutting import cut
from inkdigits.reading.layout import Piece, direction, pieces_of, word_ends
from inkdigits.reading.reading import Reading
from inkdigits.reading.results import Digit, Line, Page, Word


def marks(places: list[tuple[float, float]], tall: float = 20.0, turn: float = 0.0) -> Found:
    """Digits with their middles at places on a page that is turned clockwise by an angle in radians."""
    around = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    count = len(places)
    ups = np.tile(np.array([0, -tall / 2]) @ around, (count, 1))
    return Found(
        np.tile(np.float32([0.9, 0]), (count, 1)),
        (np.array(places) @ around).astype(np.float32).reshape(-1, 2),
        ups.astype(np.float32),
        np.full(count, 0.35 * tall, np.float32),
        np.full((count, 10), 0.1, np.float32),
    )


def lines_of(found: Found) -> list[list[Piece]]:
    return pieces_of(found, direction(found))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=5),
    st.floats(-np.pi, np.pi),
    st.randoms(use_true_random=False),
)
def test_lines_are_found_whichever_way_the_page_lies(lengths: list[int], turn: float, random: object) -> None:
    places = [(40.0 + 18 * column, 30.0 + 44 * row) for row, length in enumerate(lengths) for column in range(length)]
    order = np.array(random.sample(range(len(places)), len(places)))  # type: ignore[attr-defined]
    lines = lines_of(marks([places[i] for i in order], turn=turn))
    found = [[order[row] for piece in line for row in piece.digits] for line in lines]
    starts = np.cumsum([0, *lengths])
    assert found == [list(range(start, end)) for start, end in itertools.pairwise(starts)]


def test_one_digit_on_its_side_among_upright_ones_does_not_lead_the_others_astray() -> None:
    found = marks([(20.0 * i, 50.0) for i in range(6)])
    found.ups[2] = (-7.0, 0.0)
    found.half_widths[2] = 10.0
    (line,) = lines_of(found)
    (piece,) = line
    assert piece.digits.tolist() == list(range(6))
    left, top, right, bottom = piece.places[2]
    assert (right - left, bottom - top) == pytest.approx((14, 20), abs=0.5)


def test_a_line_is_cut_at_wide_gaps_and_where_the_height_changes() -> None:
    (line,) = lines_of(marks([(0, 0), (16, 0), (90, 1), (106, 1)]))
    assert [piece.digits.tolist() for piece in line] == [[0, 1], [2, 3]]


def test_a_piece_is_cut_out_as_it_stands_and_as_it_is_turned() -> None:
    page = Image.new("L", (400, 300), 230)
    pen = ImageDraw.Draw(page)
    for i in range(4):
        pen.rectangle((100 + 30 * i, 120, 114 + 30 * i, 160), fill=40)
    places = [(107.5 + 30 * i, 140.5) for i in range(4)]
    upright = cut(np.asarray(page), lines_of(marks(places, tall=41))[0][0])
    around = (page.width / 2, page.height / 2)
    for turn_deg in (-25, 10, 90, 180):
        turned = page.rotate(-turn_deg, Image.Resampling.BICUBIC, fillcolor=230)
        away = np.radians(turn_deg)
        matrix = np.array([[np.cos(away), np.sin(away)], [-np.sin(away), np.cos(away)]])
        found = marks([tuple(np.array(place) - around) for place in places], tall=41, turn=away)
        np.testing.assert_allclose(found.centres[0], (np.array(places[0]) - around) @ matrix, atol=1e-3)
        found.centres[:] += np.float32(around)
        piece = cut(np.asarray(turned), lines_of(found)[0][0])
        assert np.abs(np.array(piece.picture.shape) - upright.picture.shape).max() <= 1
        rows, columns = (min(a, b) for a, b in zip(piece.picture.shape, upright.picture.shape, strict=True))
        off = piece.picture[:rows, :columns].astype(int) - upright.picture[:rows, :columns]
        assert np.abs(off).mean() < 12
        for number, place in enumerate(piece.places()):
            box = piece.box(place, (300, 400))
            middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
            np.testing.assert_allclose(middle, found.centres[number], atol=2)


@settings(max_examples=60, deadline=None)
@given(st.floats(6, 300), st.integers(1, 60), st.floats(-0.5, 0.5))
def test_places_lead_back_to_the_page_along_the_whole_line(tall: float, count: int, turn: float) -> None:
    """Rounding to whole pixels, which is not the same along and down, must not add up along a line."""
    found = marks([(60 + 0.9 * tall * i, 60 + tall) for i in range(count)], tall, turn)
    for piece in lines_of(found)[0]:
        piece_cut = cut(np.zeros((80, 120), np.uint8), piece)
        for row, place in zip(piece.digits, piece_cut.places(), strict=True):
            np.testing.assert_allclose(piece_cut.on_page(place).mean(0), found.centres[row], atol=0.02 * tall)


def test_a_piece_at_the_border_repeats_it() -> None:
    page = np.full((40, 60), 200, np.uint8)
    piece = cut(page, lines_of(marks([(4.0, 6.0), (20.0, 6.0)], tall=20))[0][0])
    assert (piece.picture == 200).all()


def test_words_end_at_wide_gaps() -> None:
    assert word_ends([], [], 20) == []
    assert word_ends([0, 50, 100, 150], [14, 64, 114, 164], 20) == [4]  # a digit in each cell of a form
    assert word_ends([0, 16, 32, 80, 96], [14, 30, 46, 94, 110], 20) == [3, 5]
    assert word_ends([0, 60, 76, 92, 150], [14, 74, 90, 106, 164], 20) == [1, 4, 5]  # columns of a table
    assert word_ends([0, 90, 180, 270, 286], [14, 104, 194, 284, 300], 20) == [1, 2, 3, 5]  # … of single digits


# --- Tables ----------------------------------------------------------------------------------------------------------


def page_of(rows: list[list[tuple[str, int]]], turned: bool = False) -> Page:
    """A page of words that begin at given columns of pixels."""

    def digit(label: str, x: int, y: int) -> Digit:
        box = (300 - y - 16, x, 300 - y, x + 10) if turned else (x, y, x + 10, y + 16)
        return Digit(int(label), np.eye(10, dtype=np.float32)[int(label)], box)

    lines = [
        Line(tuple(Word(tuple(digit(c, x + 12 * i, 40 * row) for i, c in enumerate(text))) for text, x in words))
        for row, words in enumerate(rows)
    ]
    return Page(tuple(lines), size=(300, 300))


@pytest.mark.parametrize("turned", [False, True])
def test_words_below_one_another_are_a_column(turned: bool) -> None:
    page = page_of([[("12", 0), ("305", 80), ("7", 160)], [("4", 8), ("160", 82)], [("9", 3), ("81", 161)]], turned)
    reading = Reading((page,))
    assert reading.to_csv("table") == "12,305,7\n4,160,\n9,,81\n"
    assert [(cell.row, cell.column, cell.word.text) for cell in page.cells][3:] == [
        (2, 1, "4"),
        (2, 2, "160"),
        (3, 1, "9"),
        (3, 3, "81"),
    ]


@pytest.mark.parametrize(
    ("rows", "table"),
    [
        # A sum below two columns joins them no more than a wide heading does.
        ([[("12", 0), ("34", 60), ("5", 120)], [("7", 0), ("8", 72)], [("1234567", 20)]], "12,34,5\n7,8,\n,1234567,\n"),
        # The right ends stand below one another.
        ([[("1234", 0), ("5", 100)], [("34", 24), ("67", 90)], [("4", 36)]], "1234,5\n34,67\n4,\n"),
        # A column that the longest line lacks.
        ([[("1", 0), ("2", 60), ("3", 180)], [("4", 60), ("5", 120)], [("6", 122)]], "1,2,,3\n,4,5,\n,,6,\n"),
        # A number with a gap in it stays in its column.
        ([[("12345", 0), ("1", 120), ("2", 180)], [("12", 0), ("45", 36), ("7", 120)]], "12345,1,2\n12 45,7,\n"),
    ],
)
def test_how_words_stand_in_columns(rows: list[list[tuple[str, int]]], table: str) -> None:
    assert Reading((page_of(rows),)).to_csv("table") == table


@settings(deadline=None, max_examples=50)
@given(
    cells=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=12).filter(
        lambda rows: all(map(any, zip(*rows, strict=True))) and [True] * 4 in rows
    ),
    shift=st.floats(-3, 3),
)
def test_a_table_with_empty_cells_is_given_back(cells: list[list[bool]], shift: float) -> None:
    """Each line may be moved a little."""
    lines = [[(40 * c + r % 2 * shift, 40 * c + 20 + r % 2 * shift) for c in range(4) if row[c]] for r, row in enumerate(cells)]
    assert columns_of(lines) == [[c + 1 for c in range(4) if row[c]] for row in cells]


def test_layouts_that_cannot_be() -> None:
    reading = Reading((page_of([[("12", 0)]]),))
    with pytest.raises(UsageError, match="no layout 'grid'"):
        reading.to_csv("grid")  # type: ignore[arg-type]
    assert Reading((Page(()),)).to_csv("table") == ""
    assert (
        Reading((Page(()), Page((), number=2), replace(page_of([[("12", 0)]]), number=3))).to_csv("table") == ",1\n,2\n,3,12\n"
    )
