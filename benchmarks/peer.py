"""Whole pictures beside a peer: this reader in mode ``auto``, and RapidOCR's whole pipeline, on the same pictures.

    pip install rapidocr
    python benchmarks/peer.py FOLDER...

A folder holds pictures, by themselves or in ``images/``, and ``labels.csv`` with a column ``file`` and one of ``lines``,
``text`` or ``expected``: the digits, lines parted by ``|``. Only digits are compared. Both take all cores. Run nothing else
beside it.
"""

from __future__ import annotations

import csv
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from results import FOLDER, machine

import inkdigits
from inkdigits import files


def main() -> None:
    """Measure, print and keep."""
    table = {}
    readers = {"inkdigits": ours, "RapidOCR": peer()}
    print(f"{'set':24} {'reader':10} {'exact, %':>9} {'errors, %':>10} {'ms a picture':>13}")
    for folder in map(Path, sys.argv[1:]):
        pictures = labelled(folder)
        for name, read in readers.items():
            exact, wrong, total, started = 0, 0, 0, time.perf_counter()
            for path, true in pictures:
                found = read(path)
                exact += found == true
                wrong += edits(true, found)
                total += len(true)
            milliseconds = 1000 * (time.perf_counter() - started) / len(pictures)
            row = {"exact": 100 * exact / len(pictures), "errors": 100 * wrong / total, "ms": milliseconds}
            print(f"{folder.name:24} {name:10} {row['exact']:9.1f} {row['errors']:10.1f} {row['ms']:13.0f}", flush=True)
            table[f"{folder.name}, {name}"] = {key: round(value, 2) for key, value in row.items()}
    files.write_json(FOLDER / "peer.json", table | {"machine": machine()})


def labelled(folder: Path) -> list[tuple[Path, str]]:
    """The pictures of a folder, and the digits in them, line by line."""
    place = folder / "images" if (folder / "images").is_dir() else folder
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in ("lines", "text", "expected") if name in rows[0])
    kept = [row for row in rows if row.get("mode", "page") in ("auto", "digit", "line", "page")]
    return [(place / row["file"], digits(row[column].replace("|", "\n"))) for row in kept]


def digits(text: str) -> str:
    """The digits of a text, line by line."""
    return "\n".join(line for line in (re.sub(r"\D", "", line) for line in text.split("\n")) if line)


def ours(path: Path) -> str:
    """What this reader makes of a picture."""
    return digits(inkdigits.read(path).best_text)


def peer() -> Callable[[Path], str]:
    """What RapidOCR makes of a picture: its boxes, joined to lines where their middles are level."""
    from rapidocr import RapidOCR  # type: ignore[import-not-found,unused-ignore]

    engine = RapidOCR()

    def read(path: Path) -> str:
        found = engine(str(path))
        if not found.txts:
            return ""
        boxes = [
            (box[:, 0].min(), box[:, 1].min(), box[:, 1].max(), text) for box, text in zip(found.boxes, found.txts, strict=True)
        ]
        lines: list[list[tuple[float, float, float, str]]] = []
        for box in sorted(boxes, key=lambda one: one[1] + one[2]):
            middle = (box[1] + box[2]) / 2
            if lines and lines[-1][0][1] < middle < lines[-1][0][2]:
                lines[-1].append(box)
            else:
                lines.append([box])
        return digits("\n".join("".join(text for *_, text in sorted(line)) for line in lines))

    return read


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


if __name__ == "__main__":
    main()
