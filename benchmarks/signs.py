"""Numbers with signs, of writers whom no network has seen: how many are read as they were written. See docs/reading.md.

    python benchmarks/signs.py [--count 2000] [--split test]

The lines are synthetic: strokes of MNIST's test images, whose writers are others than those of its training images, drawn as
``inkdigits synthesize line`` draws them, often with more signs before or behind them. A text counts as read if the best guess
is right in every digit and sign. Needs inkdigits[train].
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from results import FOLDER, machine

import inkdigits
from inkdigits import files
from inkdigits.features import make_features
from inkdigits.synthesis import scenes
from inkdigits.synthesis.allographs import DigitStrokes


def _date(rng: np.random.Generator) -> str:
    return str(rng.choice(list("/.-"))).join(map(str, (rng.integers(1, 29), rng.integers(1, 13), rng.integers(1900, 2030))))


#: What is written, by kind.
KINDS: dict[str, Callable[[np.random.Generator], str]] = {
    "amount": lambda rng: f"{rng.integers(1, 2000)}{rng.choice(list('.,'))}{rng.integers(100):02d}",
    "date": _date,
    "time": lambda rng: f"{rng.integers(24)}:{rng.integers(60):02d}",
    "score": lambda rng: f"{rng.integers(30)}{rng.choice(list(':-'))}{rng.integers(30)}",
    "fraction": lambda rng: f"{rng.integers(1, 20)}{rng.choice(['½', '/' + str(rng.integers(2, 20))])}",
}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--split", default="test", choices=["test", "validation"])
    args = parser.parse_args()
    strokes = DigitStrokes(make_features("mnist").split(args.split))
    rng = np.random.default_rng(0)
    each = args.count // len(KINDS)
    table: dict[str, float] = {}
    for kind, text_of in KINDS.items():
        made = [scenes.line(strokes, rng, height=64, text=text_of(rng)) for _ in range(each)]
        readings = inkdigits.read_many([scene.picture for scene in made], "line")
        wanted = [scene.signed_lines[0].replace("½", "1/2") for scene in made]
        right = sum(reading.best_text.replace(" ", "") == text for reading, text in zip(readings, wanted, strict=True))
        table[kind] = round(100 * right / each, 1)
        print(f"{kind:10} {table[kind]:5.1f} % of {each}")
    print(f"{'all':10} {np.mean(list(table.values())):5.1f} %")
    files.write_json(FOLDER / "signs.json", {"split": args.split, "count": each, "right, %": table, "machine": machine()})


if __name__ == "__main__":
    main()
