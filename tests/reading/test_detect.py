from __future__ import annotations

import numpy as np

from inkdigits.reading.detect import detect


def test_a_sheet_all_of_ink_and_one_without_any() -> None:
    assert len(detect(np.full((40, 30), 255, np.uint8)).lines) == 1
    assert detect(np.zeros((40, 30), np.uint8)).lines == []


def test_detected_glyphs_are_cut_without_their_neighbours() -> None:
    inked = np.zeros((40, 60), np.uint8)
    inked[5:35, 5:10] = 255
    inked[5:35, 20:25] = 255
    found = detect(inked)
    (line,) = found.lines
    assert [glyph.box for glyph in line] == [(5, 5, 10, 35), (20, 5, 25, 35)]
    assert (found.cut(inked, line[0]) == 255).all()
