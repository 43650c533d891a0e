"""Read a hundred thousand pictures in one process, and see whether its memory grows.

    python benchmarks/soak.py [--count 100000] [--threads 1]

The pictures are parts of examples/ and the harmed files of fuzz.py, so that what goes wrong is read, too. Each thread begins
with pages of twelve megapixels, one in each mode, so that the first thousand have taken as much as a picture does. Memory is
what the process holds after them and at the end; it may grow by a twentieth. What the C library has kept for later is given
back before, and told beside. Linux alone tells it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import itertools
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fuzz import ROOT, harmed, whole_files
from PIL import Image
from tqdm import tqdm

import inkdigits
from inkdigits import files
from inkdigits.errors import InkdigitsError
from inkdigits.reading.page import MODES

RESULTS = Path(__file__).parent / "results" / "soak.json"
#: Sides of the parts, in pixels.
_SMALLEST, _LARGEST = 28, 120
_PAGE = 4000, 3000
#: Every so many pictures, one is a file that was harmed.
_HARMED = 10


def memory_mb() -> tuple[float, float]:
    """What the process holds, and what it held together with what the C library keeps for later."""
    before = _resident_mb()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return _resident_mb(), before


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def sources(seed: int) -> Iterator[np.ndarray | bytes]:
    """Endless pictures."""
    rng = np.random.default_rng(seed)
    whole = [np.asarray(Image.open(path).convert("L")) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    page = Image.open(ROOT / "examples" / "page.jpg").convert("L").resize(_PAGE)
    yield from [np.asarray(page)] * len(MODES)
    for number in itertools.count():
        if number % _HARMED == 0:
            yield harmed(whole_files()[int(rng.integers(len(whole_files())))], rng)
            continue
        picture = whole[int(rng.integers(len(whole)))]
        height, width = (int(rng.integers(_SMALLEST, min(side, _LARGEST) + 1)) for side in picture.shape)
        top, left = (int(rng.integers(side - part + 1)) for side, part in zip(picture.shape, (height, width), strict=True))
        yield picture[top : top + height, left : left + width]


def main() -> None:
    """Read, and say what it has cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1, help="that share the reader and the pictures")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's about harmed files
    reader, lock, early = inkdigits.Reader(threads=1), threading.Lock(), min(1_000, args.count)
    done, outcomes, memory, started = 0, {"read": 0, "refused": 0}, list[tuple[float, float]](), time.perf_counter()
    with tqdm(total=args.count, disable=None) as bar:

        def work(seed: int, count: int) -> None:
            nonlocal done
            for number, source in enumerate(itertools.islice(sources(seed), count)):
                outcome = "refused"
                with contextlib.suppress(InkdigitsError):
                    reader.read(source, MODES[number % len(MODES)])
                    outcome = "read"
                with lock:
                    done += 1
                    outcomes[outcome] += 1
                    bar.update()
                    if done == early or (done > early and done % max(1, args.count // 10) == 0):
                        memory.append(memory_mb())

        threads = [threading.Thread(target=work, args=(seed, args.count // args.threads)) for seed in range(args.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    grown = memory[-1][0] / memory[0][0] - 1
    told = ", ".join(f"{held:.0f} ({kept:.0f})" for held, kept in memory)
    print(
        f"{done:,d} pictures, {outcomes['refused']:,d} refused, {args.threads} threads, {time.perf_counter() - started:.0f} s;"
        f" MB after {early:,d} and each tenth: {told}; {100 * grown:+.1f} %"
    )
    if args.count >= 100_000:
        known = files.read_json(RESULTS) if RESULTS.exists() else {}
        held, kept = ([round(value) for value in values] for values in zip(*memory, strict=True))
        known[f"{args.threads} threads"] = {**outcomes, "held, MB": held, "with what is kept for later, MB": kept}
        files.write_json(RESULTS, known)
    sys.exit(grown > 0.05)


if __name__ == "__main__":
    main()
