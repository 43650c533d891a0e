"""Whatever is thrown at the reader, it answers with a reading or an ImageError; benchmarks/fuzz.py does it 10,000 times."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import inkdigits

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_damaged_files_and_odd_arrays() -> None:
    spec = importlib.util.spec_from_file_location("fuzz", BENCHMARKS / "fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    rng, files, refused = np.random.default_rng(1), fuzz.whole_files(), 0
    for number in range(160):
        source = fuzz.damaged(files[number % len(files)], rng) if number % 4 else fuzz.odd_array(rng)
        try:
            reading = inkdigits.read(source, ("auto", "digit", "line", "page")[number % 4])
        except inkdigits.ImageError:
            refused += 1
            continue
        width, height = reading.pages[0].size
        for digit in reading.pages[0].digits:
            left, top, right, bottom = digit.box
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            assert 0 <= digit.confidence <= 1
    assert 15 < refused < 140


@pytest.mark.parametrize("mode", ["auto", "digit", "line", "page"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1), (2, 3), (3000, 3)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_of_one_colour_say_nothing(mode: str, shape: tuple[int, int], level: int) -> None:
    assert inkdigits.read(np.full(shape, level, np.uint8), mode).best_text == ""
