from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError
from inkdigits.synthesis import numbers, paper, scenes
from inkdigits.synthesis.allographs import DigitStrokes, OwnForms
from inkdigits.synthesis.strokes import Placement


@pytest.fixture(scope="module")
def strokes(sample: Dataset) -> DigitStrokes:
    return DigitStrokes(sample.split("train").take(np.arange(3000)))


@pytest.mark.parametrize("kind", [scenes.digit, scenes.line, scenes.page])
def test_the_same_seed_makes_the_same_scene(kind: object, strokes: DigitStrokes) -> None:
    assert callable(kind)
    first, second, other = (kind(strokes, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.picture, second.picture)
    assert first.lines == second.lines
    assert first.boxes == second.boxes
    assert first.picture.shape != other.picture.shape or (first.picture != other.picture).any()


def test_every_digit_has_a_box_in_the_picture(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        scene = scenes.line(strokes, rng)
        height, width = scene.picture.shape
        assert scene.picture.dtype == np.uint8
        assert height == 40
        assert len(scene.boxes) == len(scene.text)
        for left, top, right, bottom in scene.boxes:
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
        middles = [(left + right) / 2 for left, _, right, _ in scene.boxes]
        assert middles == sorted(middles)


def test_pages_keep_their_digits_on_the_sheet(strokes: DigitStrokes) -> None:
    for seed in range(12):
        scene = scenes.page(strokes, np.random.default_rng(seed), size=(500, 400))
        assert len(scene.boxes) == sum(map(len, scene.lines))
        for left, top, right, bottom in scene.boxes:
            assert 0 <= left < right <= 500
            assert 0 <= top < bottom <= 400


def test_a_source_without_all_digits() -> None:
    with pytest.raises(DataError, match="no images of 0, 1"):
        DigitStrokes(Split(np.zeros((3, 28, 28), np.uint8), np.array([5, 5, 5])))


def test_a_text_of_ones_own(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(0)
    line = scenes.line(strokes, rng, height=80, text="12 345")
    assert line.text == "12345"
    assert line.picture.shape[0] == 80
    page = scenes.page(strokes, rng, text="2026\n11 21")
    assert page.lines == ("2026", "1121")
    assert len(page.boxes) == 8
    assert page.boxes[0][1] < page.boxes[-1][1]


def test_pictures_without_a_digit(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(0)
    texts = [scenes.digit(strokes, rng, none=0.5).text for _ in range(200)]
    assert 60 <= texts.count("") <= 140
    assert set(texts) == {"", *"0123456789"}


def test_security_print_is_paler_than_ink_and_paper_lighter_than_both() -> None:
    rng = np.random.default_rng(0)
    pattern = paper.security_print((60, 200), rng)
    assert 0 <= pattern.min() <= pattern.max() <= 1
    assert 0.02 < pattern.mean() < 0.9
    ground = paper.blank((60, 200), rng)
    assert ground.min() > 0


def test_a_line_below_a_pixel_is_fainter_not_broken() -> None:
    layers = []
    for thickness in (0.4, 1.0):
        layer = np.zeros((20, 50), np.float32)
        paper.line(layer, (0, 10), (50, 10), thickness, 1.0)
        layers.append(layer.max(0))
    assert (layers[0] > 0.1).all()
    assert (layers[0] < layers[1]).all()


def test_signs_on_a_line_have_their_places_beside_the_digits(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(0)
    for text, signs in (
        ("24/12/2023", "//"),
        ("12.50", "."),
        ("(7)", "()"),
        ("3 × 5", "×"),
        ("2½", "½"),
        ("2¾", "/"),
        ("10:45", ":"),
    ):
        scene = scenes.line(strokes, rng, height=80, text=text)
        assert scene.text == text.replace("¾", "34").translate(str.maketrans("", "", " /.():×½"))
        drawn = "".join(character for character, _ in scene.characters[0] if not character.isdigit())
        assert signs in drawn
        for _, (left, top, right, bottom) in scene.characters[0]:
            assert 0 <= left < right <= scene.picture.shape[1]
            assert 0 <= top < bottom <= 80


def test_one_writer_forms_a_digit_in_one_way(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(0)
    same = sum(own.pick(4, rng) is own.pick(4, rng) for own in (OwnForms(strokes, rng) for _ in range(200)))
    assert 120 < same < 190


def test_where_writers_are_known_all_digits_of_a_line_are_those_of_one(
    sample: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, rng = sample.split("train").take(np.arange(3000)), np.random.default_rng(0)
    writers = np.arange(3000) % 10
    picked: list[int] = []
    monkeypatch.setattr(DigitStrokes, "_skeleton", lambda _, index: picked.append(index) or np.eye(84, dtype=np.uint8))
    strokes = DigitStrokes(replace(part, writers=writers))
    for _ in range(30):
        own = OwnForms(strokes, rng)
        picked.clear()
        for label in range(10):
            own.pick(label, rng)
        assert len(set(writers[picked])) == 1
    assert strokes.pick(0, rng, writer=77) is not None  # of somebody who has not written a 0: anybody's


def test_random_numbers_have_signs_and_are_no_longer_than_a_strip_can_hold() -> None:
    rng = np.random.default_rng(0)
    texts = [numbers.number(rng, 12) for _ in range(2000)]
    assert max(map(len, texts)) <= 14
    assert set("".join(texts)) == set("0123456789 .,-/:+×=()%½¼¾d'")
    assert 0.65 < np.mean([text.isdigit() for text in texts]) < 0.8


def test_a_neighbour_reaches_into_the_picture_and_not_into_the_digit(strokes: DigitStrokes) -> None:
    rng = np.random.default_rng(3)
    place, box = Placement(40.0, 30.0, 0.6, 0.6), (28, 12, 52, 48)
    inked = 0
    for _ in range(40):
        layer = np.zeros((60, 80), np.float32)
        scenes._beside(layer, strokes, place, box, 3.0, 1.0, rng)
        assert not layer[:, 30:50].any()
        inked += layer.any()
    assert inked > 20
