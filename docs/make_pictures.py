"""Make the pictures in docs/images: figures of a run, and what the reader finds in examples/.

python docs/make_pictures.py RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import inkdigits
from inkdigits import sources
from inkdigits.plots import draw_all, load_run
from inkdigits.synthesis import scenes
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.synthesize import SynthesizeSettings, maker

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the kinds of pictures in tests/

FOLDER = Path(__file__).parent / "images"
TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = Path(__file__).parents[1] / "examples"
FIGURES = ("worst_mistakes", "confusion", "reliability", "risk_coverage", "feature_maps", "embedding", "occlusion")


def fields_picture() -> Image.Image:
    """The three forms of docs/templates and, below each, what was read in its fields."""
    canvas = Image.new("RGB", (1500, 600), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(24)
    places = {"sudoku.jpg": (10, 10, 610, 530), "score_sheet.png": (660, 10, 640, 300), "meter.jpg": (660, 370, 500, 170)}
    for name, (x, y, width, height) in places.items():
        form = Image.open(EXAMPLES / name)
        form.thumbnail((width, height))
        canvas.paste(form, (x, y))
        pen.rectangle((x - 1, y - 1, x + form.width, y + form.height), outline=(200, 200, 200))
        fields = inkdigits.read_fields(EXAMPLES / name, TEMPLATES / f"{Path(name).stem}.json")
        if name == "sudoku.jpg":
            told = f"{sum(bool(f.text) for f in fields.values())} of 81 cells filled in, {_unsure(fields)} unsure"
        else:
            told = "   ".join(f"{key}: {field.text or '?'}" for key, field in fields.items())
        pen.text((x, y + form.height + 8), told, fill="black", font=font)
    return canvas


def _unsure(fields: dict[str, inkdigits.FieldReading]) -> int:
    return sum(field.text is None for field in fields.values())


def synthetic_lines() -> Image.Image:
    """Lines as ``inkdigits synthesize`` makes them."""
    make = maker(SynthesizeSettings("line", seed=1, height=56))
    canvas, x, y = Image.new("RGB", (1200, 330), "white"), 0, 0
    for number in range(200):
        line = make(number).picture
        if line.shape[1] > 420:
            continue
        if x + line.shape[1] > canvas.width:
            x, y = 0, y + 66
        if y + 56 > canvas.height:
            break
        canvas.paste(Image.fromarray(line), (x, y))
        x += line.shape[1] + 10
    return canvas


def synthetic_readings(correct: bool) -> Image.Image:
    """Synthetic lines of test digits that were surely read right, or else wrong, each with what was read and what is true."""
    strokes = DigitStrokes(sources.prepare("mnist").split("test"))
    canvas, shown, number = Image.new("RGB", (1200, 420), "white"), 0, 0
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(17)
    while shown < 15:
        scene = scenes.line(strokes, np.random.default_rng([2, number]), height=56)
        number += 1
        reading, true = inkdigits.read(scene.picture, "line"), scene.signed_lines[0].replace("½", "1/2")
        right = reading.best_text.replace(" ", "") == true
        wanted = right and "?" not in reading.text if correct else not right
        if not wanted or not scene.text or scene.picture.shape[1] > 380:
            continue
        x, y = 400 * (shown % 3), 84 * (shown // 3)
        canvas.paste(Image.fromarray(scene.picture), (x, y))
        told = reading.text if correct else f"{reading.text or 'nothing'}, but it is {true}"
        pen.text((x, y + 59), told, fill="black" if correct else (190, 40, 20), font=font)
        shown += 1
    return canvas


def pages_misread() -> Image.Image:
    """Of each kind of picture in tests/reading/test_pages.py one that was misread, with what was read and what is true."""
    from tests.reading.test_pages import KINDS, Sheet

    images, labels = sources.prepare("mnist").split("test").labelled()
    digits = {digit: images[labels == digit] for digit in range(10)}
    tile, columns = (300, 266), 4
    shown: list[Image.Image] = []
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng([3, number])
        for _ in range(40):
            sheet = Sheet(digits, rng, paper=int(rng.integers(200, 250)), ink=int(rng.integers(10, 90)))
            true, reading = kind(sheet), inkdigits.read(sheet.picture)
            if reading.digits_text.replace("\n", "") == "".join(filter(str.isdigit, true)):
                continue
            picture = reading.draw()
            picture.thumbnail((tile[0] - 10, tile[1] - 66))
            canvas = Image.new("RGB", tile, "white")
            canvas.paste(picture, (0, 0))
            told = f"{reading.text or 'nothing'}, but it is {true}".replace("\n", " / ")
            for row, start in enumerate(range(0, min(len(told), 120), 40)):
                place = (0, tile[1] - 62 + 18 * row)
                ImageDraw.Draw(canvas).text(place, told[start : start + 40], (190, 40, 20), ImageFont.load_default(14))
            shown.append(canvas)
            break
    page = Image.new("RGB", (columns * tile[0], -(-len(shown) // columns) * tile[1]), "white")
    for number, canvas in enumerate(shown):
        page.paste(canvas, (number % columns * tile[0], number // columns * tile[1]))
    return page


def save(picture: Image.Image, name: str) -> None:
    """Write a picture in few colours, so that it is small."""
    picture.convert("P", palette=Image.Palette.ADAPTIVE).save(FOLDER / name, optimize=True)


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for path, _ in draw_all(load_run(sys.argv[1]), Path("reports/figures")):
        if path.stem in FIGURES:
            save(Image.open(path), path.name)
    reader = inkdigits.Reader()
    reader.read(EXAMPLES / "page.jpg").draw().save(FOLDER / "reading.jpg", quality=85)
    save(reader.explain(reader.read(EXAMPLES / "page.jpg")), "explain.png")
    save(fields_picture(), "fields.png")
    save(synthetic_lines(), "synthetic_lines.png")
    save(synthetic_readings(correct=True), "read_correct.png")
    save(synthetic_readings(correct=False), "read_wrong.png")
    save(pages_misread(), "pages_wrong.png")


if __name__ == "__main__":
    main()
