from __future__ import annotations

import numpy as np
import pytest

from inkdigits import preparation
from inkdigits.dataset import Dataset
from inkdigits.inference.classifier import load_model
from inkdigits.synthesis import allographs, fonts, marks
from inkdigits.synthesis.strokes import HEIGHT, SIDE, Placement, curve, draw, from_lines


def test_the_pen_is_as_wide_as_it_was_asked_to_be() -> None:
    bar = from_lines([[(10, SIDE / 2), (SIDE - 10, SIDE / 2)]])
    for pen in (2.0, 5.0, 9.0):
        layer = np.zeros((100, 200), np.float32)
        draw(layer, bar, Placement(100, 50, 2.0, 2.0), pen, 1.0, np.random.default_rng(0))
        assert layer[:, 100].sum() == pytest.approx(pen, abs=1.0)


@pytest.mark.parametrize("lean", [{}, {"shear": 0.4}, {"rotate_deg": 30.0}, {"scale_x": 0.7}])
def test_the_box_is_around_the_ink(lean: dict[str, float], sample: Dataset) -> None:
    strokes = allographs.DigitStrokes(sample.split("train"))
    rng = np.random.default_rng(1)
    for label in range(10):
        layer = np.zeros((120, 120), np.float32)
        place = Placement(**{"x": 60.0, "y": 60.0, "scale_x": 1.0, "scale_y": 1.0, **lean})
        left, top, right, bottom = draw(layer, strokes.pick(label, rng), place, 4.0, 1.0, rng)
        rows, columns = np.nonzero(layer > 0.05)
        assert left <= columns.min()
        assert columns.max() < right
        assert top <= rows.min()
        assert rows.max() < bottom
        assert max(right - left, bottom - top) <= 1.6 * HEIGHT


def test_ink_outside_of_the_layer_is_cut_not_wrapped() -> None:
    layer = np.zeros((30, 30), np.float32)
    glyph = from_lines([[(10, 42), (74, 42)]])
    draw(layer, glyph, Placement(0, 15, 0.4, 0.4), 3.0, 1.0, np.random.default_rng(0))
    assert layer[15, 5] > 0.9
    assert not layer[:, 20:].any()
    draw(layer, glyph, Placement(500, 500, 0.4, 0.4), 3.0, 1.0, np.random.default_rng(0))


def test_a_spline_goes_through_its_points() -> None:
    points = [(0.0, 0.0), (5.0, 9.0), (12.0, 3.0)]
    along = np.array(curve(points))
    for point in points:
        assert np.abs(along - point).sum(1).min() < 1e-9


def test_reinked_digits_are_still_themselves(sample: Dataset) -> None:
    """A network that knows MNIST alone reads MNIST's strokes after another pen has drawn them."""
    strokes, rng = allographs.DigitStrokes(sample.split("test").take(np.arange(300))), np.random.default_rng(0)
    redrawn, wanted = [], []
    for label in np.repeat(np.arange(10), 20):
        layer = np.zeros((60, 60), np.float32)
        draw(layer, strokes.pick_solid(int(label), rng), Placement(30, 30, 0.6, 0.6), 2.5, 1.0, rng)
        redrawn.append(preparation.prepare((255 * layer).astype(np.uint8)))
        wanted.append(label)
    assert (load_model().predict(np.stack(redrawn)) == wanted).mean() >= 0.97


def test_drawn_ones_have_their_upstroke_on_the_left() -> None:
    rng = np.random.default_rng(2)
    left = right = 0.0
    for _ in range(50):
        layer = np.zeros((80, 80), np.float32)
        draw(layer, allographs.one(rng), Placement(40, 40, 1, 1), 3.0, 1.0, rng)
        middle = int(layer.sum(0).argmax())
        left += layer[:50, :middle].sum()
        right += layer[:50, middle + 1 :].sum()
    assert left > 1.5 * right


def test_letters_that_could_be_digits_are_no_counterexamples() -> None:
    assert set("IlOoSsZzbgpq").isdisjoint(marks.LETTERS)
    for text in marks.LETTERS:
        assert marks.printed(text, "DejaVuSans").any()


@pytest.mark.parametrize("label", sorted(allographs.DRAWN))
def test_drawn_digits_stay_on_their_map_and_are_as_high_as_others(label: int) -> None:
    rng = np.random.default_rng(label)
    _, allograph = allographs.DRAWN[label]
    for glyph in (allograph(rng) for _ in range(60)):
        left, top, right, bottom = glyph.bounds
        assert 0 <= left < right <= SIDE
        assert 0 <= top < bottom <= SIDE
        assert 0.7 * HEIGHT < bottom - top < 1.4 * HEIGHT


def test_digits_of_fonts_are_solid_and_whole() -> None:
    for face in fonts.every_face():
        inks = []
        for digit in "0123456789":
            glyph = fonts.glyph(digit, face)
            left, top, right, bottom = glyph.bounds
            assert glyph.solid
            assert 0 <= left < right <= SIDE
            assert 0 <= top < bottom <= SIDE
            inks.append((glyph.distance == 0).tobytes())
        assert len(set(inks)) == 10
