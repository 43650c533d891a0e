"""Whatever is thrown at the reader, it answers with a reading or an ImageError; benchmarks/fuzz.py does it 10,000 times."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import inkdigits
from inkdigits import images
from tests.conftest import benchmark

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    """The benchmark."""
    return benchmark("fuzz")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", ["templates", "models", "meta", "data"])
def test_what_is_harmed_is_used_or_refused(fuzz: ModuleType, target: str) -> None:
    outcomes = []
    for number in range(40):
        try:
            fuzz.TARGETS[target][0](np.random.default_rng([7, number]))
            outcomes.append("used")
        except inkdigits.InkdigitsError:
            outcomes.append("refused")
    assert outcomes.count("refused") > 20
    assert "used" in outcomes or target in ("templates", "data")  # little that is harmed is still one of these


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg", "pdf"])
def test_a_file_is_taken_apart_and_put_together_right(fuzz: ModuleType, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "pdf":
        pytest.importorskip("pypdfium2")
    heads = {"png": b"\x89PNG", "webp": b"RIFF", "jpeg": b"\xff\xd8", "pdf": b"%PDF"}
    content = next(content for content in fuzz.whole_files() if content.startswith(heads[kind]))
    monkeypatch.setattr(fuzz, "rearranged", lambda parts, rng: parts)
    monkeypatch.setattr(fuzz, "damaged", lambda part, rng: part)
    again = getattr(fuzz, f"harmed_{kind}")(content, np.random.default_rng(1))
    np.testing.assert_array_equal(images.load(again), images.load(content))


def test_damaged_files_and_odd_arrays(fuzz: ModuleType) -> None:
    rng, files, refused = np.random.default_rng(1), fuzz.whole_files(), 0
    for number in range(160):
        source = fuzz.harmed(files[number % len(files)], rng) if number % 4 else fuzz.odd_array(rng)
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
