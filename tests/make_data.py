"""Make tests/data/sample.npz: the first 3,000 training and 1,000 test images of MNIST, so that most tests need no download.

    python -m tests.make_data

MNIST is by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inkdigits import sources
from inkdigits.files import atomic

FILE = Path(__file__).parent / "data" / "sample.npz"
SIZES = {"train": 3000, "test": 1000}


def main() -> None:
    """Write the file."""
    arrays = {}
    for name, size in SIZES.items():
        images, labels = sources.prepare("mnist").split(name).labelled()
        arrays |= {f"{name}_images": images[:size], f"{name}_labels": labels[:size]}
    with atomic(FILE) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
