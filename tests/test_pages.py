"""Pages by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import ImageError, UsageError
from inkdigits.limits import DEFAULTS
from inkdigits.pages import numbered, parsed

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXTS = ("04732", "5", "04732")


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A TIFF of three pages, of which the second holds a 5."""
    meter = Image.open(EXAMPLES / "meter.jpg").convert("L")
    five = Image.open(EXAMPLES / "drawing.png").convert("L")
    meter.save(tmp_path / "three.tif", save_all=True, append_images=[five, meter])
    return tmp_path / "three.tif"


@pytest.mark.parametrize(("text", "numbers"), [("2", {2}), ("1-3,7", {1, 2, 3, 7}), ("5,5-5", {5}), ("1,2-4,3", {1, 2, 3, 4})])
def test_how_pages_are_written(text: str, numbers: set[int]) -> None:
    assert parsed(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "a", "1-", "-1", "1,,2", "3-1", "1 2", "²", "1-9999999", "0-3"])
def test_what_is_no_page(text: str) -> None:
    with pytest.raises(UsageError, match="page"):
        parsed(text)


def test_the_pages_that_are_wanted_are_read_and_keep_their_numbers(three: Path) -> None:
    whole = inkdigits.read(three)
    assert [page.text for page in whole.pages] == list(TEXTS)
    for wanted in ([2], (1, 3), {3, 2}):
        found = inkdigits.read(three, pages=wanted)
        assert found.pages == tuple(whole.pages[number - 1] for number in sorted(wanted))
        assert found.draw().tobytes() == whole.draw(min(wanted)).tobytes()
        assert [one.pages[0] for one in inkdigits.read_pages(three, pages=wanted)] == list(found.pages)
        assert inkdigits.read_many([three], pages=wanted)[0].pages == found.pages
    fields = {"fields": [{"name": "a", "box": [0, 0, 1, 1]}]}
    every = list(inkdigits.read_fields_pages(three, fields))
    assert list(inkdigits.read_fields_pages(three, fields, pages=[2, 3])) == every[1:]


def test_what_comes_behind_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(*_: object) -> Iterator[np.ndarray]:
        yield np.zeros((5, 5), np.uint8)
        yield np.ones((5, 5), np.uint8)
        raise AssertionError("the third was asked for")

    monkeypatch.setattr("inkdigits.images.pages", two)
    assert [(number, page[0, 0]) for number, page in numbered("a.tif", DEFAULTS, [2])] == [(2, 1)]


def test_a_page_that_is_not_there(three: Path) -> None:
    with pytest.raises(ImageError, match="there is no page 4: the picture has 3"):
        inkdigits.read(three, pages=[5, 1, 4])
    with pytest.raises(ImageError, match="there is no page 2: the picture has 1"):
        inkdigits.read(np.full((50, 50), 255, np.uint8), pages=[2])
    wrong: Any
    for wrong in ([], [0], [1.5], "2", [True], ["1"]):
        for read in (inkdigits.read, inkdigits.read_pages):
            with pytest.raises(UsageError, match="page"):
                read(three, pages=wrong)


def test_the_command(three: Path, tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    assert run_cli("read", three, "--pages", "2-3")[:2] == (0, "5\n04732\n")
    code, _, err = run_cli("read", three, "--pages", "9")
    assert (code, err) == (1, f"inkdigits: {three}: there is no page 9: the picture has 3\n")
    code, _, err = run_cli("read", three, "--pages", "x")
    assert (code, err) == (2, "inkdigits: the pages are 'x': write them as 2 or 1-3,7\n")
    (tmp_path / "form.json").write_text('{"fields": [{"name": "a", "box": [0, 0, 1, 1]}]}')
    _, out, _ = run_cli("read", three, "--pages", "2,3", "--fields", tmp_path / "form.json", "--max-error", "1")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["2", "3"]
