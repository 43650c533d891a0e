"""Golden vectors of the preparation: small pictures and what they become, for ports in other languages.

    python -m tests.preparation.make_golden

Digits are from MNIST's test set (Y. LeCun, C. Cortes and C. Burges; CC BY-SA 3.0).
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from inkdigits import preparation, sources
from inkdigits.files import atomic
from inkdigits.preparation.ink import ink
from inkdigits.preparation.strip import strip

FILE = Path(__file__).with_name("golden") / f"{preparation.VERSION}.npz"


@functools.cache
def pictures() -> dict[str, np.ndarray]:
    """Pictures of every kind that takes a path of its own through the code, each uint8 (H, W)."""
    found = _drawn()
    if FILE.exists():  # so that the tests need no MNIST
        golden = np.load(FILE, allow_pickle=False)
        return {key.split("/")[0]: golden[key] for key in golden if key.endswith("/picture")}
    images = sources.prepare("mnist").split("test").images
    rng = np.random.default_rng(0)

    def paper(image: np.ndarray, scale: int, margin: int, depth: float, level: int) -> np.ndarray:
        big = np.pad(np.kron(image, np.ones((scale, scale))), margin)
        return (level - depth * big).clip(0, 255).astype(np.uint8)

    found |= {
        "mnist": images[0],
        "moved": np.roll(images[1], (3, -2), (0, 1)),
        "dark-on-light": paper(images[2], 2, 7, 0.8, 240),
        "light-on-dark": 255 - paper(images[3], 3, 5, 0.7, 230),
        "pale": paper(images[4], 2, 9, 0.06, 250),
        "noisy": (paper(images[5], 2, 10, 0.4, 200) + rng.normal(0, 6, (76, 76))).clip(0, 255).astype(np.uint8),
        "shadow": (paper(images[6], 3, 12, 0.7, 250) * np.linspace(1, 0.4, 108)).astype(np.uint8),
        "large": paper(images[7], 9, 3, 0.9, 255),
        "line": np.hstack([paper(image, 2, 2, 0.7, 235) for image in images[8:13]]),
        "small-line": np.hstack([paper(image, 1, 1, 0.5, 220)[3:27] for image in images[13:17]]),
    }
    dim, edge = images[19].copy(), np.zeros((28, 28), np.uint8)
    dim[dim >= 254] = 253
    rows, columns = np.flatnonzero(images[20].any(1)), np.flatnonzero(images[20].any(0))
    tight = images[20][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    edge[: tight.shape[0], 4 : 4 + tight.shape[1]] = tight  # at the upper edge, but with its middle above 14
    found |= {"dim": dim, "edge": edge}
    framed = paper(images[17], 2, 14, 0.7, 235)
    framed[:3] = framed[-3:] = framed[:, :2] = framed[:, -4:] = 70
    ruled = paper(images[18], 2, 10, 0.7, 235)
    ruled[-9:-7] = 90
    return found | {"framed": framed, "ruled": ruled}


def _drawn() -> dict[str, np.ndarray]:
    blank, pixel, bar = np.full((20, 30), 200, np.uint8), np.zeros((1, 1), np.uint8), np.full((40, 33), 255, np.uint8)
    bar[:, 11:22] = 0
    hairline = np.full((230, 60), 255, np.uint8)
    hairline[20:200, 30] = 0
    speckled = np.full((50, 50), 240, np.uint8)
    speckled[10:40, 20:26], speckled[5, 5], speckled[44, 40] = 20, 90, 60
    faded = np.array([[0, 11, 16], [16, 16, 16]], np.uint8)
    column = np.array([[9], [200], [13], [240], [90]], np.uint8)
    diagonal = np.full((240, 220), 230, np.uint8)
    diagonal[np.arange(20, 200), np.arange(20, 200)] = diagonal[np.arange(21, 201), np.arange(20, 200)] = 40
    cell = np.full((64, 60), 235, np.uint8)
    cell[20:46, 26:31], cell[20:24, 26:40] = 60, 60
    one_ruling, short_ruling, crossing, aside = cell.copy(), cell.copy(), cell.copy(), cell.copy()
    one_ruling[9, :] = 90
    short_ruling[55, 0:30], short_ruling[50, 0:29], short_ruling[:, 59] = 90, 90, 120  # half a row, just less, and a side
    crossing[:, 44:46] = 80  # a stroke from the upper to the lower border
    aside[30:36, :6] = 50  # a neighbour that looks in
    long, tall = np.tile(np.array([[250], [20], [20], [250]], np.uint8), 500), np.full((200, 10), 220, np.uint8)
    long[:, ::7], tall[40:160, 4:6] = 250, 30
    grain = (np.add.outer(np.arange(40) * 7, np.arange(50) * 3) % 4).astype(np.uint8)
    pale = 240 - grain
    pale[8:32, 22:27] -= 10
    return {
        "blank": blank,
        "pixel": pixel,
        "bar": bar,
        "hairline": hairline,
        "speckled": speckled,
        "faded": faded,
        "column": column,
        "diagonal": diagonal,
        "one-ruling": one_ruling,
        "short-ruling": short_ruling,
        "crossing": crossing,
        "aside": aside,
        "long": long,
        "tall": tall,
        "pale-grain": pale,
    }


def vectors(name: str, picture: np.ndarray) -> dict[str, np.ndarray]:
    """What a picture becomes, by keys of the file."""
    crops = {f"{name}/crop{number}": crop for number, crop in enumerate(preparation.crops(picture)[0])}
    made = {f"{name}/ink": ink(picture), f"{name}/prepare": preparation.prepare(picture), f"{name}/strip": strip(picture)}
    return made | crops


def main() -> None:
    """Write the file."""
    content: dict[str, np.ndarray] = {}
    for name, picture in pictures().items():
        content |= {f"{name}/picture": picture, **vectors(name, picture)}
    with atomic(FILE) as file:
        np.savez_compressed(file, allow_pickle=False, **content)


if __name__ == "__main__":
    main()
