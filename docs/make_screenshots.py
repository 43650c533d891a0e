"""Photograph the pages of the service: written on, on a phone in the dark, corrected, a form, and a look inside.

    python docs/make_screenshots.py

Needs inkdigits[serve], playwright, and Chromium from the system's packages. The service is started, and ended.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
#: A 7, a 4 and a 2 as strokes, in shares of the sheet.
STROKES = (
    ((0.08, 0.22), (0.28, 0.2), (0.16, 0.8)),
    ((0.46, 0.18), (0.38, 0.52), (0.58, 0.5)),
    ((0.54, 0.32), (0.51, 0.84)),
    ((0.7, 0.34), (0.74, 0.2), (0.84, 0.2), (0.87, 0.34), (0.82, 0.52), (0.7, 0.78), (0.92, 0.76)),
)


@contextmanager
def served() -> Iterator[str]:
    """A service that keeps corrections, and where it answers."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", "0", "--workers", "1", "--corrections", str(Path(folder) / "corrections.sqlite")]
        process = subprocess.Popen([sys.executable, "-m", "inkdigits", "serve", *options], stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            yield process.stderr.readline().split()[1]
        finally:
            process.terminate()
            process.wait()


def write(page: Page, strokes: tuple[tuple[tuple[float, float], ...], ...] = STROKES) -> None:
    """Write on the sheet."""
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    for stroke in strokes:
        places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


def written(page: Page) -> None:
    """A number, and the bars of its last digit."""
    write(page)
    expect(page.locator("#answer")).to_have_text("742")  # while one writes, there are other answers
    page.locator("#digits button").last.click()


def corrected(page: Page) -> None:
    """A page of which a digit is being corrected."""
    page.set_input_files("#files", ROOT / "examples" / "page.jpg")
    expect(page.locator("#digits button")).to_have_count(25)
    page.locator("#error").focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="Check the doubtful ones").click()
    page.keyboard.press("8")  # what it is


def form(page: Page) -> None:
    """A template over its form."""
    page.set_input_files("#open", ROOT / "docs" / "templates" / "score_sheet.json")
    page.set_input_files("#files", ROOT / "examples" / "score_sheet.png")
    expect(page.locator("#list output").first).not_to_be_empty()


def inside(page: Page) -> None:
    """A 4, and all that is seen inside."""
    write(page, (((0.2, 0.3), (0.14, 0.62), (0.32, 0.62)), ((0.27, 0.45), (0.26, 0.86))))
    expect(page.locator("#known figure")).to_have_count(8)


PAGES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "service_page": ("", written, {"viewport": {"width": 1000, "height": 700}}),
    "service_phone": ("", written, {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "is_mobile": True}),
    "service_corrections": ("", corrected, {"viewport": {"width": 1000, "height": 700}}),
    "service_form": ("fields", form, {"viewport": {"width": 1100, "height": 760}}),
    "service_inside": ("look", inside, {"viewport": {"width": 1000, "height": 1120}}),
}


def photograph(browser: Browser, address: str, name: str) -> None:
    """One of the pictures."""
    path, act, options = PAGES[name]
    page = browser.new_context(locale="en-GB", **options).new_page()
    page.goto(f"{address}/{path}")
    act(page)
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Make all pictures."""
    expect.set_options(timeout=20_000)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in PAGES:
            photograph(browser, address, name)
        browser.close()


if __name__ == "__main__":
    main()
