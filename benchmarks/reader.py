"""Speed and memory of the reader: the table in docs/reading.md.

    python benchmarks/reader.py

Each figure is the best of some runs; whole processes are started anew each time. Needs inkdigits[train] for the pictures it
makes. Run nothing else beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import inkdigits
from inkdigits import dataset
from inkdigits.synthesis.synthesize import SynthesizeSettings, maker

RESULTS = Path(__file__).parent / "results" / "reader.json"
EXAMPLES = Path(__file__).parents[1] / "examples"

#: What runs in a process of its own: reads the pictures it is given and tells its largest resident size in MB.
_READ = """
import resource, sys
from inkdigits.cli import main
try:
    main()
except SystemExit:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def process(*arguments: object, runs: int = 3) -> tuple[float, int]:
    """Seconds and peak memory in MB of ``inkdigits read …`` as a whole process, the best of some runs."""
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _READ, "read", *map(str, arguments)], capture_output=True, text=True, check=True
        )
        found.append((time.perf_counter() - started, int(done.stderr.split()[-1])))
    return min(found)


def per_second(sources: list[np.ndarray], mode: str, runs: int = 3) -> float:
    """Pictures that ``read_many`` reads in a second."""
    inkdigits.read_many(sources[:10], mode)
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        inkdigits.read_many(sources, mode)
        seconds.append(time.perf_counter() - started)
    return len(sources) / min(seconds)


def main() -> None:
    """Measure, print and keep."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        page = maker(SynthesizeSettings("page", seed=3, text="|".join(["12345678 90123456 7890"] * 10)))(0)
        Image.fromarray(page.picture).resize((3024, 4032), Image.Resampling.BICUBIC).save(photo, quality=90)
        photo_seconds, photo_mb = process(photo, "--mode", "page")
    examples_seconds, examples_mb = process(*sorted(EXAMPLES.glob("*.*")))
    prepared = list(dataset.prepare("mnist").part("test").images)
    lines = [maker(SynthesizeSettings("line", seed=4, text="314159"))(number).picture for number in range(3)] * 70
    table = {
        "photo of 12 megapixels with 200 digits, whole process, s": round(photo_seconds, 2),
        "its peak memory, MB": photo_mb,
        "the pictures in examples/, whole process, s": round(examples_seconds, 2),
        "its peak memory of that, MB": examples_mb,
        "read_many(mode='digit'), prepared 28×28 arrays a second": round(per_second(prepared, "digit")),
        "read_many(mode='line'), lines of six digits a second": round(per_second(lines, "line")),
        "cores": os.cpu_count(),
    }
    for name, value in table.items():
        print(f"{name:62} {value}")
    RESULTS.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
