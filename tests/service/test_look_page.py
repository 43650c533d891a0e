"""The page that looks inside: in the browser is computed what Python computes, with and without a service."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

import inkdigits
from inkdigits.cli.main import cli
from inkdigits.inference.classifier import Classifier
from inkdigits.inference.line_recogniser import LineRecogniser
from inkdigits.preparation.digit import prepare
from inkdigits.preparation.strip import strip
from inkdigits.service import page as service_page
from tests.preparation.make_golden import pictures as golden
from tests.service.browsing import EXAMPLES, FOUR, SEVEN, faults, in_browser, opened, write

pytestmark = in_browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as one file, written by the command."""
    path = tmp_path_factory.mktemp("page") / "demo.html"
    done = CliRunner().invoke(cli, ["page", "-o", str(path)])
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture
def alone(browser: Browser, file: Path) -> Iterator[Page]:
    """The page from the disk, on a phone without a network."""
    size = {"width": 360, "height": 740}
    yield from opened(browser, file.as_uri(), locale="en-GB", viewport=size, is_mobile=True, has_touch=True, offline=True)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    yield from opened(browser, address, "/look", locale="en-GB")


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """Pictures of all sizes and papers: the golden ones, noise, and strokes under a shadow."""
    random = np.random.default_rng(7)
    found = list(golden().values())
    while len(found) < count:
        width, height = (int(side) for side in random.integers(1, 50, 2) * random.choice([1, 1, 4], 2))
        if random.random() < 0.1:
            found.append(random.integers(0, 256, (height, width), dtype=np.uint8))
            continue
        image = Image.new("L", (width, height), int(random.integers(120, 250)))
        for _ in range(random.integers(1, 4)):
            points = [(int(random.integers(width)), int(random.integers(height))) for _ in range(3)]
            ImageDraw.Draw(image).line(points, int(random.integers(0, 120)), int(random.integers(1, 2 + height // 6)))
        levels = np.asarray(image) + np.linspace(0, random.integers(-60, 60), width) + random.normal(0, random.integers(0, 8))
        levels = levels if random.random() < 0.6 else 255 - levels
        found.append(np.clip(levels, 0, 255).astype(np.uint8))
    return found


def example_lines() -> list[Image.Image]:
    """The lines of the example page, each with some paper around it."""
    whole = Image.open(EXAMPLES / "page.jpg").convert("L")
    boxes = [[digit.box for word in line.words for digit in word.digits] for line in inkdigits.read(whole).pages[0].lines]
    columns = [
        (min(box[0] for box in line), min(box[1] for box in line), max(box[2] for box in line), max(box[3] for box in line))
        for line in boxes
    ]
    return [whole.crop((left - 30, top - 15, right + 30, bottom + 15)) for left, top, right, bottom in columns]


def in_page(page: Page, script: str, some: list[NDArray[np.uint8]], **more: Any) -> Any:
    """What a function in the page makes of pictures, as bytes in base64."""
    given = [{"width": one.shape[1], "height": one.shape[0], "data": base64.b64encode(one.tobytes()).decode()} for one in some]
    return page.evaluate(
        """async ({ given, more }) => {
            const [preparation, network, local] = await Promise.all(
                ["preparation.js", "network.js", "local.js"].map((name) => import(name)));
            const encoded = (data) => {
                const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
                return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
            };
            const decoded = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            const pictures = given.map((one) => ({ ...one, data: decoded(one.data) }));
            const net = (name) => new network.Network(decoded(document.getElementById(name).textContent));
            return ("""
        + script
        + """)({ pictures, more, encoded, net, preparation, local });
        }""",
        {"given": given, "more": more},
    )


def test_a_thousand_pictures_are_prepared_byte_for_byte(alone: Page) -> None:
    some = pictures(1000)
    found = in_page(
        alone,
        "({ pictures, encoded, preparation }) => pictures.map((one) => "
        "[encoded(preparation.prepared(one).data), encoded(preparation.strip(one).data)])",
        some,
    )
    wrong = [
        (number, picture.shape)
        for number, (picture, (digit, line)) in enumerate(zip(some, found, strict=True))
        if base64.b64decode(digit) != prepare(picture).tobytes() or base64.b64decode(line) != strip(picture).tobytes()
    ]
    assert wrong == []


def test_its_networks_say_what_ours_say(alone: Page) -> None:
    images = [prepare(picture) for picture in pictures(1000)]
    for name in ("digit.onnx", "cnn.onnx", "numpy.onnx"):
        found = in_page(
            alone,
            "({ pictures, more, net, local }) => { const one = net(more.name); "
            "return pictures.flatMap((picture) => local.rows(one, one.run(local.input(picture)))); }",
            images,
            name=name,
        )
        wanted = Classifier(service_page.weights()[name]).predict_proba(np.stack(images))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3)
        assert wanted.max(1).mean() > 0.5


def test_it_reads_lines_as_ours_does(alone: Page) -> None:
    reader = LineRecogniser(service_page.weights()["line.onnx"])
    lines = [np.asarray(line) for line in example_lines()]
    found = in_page(
        alone,
        "({ pictures, net, local }) => { const one = net('line.onnx'); "
        "return pictures.map((picture) => local.readLine(one, picture)); }",
        lines,
    )
    digits = 0
    for line, symbols in zip(lines, found, strict=True):
        wanted = [symbol for symbol in reader._look(line, {}).symbols if symbol.label < 10]
        assert [int(np.argmax(one["probabilities"])) for one in symbols] == [symbol.label for symbol in wanted]
        for one, symbol in zip(symbols, wanted, strict=True):
            # Time steps side by side that are equally sure see the digit a little differently.
            np.testing.assert_allclose(one["box"], symbol.box, atol=0.05 * line.shape[0])
        digits += len(symbols)
    assert digits >= 20


def test_the_file_is_small_and_asks_nobody(file: Path, alone: Page) -> None:
    assert file.stat().st_size <= 5_000_000
    write(alone, SEVEN, 0.1)
    expect(alone.locator("#answer")).to_have_text("7")
    expect(alone.locator("#networks .verdict").nth(2)).to_contain_text("7, ")
    expect(alone.locator("#maps canvas")).to_have_count(4)
    expect(alone.locator("#known figure")).to_have_count(8)
    assert alone.locator("#known figcaption").all_text_contents()[0].startswith("7 ")
    write(alone, FOUR, 0.6)
    expect(alone.locator("#answer")).to_have_text("74")
    alone.get_by_role("button", name="Undo").click()
    alone.get_by_role("button", name="New sheet").click()
    expect(alone.locator("#answer")).to_have_text("")
    expect(alone.locator("#inside")).to_be_hidden()
    assert alone.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_pictures_are_read_without_a_service(alone: Page, tmp_path: Path) -> None:
    doubts = 0
    for line, text in zip(example_lines(), ("2048771", "60025", "198439", "8840716"), strict=True):
        line.save(tmp_path / "line.png")
        alone.set_input_files("#files", tmp_path / "line.png")
        expect(alone.locator("#answer")).to_have_text(re.compile("^" + "".join(f"[{digit}?]" for digit in text) + "$"))
        doubts += alone.locator("#answer").inner_text().count("?")
    assert doubts <= 4  # of 25, on a photo in half shadow, without the networks that read lines
    (tmp_path / "notes.png").write_text("no picture")
    alone.set_input_files("#files", tmp_path / "notes.png")
    expect(alone.locator("#told")).to_have_text("notes.png is no picture that this browser can open.")


def test_what_is_no_digit_is_not_taken_for_one(page: Page) -> None:
    ring = [(0.5 + 0.4 * float(np.cos(t)), 0.5 + 0.45 * float(np.sin(t))) for t in np.linspace(0, 6.3, 10)]
    smiley = [ring, [(0.35, 0.35), (0.35, 0.4)], [(0.65, 0.35), (0.65, 0.4)], [(0.3, 0.65), (0.5, 0.75), (0.7, 0.65)]]
    write(page, smiley, 0.3)
    expect(page.locator("#answer")).to_have_text("?")
    expect(page.locator("#networks .verdict")).to_have_count(3)


def test_nothing_keeps_anybody_out(page: Page) -> None:
    assert faults(page) == []
    write(page, SEVEN, 0.1)
    expect(page.locator("#known figure")).to_have_count(8)
    page.get_by_label("Prepare the picture for all three").check()
    assert faults(page) == []
