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
    return {"blank": blank, "pixel": pixel, "bar": bar, "hairline": hairline, "speckled": speckled, "faded": faded}


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
