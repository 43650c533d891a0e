"""Photograph the page of the service, with digits of MNIST written on it by their strokes' places.

    python docs/make_screenshots.py

Needs inkdigits[serve], playwright, and Chromium from the system's packages. The service must run: inkdigits serve.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
ADDRESS = "http://127.0.0.1:8080"
#: A 7, a 4 and a 2 as strokes, in shares of the sheet.
STROKES = (
    ((0.08, 0.22), (0.28, 0.2), (0.16, 0.8)),
    ((0.46, 0.18), (0.38, 0.52), (0.58, 0.5)),
    ((0.54, 0.32), (0.51, 0.84)),
    ((0.7, 0.34), (0.74, 0.2), (0.84, 0.2), (0.87, 0.34), (0.82, 0.52), (0.7, 0.78), (0.92, 0.76)),
)


def write(page: Page) -> None:
    """Write a number, and choose its last digit."""
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    for stroke in STROKES:
        places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()
    expect(page.locator("#digits button")).to_have_count(3)
    page.locator("#digits button").last.click()


def main() -> None:
    """Write on the page on a desktop and on a phone in the dark, and photograph it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in {
            "service_page": {"viewport": {"width": 1000, "height": 700}},
            "service_phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "is_mobile": True},
        }.items():
            page = browser.new_context(locale="en-GB", **options).new_page()  # type: ignore[arg-type]
            page.goto(ADDRESS)
            write(page)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
