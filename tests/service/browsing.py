"""A real browser. Chromium comes from the system: apt install chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EXAMPLES = Path(__file__).parents[2] / "examples"
#: Strokes of digits, as shares of a box.
SEVEN = [[(0.1, 0.1), (0.9, 0.1), (0.4, 0.95)]]
FOUR = [[(0.35, 0.05), (0.1, 0.6), (0.95, 0.6)], [(0.75, 0.3), (0.7, 0.98)]]

_PROBLEM = re.compile("status of 4(00|22)")

#: … as somebody might write all of them.
DIGITS = {
    0: [
        [
            (0.6, 0.05),
            (0.3, 0.12),
            (0.12, 0.45),
            (0.25, 0.85),
            (0.55, 0.95),
            (0.82, 0.7),
            (0.85, 0.35),
            (0.65, 0.08),
            (0.5, 0.06),
        ]
    ],
    1: [[(0.3, 0.3), (0.55, 0.05), (0.5, 0.95)]],
    2: [[(0.15, 0.3), (0.3, 0.08), (0.65, 0.08), (0.78, 0.3), (0.6, 0.55), (0.15, 0.93), (0.9, 0.9)]],
    3: [[(0.2, 0.1), (0.6, 0.06), (0.75, 0.25), (0.4, 0.45), (0.75, 0.6), (0.75, 0.85), (0.45, 0.96), (0.15, 0.85)]],
    4: FOUR,
    5: [[(0.8, 0.06), (0.3, 0.06), (0.22, 0.45), (0.6, 0.4), (0.8, 0.6), (0.7, 0.88), (0.4, 0.96), (0.15, 0.85)]],
    6: [[(0.65, 0.04), (0.3, 0.35), (0.18, 0.7), (0.4, 0.95), (0.7, 0.85), (0.75, 0.6), (0.5, 0.5), (0.25, 0.65)]],
    7: SEVEN,
    8: [
        [
            (0.72, 0.17),
            (0.45, 0.05),
            (0.25, 0.2),
            (0.45, 0.42),
            (0.72, 0.68),
            (0.45, 0.96),
            (0.2, 0.75),
            (0.65, 0.35),
            (0.72, 0.17),
        ]
    ],
    9: [[(0.75, 0.2), (0.5, 0.06), (0.25, 0.2), (0.3, 0.45), (0.6, 0.45), (0.76, 0.2), (0.74, 0.5), (0.6, 0.95)]],
}

# Other tests run beside these.
expect.set_options(timeout=20_000)

in_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
]


def opened(browser: Browser, address: str, path: str = "", **options: Any) -> Iterator[Page]:
    """The page in a window of its own, which neither complains nor asks anybody else."""
    complaints: list[str] = []
    context = browser.new_context(**options)
    page = context.new_page()
    # Browsers also write down answers that are problems; the pages tell them.
    page.on("console", lambda message: _PROBLEM.search(message.text) or complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((address, "blob:", "data:")) or complaints.append(asked.url))
    page.goto(address + path)
    yield page
    context.close()
    assert complaints == []


def places(page: Page, stroke: list[tuple[float, float]], left: float) -> list[tuple[float, float]]:
    """A stroke on the canvas, where the digit's box begins at a share of its width."""
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    side = 0.6 * area["height"]
    return [(area["x"] + left * area["width"] + x * side, area["y"] + 0.2 * area["height"] + y * side) for x, y in stroke]


def write(page: Page, digit: list[list[tuple[float, float]]], left: float) -> None:
    for stroke in digit:
        first, *rest = places(page, stroke, left)
        page.mouse.move(*first)
        page.mouse.down()
        for place in rest:
            page.mouse.move(*place, steps=8)
        page.mouse.up()


def faults(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found if one["impact"] in ("serious", "critical")
    ]
