"""Speed and memory of the reader: the table in docs/reading.md.

    python benchmarks/reader.py

Each figure is the best of some runs; whole processes are started anew each time. Needs inkdigits[train] for the pictures it
makes. Run nothing else beside it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from results import FOLDER, machine
from timing import process, shortest

import inkdigits
from inkdigits import files, sources
from inkdigits.synthesis.synthesize import SynthesizeSettings, maker

EXAMPLES = Path(__file__).parents[1] / "examples"
COMMAND = Path(sys.executable).with_name("inkdigits")


def main() -> None:
    """Measure, print and keep."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        page = maker(SynthesizeSettings("page", seed=3, text="|".join(["12345678 90123456 7890"] * 10)))(0)
        Image.fromarray(page.picture).resize((3024, 4032), Image.Resampling.BICUBIC).save(photo, quality=90)
        photo_seconds, photo_mb = process(COMMAND, "read", photo, "--mode", "page")
    examples_seconds, examples_mb = process(COMMAND, "read", *sorted(EXAMPLES.glob("*.*")))
    prepared = list(sources.prepare("mnist").split("test").images)
    lines = [maker(SynthesizeSettings("line", seed=4, text="314159"))(number).picture for number in range(3)] * 70
    digits_s = shortest(lambda: inkdigits.read_many(prepared, "digit"))
    lines_s = shortest(lambda: inkdigits.read_many(lines, "line"))
    table = {
        "photo of 12 megapixels with 200 digits, whole process, s": round(photo_seconds, 2),
        "its peak memory, MB": photo_mb,
        "the pictures in examples/, whole process, s": round(examples_seconds, 2),
        "its peak memory of that, MB": examples_mb,
        "read_many(mode='digit'), prepared 28×28 arrays a second": round(len(prepared) / digits_s),
        "read_many(mode='line'), lines of six digits a second": round(len(lines) / lines_s),
    }
    for name, value in table.items():
        print(f"{name:62} {value}")
    files.write_json(FOLDER / "reader.json", table | {"machine": machine()})


if __name__ == "__main__":
    main()
