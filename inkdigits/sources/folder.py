"""One's own pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inkdigits import formats, images
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError
from inkdigits.files import in_order
from inkdigits.preparation import prepare
from inkdigits.sources.base import Source


class Folder(Source):
    """Pictures in folders named 0 to 9, perhaps below ``train`` and ``test``."""

    kind = "folder"
    location = "PATH"
    summary = "pictures in folders named 0 to 9"

    def inputs(self) -> Sequence[Path]:
        """All pictures."""
        roots = (self.path, self.path / "train", self.path / "test")
        return [path for root in roots for path, _ in _labelled_paths(root)]

    def fetch(self, raw: Path) -> Dataset:
        """The pictures as network inputs."""
        if not self.path.is_dir():
            raise DataError(f"{self.path} is no folder: give the one that holds the folders 0 to 9")
        splits = {name: _read(self.path / name) for name in ("train", "test") if (self.path / name).is_dir()}
        return Dataset(self.kind, splits or {"train": _read(self.path)})


def _read(folder: Path) -> Split:
    others = [p.name for p in folder.iterdir() if p.is_dir() and p.name not in formats.DIGITS and any(p.iterdir())]
    if others:
        raise DataError(f"{folder} has a folder {others[0]!r}, which is no digit of 0 to 9: rename it or move it away")
    found = list(_labelled_paths(folder))
    if not found:
        raise DataError(f"{folder} holds no pictures in folders named 0 to 9")
    pictures = [prepare(images.load(path)) for path, _ in tqdm(found, desc="reading pictures", unit="", disable=None)]
    return Split(np.stack(pictures), np.array([label for _, label in found], np.int64))


def _labelled_paths(folder: Path) -> Iterator[tuple[Path, int]]:
    for label in range(10):
        for path in in_order((folder / str(label)).glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path, label
