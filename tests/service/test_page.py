"""The page to write on, in a real browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from inkdigits.service.store import Store
from tests.service.browsing import DIGITS, EXAMPLES, FOUR, SEVEN, faults, in_browser, opened, places, write
from tests.service.conftest import served

pytestmark = in_browser

#: What stands on examples/page.jpg.
NOTE = "2048 771\n60025\n1984 39\n88 4071 6"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    yield from opened(browser, address, locale="en-GB")


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    size = {"width": 360, "height": 740}
    yield from opened(browser, address, locale="de-DE", viewport=size, has_touch=True, is_mobile=True, color_scheme="dark")


def test_digits_are_read_while_they_are_written_and_taken_back(page: Page) -> None:
    answer, undo = page.locator("#answer"), page.get_by_role("button", name="Undo")
    expect(answer).to_have_text("")
    expect(undo).to_be_disabled()
    write(page, SEVEN, 0.1)
    expect(answer).to_have_text("7")
    write(page, FOUR, 0.6)
    expect(answer).to_have_text("74")
    expect(page.locator("#boxes rect")).to_have_count(2)
    for _ in FOUR:
        undo.click()
    expect(answer).to_have_text("7")
    page.keyboard.press("Control+z")
    expect(answer).to_have_text("")
    expect(undo).to_be_disabled()
    expect(page.locator("#boxes rect")).to_have_count(0)


def test_a_finger_writes_and_the_phone_does_not_scroll(phone: Page) -> None:
    session = phone.context.new_cdp_session(phone)
    before = phone.evaluate("() => window.scrollY")
    first, *rest = places(phone, [(x, y + 0.05) for x, y in SEVEN[0]], 0.3)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": first[0], "y": first[1]}]})
    last = first
    for place in rest:
        for part in range(1, 9):
            point = {axis: old + (new - old) * part / 8 for axis, old, new in zip("xy", last, place, strict=True)}
            session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        last = place
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(phone.locator("#answer")).to_have_text("7")
    assert phone.evaluate("() => window.scrollY") == before
    assert phone.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert phone.evaluate("() => document.documentElement.lang") == "de"
    assert phone.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    phone.get_by_role("button", name="English").click()
    expect(phone.get_by_role("button", name="New sheet")).to_be_visible()
    expect(phone.locator("#answer")).to_have_text("7")


def test_ten_digits_on_a_phone_are_right_or_doubted(phone: Page) -> None:
    doubts = 0
    for digit, strokes in DIGITS.items():
        write(phone, strokes, 0.3)
        answer = phone.locator("#answer")
        expect(answer).to_have_attribute("aria-busy", "false")
        expect(answer).to_have_text(re.compile(rf"^[{digit}?]$"))
        doubts += answer.inner_text() == "?"
        phone.get_by_role("button", name="Neues Blatt").click()
        expect(answer).to_have_text("")
    assert doubts <= 2


def test_pictures_are_dropped(page: Page) -> None:
    files = [
        {"name": path.name, "content": base64.b64encode(path.read_bytes()).decode()}
        for path in (EXAMPLES / "page.jpg", EXAMPLES / "meter.jpg", EXAMPLES / "drawing.png")
    ]
    dropped = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const { name, content } of files) {
                const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        files,
    )
    page.dispatch_event("#paper", "drop", {"dataTransfer": dropped})
    expect(page.locator("#answer")).to_have_text(NOTE)
    page.get_by_role("button", name="meter.jpg").click()
    expect(page.locator("#answer")).to_have_text("04732")
    size = page.locator("#picture").evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")
    assert page.locator("#boxes").get_attribute("viewBox") == f"0 0 {size[0]} {size[1]}"
    page.get_by_role("button", name="New sheet").click()
    expect(page.locator("#answer")).to_have_text("")
    expect(page.locator("#canvas")).to_be_visible()


def test_a_picture_that_the_browser_cannot_show_and_one_that_is_none(page: Page, tmp_path: Path) -> None:
    Image.open(EXAMPLES / "meter.jpg").save(tmp_path / "meter.tif")
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#files", tmp_path / "meter.tif")
    expect(page.locator("#answer")).to_have_text("04732")
    assert page.locator("#picture").evaluate("picture => picture.naturalWidth") > 0


def test_a_picture_that_comes_late_is_not_shown_over_another(page: Page, tmp_path: Path) -> None:
    with Image.open(EXAMPLES / "page.jpg") as picture:
        picture.save(tmp_path / "scan.tiff")
    late: list[Route] = []
    page.route("**/v1/draw*", lambda route: late.append(route))
    page.set_input_files("#files", tmp_path / "scan.tiff")  # which the browser cannot show: the service draws it
    while not late:
        page.wait_for_timeout(20)
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    expect(page.locator("#answer")).to_have_text("04732")
    for route in late:
        route.continue_()
    page.wait_for_timeout(1500)
    assert page.evaluate("document.querySelector('#picture').naturalWidth") == Image.open(EXAMPLES / "meter.jpg").width
    expect(page.locator("#answer")).to_have_text("04732")


def test_a_file_of_several_pages_is_turned_and_what_was_read_is_taken(page: Page, tmp_path: Path) -> None:
    pictures = [Image.open(EXAMPLES / name).convert("L") for name in ("meter.jpg", "page.jpg")]
    pictures[0].save(tmp_path / "two.tif", save_all=True, append_images=pictures[1:])
    answer, picture, digits = page.locator("#answer"), page.locator("#picture"), page.locator("#digits button")
    page.set_input_files("#files", EXAMPLES / "drawing.png")
    expect(answer).to_have_text("5")
    expect(page.locator("#pager")).to_be_hidden()
    page.set_input_files("#files", tmp_path / "two.tif")
    expect(answer).to_have_text("04732")
    expect(page.locator("#page")).to_have_text("Page 1 of 2")
    expect(page.get_by_role("button", name="Page before")).to_be_disabled()
    page.get_by_role("button", name="Next page").click()
    expect(answer).to_have_text(NOTE)
    expect(page.locator("#page")).to_have_text("Page 2 of 2")
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    expect(digits).to_have_count(25)
    expect(page.locator("#boxes rect")).to_have_count(25)
    ratio = pictures[1].width / pictures[1].height
    page.wait_for_function(
        "ratio => { const one = document.querySelector('#picture');"
        " return Math.abs(one.naturalWidth / one.naturalHeight - ratio) < 0.01; }",
        arg=ratio,
    )
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    saved.value.save_as(tmp_path / "saved.csv")
    wanted = ["04732", *NOTE.splitlines()]
    assert (tmp_path / "saved.csv").read_text().splitlines() == [line.replace(" ", ",") for line in wanted]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == [line.replace(" ", "\t") for line in wanted]
    page.get_by_role("button", name="Page before").click()
    expect(answer).to_have_text("04732")
    expect(picture).to_be_visible()


def test_each_digit_is_looked_at_by_the_keyboard_alone(page: Page) -> None:
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    expect(page.locator("#digits button")).to_have_count(5)
    seven = page.get_by_role("button", name=re.compile("^7, "))
    seven.focus()
    page.keyboard.press("Enter")
    expect(seven).to_have_attribute("aria-pressed", "true")
    expect(seven).to_be_focused()
    rows = page.locator("#detail tr")
    expect(rows).to_have_count(11)
    expect(rows.nth(7)).to_contain_text("100%")
    expect(page.locator("#boxes rect.chosen")).to_have_count(1)
    page.locator("#error").focus()
    page.keyboard.press("End")
    expect(page.locator("#wanted")).to_have_text("0.2%")
    page.get_by_role("button", name="Show the steps").click()
    expect(page.locator("#steps")).to_be_visible()


def test_a_picture_is_looked_at_from_closer(page: Page) -> None:
    expect(page.get_by_role("button", name="Look closer")).to_be_hidden()
    page.set_input_files("#files", EXAMPLES / "page.jpg")
    expect(page.locator("#digits button")).to_have_count(25)
    before = page.locator("#paper").bounding_box()
    for _ in range(3):
        page.get_by_role("button", name="Look closer").click()
    after = page.locator("#paper").bounding_box()
    assert before is not None and after is not None
    assert after["width"] > 3 * before["width"]
    page.locator("#digits button").last.click()
    box, frame = page.locator("#boxes rect.chosen").bounding_box(), page.locator("#frame").bounding_box()
    assert box is not None and frame is not None
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    page.get_by_role("button", name="New sheet").click()
    write(page, SEVEN, 0.3)
    expect(page.locator("#answer")).to_have_text("7")


def test_what_is_unsure_is_shown_as_such(page: Page) -> None:
    write(page, [[(0.1, 0.5), (0.3, 0.3), (0.2, 0.7), (0.5, 0.2), (0.4, 0.8), (0.8, 0.3), (0.6, 0.9)]], 0.3)
    expect(page.locator("#told, #answer .unsure").first).not_to_be_empty()
    assert not re.search(r"\d", page.locator("#answer").inner_text())


@pytest.fixture
def correcting(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Path]]:
    """The page of a service that keeps corrections, and where it keeps them."""
    path = tmp_path / "corrections.sqlite"
    with served("--corrections", str(path)) as (address, _):
        for page in opened(browser, address, locale="en-GB"):
            yield page, path


def test_digits_are_corrected_by_the_keyboard_alone(correcting: tuple[Page, Path]) -> None:
    page, path = correcting
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    digits = page.locator("#digits button")
    expect(digits).to_have_count(5)
    expect(page.get_by_role("button", name="Save 0 corrections")).to_be_disabled()
    digits.nth(1).focus()
    page.keyboard.press("9")  # nothing is doubtful, and so it is saved next
    expect(page.locator("#answer")).to_have_text("09732")
    expect(page.locator("#save")).to_be_focused()
    digits.nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    expect(page.locator("#answer")).to_have_text("0932")
    expect(page.locator("#boxes rect.corrected")).to_have_count(2)
    expect(page.locator("#save")).to_have_text("Save 2 corrections")
    page.keyboard.press("Enter")
    expect(page.locator("#save")).to_have_text("Saved")
    ((name, content, corrections),) = Store(path).pictures()
    assert (name, content) == ("meter.jpg", (EXAMPLES / "meter.jpg").read_bytes())
    assert [(one.label, one.read) for one in corrections] == [(9, 4), (None, 7)]


def test_doubtful_digits_come_first(correcting: tuple[Page, Path]) -> None:
    page, path = correcting
    page.set_input_files("#files", EXAMPLES / "page.jpg")
    expect(page.locator("#digits button")).to_have_count(25)
    page.locator("#error").focus()
    page.keyboard.press("End")
    doubtful = page.locator("#digits button.unsure").count()
    assert doubtful > 0
    page.get_by_role("button", name="Check the doubtful ones").click()
    for _ in range(doubtful):
        page.keyboard.press("3")
    expect(page.locator("#digits button.unsure")).to_have_count(0)
    expect(page.locator("#save")).to_be_focused()
    page.get_by_role("button", name="New sheet").click()  # what was not saved is saved then
    expect(page.locator("#answer")).to_have_text("")
    page.wait_for_function("() => document.querySelector('#save').disabled")
    for _ in range(100):
        if Store(path).counts().corrections:
            break
        page.wait_for_timeout(100)
    ((_, _, corrections),) = Store(path).pictures()
    assert [one.label for one in corrections] == [3] * doubtful
    confidences = [one.confidence for one in corrections]
    assert all(one is not None and one < 0.998 for one in confidences)


def test_a_missed_digit_is_marked(correcting: tuple[Page, Path]) -> None:
    page, path = correcting
    page.set_input_files("#files", EXAMPLES / "meter.jpg")
    expect(page.locator("#answer")).to_have_text("04732")
    page.get_by_role("button", name="Mark a missed digit").click()
    area = page.locator("#paper").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 0.25 * area["width"], area["y"] + 0.1 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.5 * area["width"], area["y"] + 0.4 * area["height"], steps=4)
    page.mouse.up()
    expect(page.locator("#digits button")).to_have_count(6)
    page.get_by_role("button", name="It is: 8").click()
    page.get_by_role("button", name="Save 1 correction").click()
    expect(page.locator("#save")).to_have_text("Saved")
    ((_, _, (one,)),) = Store(path).pictures()
    width, height = Image.open(EXAMPLES / "meter.jpg").size
    assert (one.label, one.read, one.confidence) == (8, None, None)
    wanted = [0.25 * width, 0.1 * height, 0.5 * width, 0.4 * height]
    assert all(abs(found - share) <= 2 for found, share in zip(one.box, wanted, strict=True))


def test_what_is_written_on_is_not_corrected_anew(correcting: tuple[Page, Path]) -> None:
    page, _ = correcting
    write(page, SEVEN, 0.1)
    expect(page.locator("#answer")).to_have_text("7")
    page.locator("#digits button").focus()
    page.keyboard.press("1")
    expect(page.locator("#answer")).to_have_text("1")
    write(page, FOUR, 0.6)
    expect(page.locator("#answer")).to_have_text("14")
    page.get_by_role("button", name="New sheet").click()
    write(page, SEVEN, 0.1)
    expect(page.locator("#answer")).to_have_text("7")


def test_a_picture_is_taken_by_the_camera(page: Page) -> None:
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#video")).to_be_visible()
    page.wait_for_function("() => document.querySelector('#video').videoWidth > 0")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#video")).to_be_hidden()
    expect(page.locator("#picture")).to_be_visible()
    expect(page.locator("#told")).not_to_have_text("Reading …")
    assert page.locator("#picture").evaluate("picture => picture.naturalWidth") > 0
    assert page.evaluate("() => document.querySelector('#video').srcObject") is None


def test_nothing_keeps_anybody_out(correcting: tuple[Page, Path], phone: Page) -> None:
    page, _ = correcting
    assert faults(page) == []
    page.set_input_files("#files", [EXAMPLES / "meter.jpg", EXAMPLES / "page.jpg"])
    expect(page.locator("#digits button")).to_have_count(5)
    page.locator("#digits button").first.click()
    page.locator("#digits button").nth(1).focus()
    page.keyboard.press("9")
    assert faults(page) == []
    phone.set_input_files("#files", EXAMPLES / "page.jpg")
    expect(phone.locator("#digits button")).to_have_count(25)
    phone.locator("#error").focus()
    phone.keyboard.press("End")
    phone.locator("#digits button").first.click()
    assert faults(phone) == []


def test_a_token_is_asked_for_once(browser: Browser) -> None:
    with served(INKDIGITS_TOKEN="much-guessed") as (address, _):
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(address)
        write(page, SEVEN, 0.3)
        page.get_by_label("This service asks for a token:").fill("much-guessed")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#answer")).to_have_text("7")
        page.get_by_role("button", name="New sheet").click()
        write(page, FOUR, 0.3)
        expect(page.locator("#answer")).to_have_text("4")
        context.close()
