"""The page on which templates are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import inkdigits
from tests.service.browsing import EXAMPLES, faults, in_browser, opened

TEMPLATES = Path(__file__).parents[2] / "docs" / "templates"

pytestmark = in_browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    yield from opened(browser, address, "/fields", locale="en-GB", viewport={"width": 1200, "height": 900})


def drag(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    page.locator("#paper").scroll_into_view_if_needed()
    area = page.locator("#paper").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + left * area["width"], area["y"] + top * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + right * area["width"], area["y"] + bottom * area["height"], steps=5)
    page.mouse.up()


def saved(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the template").click()
    content: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return content


def test_a_template_is_drawn_and_is_the_one_that_reads(page: Page) -> None:
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    expect(page.locator("#picture")).to_be_visible()
    (wanted,) = json.loads((TEMPLATES / "meter.json").read_text())["fields"]
    drag(page, *wanted["box"])
    expect(page.locator("#list output")).to_have_text("04732")
    page.get_by_label("Name").fill("reading")
    page.get_by_label("Name").press("Tab")
    page.get_by_label("Boxes with a digit each").fill("5")
    page.get_by_label("Boxes with a digit each").press("Tab")
    page.get_by_label("Digits, as").fill("5")
    page.get_by_label("Digits, as").press("Tab")
    expect(page.locator("#list output")).to_have_text("04732")
    template = saved(page)
    field = dict(template["fields"][0])
    area = page.locator("#paper").bounding_box()
    assert area is not None
    pixel = 1 / min(area["width"], area["height"])
    assert all(abs(found - share) <= pixel for found, share in zip(field.pop("box"), wanted.pop("box"), strict=True))
    assert field == wanted
    assert inkdigits.read_fields(EXAMPLES / "meter.jpg", template)["reading"].text == "04732"


def test_what_is_known_of_a_field_has_its_effect_at_once(page: Page) -> None:
    page.set_input_files("#open", TEMPLATES / "meter.json")
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    expect(page.locator("#list output")).to_have_text("04732")
    page.get_by_label("Least and most").fill("5000–9000")
    page.get_by_label("Least and most").press("Tab")
    expect(page.locator("#list output")).to_have_class("unsure")
    page.get_by_label("Least and most").fill("9-1")
    page.get_by_label("Least and most").press("Tab")
    expect(page.locator("#told")).to_contain_text("give the least and the most")
    page.get_by_label("Least and most").fill("")
    page.get_by_label("Least and most").press("Tab")
    page.get_by_label("Only these").fill("04732, 12345")
    page.get_by_label("Only these").press("Tab")
    expect(page.locator("#list output")).to_have_text("04732")
    page.get_by_label("May be empty").check()
    page.get_by_label("Check digit").select_option("luhn")
    template = saved(page)
    (field,) = template["fields"]
    assert {key: field[key] for key in ("allowed", "optional", "check")} == {
        "allowed": ["04732", "12345"],
        "optional": True,
        "check": "luhn",
    }
    assert "range" not in field
    page.get_by_role("button", name="Remove: reading").click()
    expect(page.locator("#list details")).to_have_count(0)
    expect(page.get_by_role("button", name="Save the template")).to_be_disabled()


def test_a_template_comes_back_as_it_was(page: Page) -> None:
    for path in (TEMPLATES / "score_sheet.json", TEMPLATES / "meter.json"):
        page.set_input_files("#open", path)
        expect(page.locator("#list details")).to_have_count(len(json.loads(path.read_text())["fields"]))
        assert saved(page) == json.loads(path.read_text())


def test_a_photo_is_shown_as_its_frame(page: Page) -> None:
    page.set_input_files("#files", EXAMPLES / "sudoku.jpg")
    page.wait_for_function("() => document.querySelector('#picture').naturalWidth > 0")
    whole = page.locator("#picture").evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")
    page.set_input_files("#open", TEMPLATES / "sudoku.json")
    expect(page.locator("#list details")).to_have_count(81)
    expect(page.get_by_label("It is a photo")).to_be_checked()
    page.wait_for_function("whole => document.querySelector('#picture').naturalWidth !== whole[0]", arg=whole)
    wanted = inkdigits.read_fields(EXAMPLES / "sudoku.jpg", TEMPLATES / "sudoku.json")
    page.wait_for_function("() => [...document.querySelectorAll('#list output')].some((one) => one.textContent)")
    texts = page.locator("#list output").all_text_contents()
    for text, reading in zip(texts, wanted.values(), strict=True):
        assert text.startswith("?") if reading.text is None else text == reading.text


def test_what_is_no_template_or_no_picture_is_told(page: Page, tmp_path: Path) -> None:
    for content in ("no JSON", "[]", '{"fields": 5}', '{"fields": [{"name": "x"}]}'):
        (tmp_path / "t.json").write_text(content)
        page.set_input_files("#open", tmp_path / "t.json")
        expect(page.locator("#told")).to_have_text("t.json is no template.")
    corners = {"corners": [[0, 0], [1, 0], [1, 1], [0, 1]], "fields": [{"name": "x", "box": [0, 0, 1, 1]}]}
    (tmp_path / "t.json").write_text(json.dumps(corners))
    page.set_input_files("#open", tmp_path / "t.json")
    expect(page.locator("#told")).to_contain_text("corners of its own")
    expect(page.locator("#list details")).to_have_count(0)


def test_fields_are_added_by_the_keyboard_and_nothing_keeps_anybody_out(page: Page) -> None:
    assert faults(page) == []
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    page.get_by_role("button", name="Add a field").press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    assert faults(page) == []
