"""Throw damaged pictures and odd arrays at the reader: no crash, no hang, bounded memory.

    python benchmarks/fuzz.py --count 10000

Files of every format are made from examples/, then bytes are changed, cut out, doubled or swapped. Whatever the reader says
must be a Reading or an ImageError, within ten seconds; the largest resident size is printed at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import resource
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import inkdigits
from inkdigits.reading.page import MODES

EXAMPLES = Path(__file__).parents[1] / "examples"
SLOWEST_S = 10.0


def whole_files() -> list[bytes]:
    """Small pictures in every format and mode that is read."""
    files = []
    for path in sorted(EXAMPLES.glob("*.*")):
        picture = Image.open(path)
        picture.thumbnail((160, 160))
        for form, mode in [
            *(("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
            *(("TIFF", mode) for mode in ("1", "L", "CMYK")),
            *(("JPEG", "L"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("BMP", "L"), ("GIF", "P")),
        ]:
            file = io.BytesIO()
            picture.convert(mode).save(file, form)
            files.append(file.getvalue())
        if importlib.util.find_spec("pypdfium2"):
            file = io.BytesIO()
            picture.convert("L").save(file, "PDF")
            files.append(file.getvalue())
    return files


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The same file with some harm done to it."""
    harmed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        kind, start = int(rng.integers(5)), int(rng.integers(len(harmed) + 1))
        length = int(rng.integers(1, 40))
        if kind == 0 and start < len(harmed):
            harmed[start] = int(rng.integers(256))
        elif kind == 1:
            del harmed[start : start + length]
        elif kind == 2:
            harmed[start:start] = harmed[start : start + length]
        elif kind == 3:
            harmed[start : start + length] = rng.bytes(length)
        elif kind == 4:
            harmed = harmed[: max(start, 1)]
    return bytes(harmed)


def odd_array(rng: np.random.Generator) -> np.ndarray:
    """An array of a strange shape or content."""
    height, width = (int(np.exp(rng.uniform(0, np.log(side)))) for side in (400, 3000))
    height, width = (height, width) if rng.random() < 0.5 else (width, height)
    kind = int(rng.integers(5))
    if kind == 4:  # specks
        return np.where(rng.random((height, width)) < rng.uniform(0, 0.1), 0, 255).astype(np.uint8)
    if kind == 0:
        return np.full((height, width), int(rng.integers(256)), np.uint8)
    if kind == 1:
        return rng.integers(0, 256, (height, width), np.uint8)
    if kind == 2:
        return ((np.add.outer(np.arange(height), np.arange(width)) % int(rng.integers(2, 50))) * 5).astype(np.uint8)
    return rng.integers(0, 256, (height, width, int(rng.choice([1, 3, 4]))), np.uint8)


def main() -> None:
    """Try, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    rng, files = np.random.default_rng(settings.seed), whole_files()
    read, refused, slowest = 0, 0, 0.0
    for _ in tqdm(range(settings.count), disable=None):
        source = damaged(files[int(rng.integers(len(files)))], rng) if rng.random() < 0.75 else odd_array(rng)
        mode = MODES[int(rng.integers(4))]
        started = time.perf_counter()
        try:
            reading = inkdigits.read(source, mode)
            assert len(reading.text) == len(reading.best_text)
            read += 1
        except inkdigits.ImageError:
            refused += 1
        slowest = max(slowest, time.perf_counter() - started)
        assert slowest < SLOWEST_S, f"{mode} took {slowest:.1f} s"
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{read:,d} read, {refused:,d} refused, slowest {slowest:.2f} s, peak memory {megabytes} MB")


if __name__ == "__main__":
    main()
