"""Make the pictures in docs/images: figures of a run, and what the reader finds in examples/.

python docs/make_pictures.py RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

import inkdigits
from inkdigits.plots import draw_all, load_run

FOLDER = Path(__file__).parent / "images"
EXAMPLES = Path(__file__).parents[1] / "examples"
FIGURES = ("worst_mistakes", "confusion", "reliability", "risk_coverage", "feature_maps", "embedding", "occlusion")


def reading_picture() -> Figure:
    """The examples, with each digit's box and label on them."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    places = [["blackboard.png", "page.jpg"], ["drawing.png", "page.jpg"]]
    for name, ax in figure.subplot_mosaic(places, height_ratios=[1, 2], width_ratios=[1, 1.15]).items():
        path = EXAMPLES / name
        reading = inkdigits.read(path)
        ax.imshow(Image.open(path))
        for digit in reading.digits:
            left, top, right, bottom = digit.box
            colour = "#2f855a" if digit.label is not None else "#dd6b20"
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, color=colour, lw=1.5))
            ax.text(left, top, digit.best, color="white", fontsize=9, va="bottom", bbox={"color": colour, "pad": 1})
        ax.set_title(f"examples/{path.name}", fontsize=10)
        ax.set_axis_off()
    return figure


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for path, _ in draw_all(load_run(sys.argv[1]), Path("reports/figures")):
        if path.stem in FIGURES:
            Image.open(path).convert("P", palette=Image.Palette.ADAPTIVE).save(FOLDER / path.name, optimize=True)
    reading_picture().savefig(FOLDER / "reading.png", dpi=110)
    picture = Image.open(FOLDER / "reading.png").convert("P", palette=Image.Palette.ADAPTIVE)
    picture.save(FOLDER / "reading.png", optimize=True)


if __name__ == "__main__":
    main()
