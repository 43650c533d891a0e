"""IDX files, as MNIST and EMNIST have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits import formats
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError
from inkdigits.preparation import prepare_batch
from inkdigits.sources.base import Source


class Idx(Source):
    """Any pair of …images-idx3-ubyte and …labels-idx1-ubyte, gzipped or not.

    The words train and test (or t10k) in a file's name tell its split.
    """

    kind = "idx"
    location = "FOLDER"
    summary = "IDX files such as EMNIST's, gzipped or not"

    def inputs(self) -> Sequence[Path]:
        """All IDX files of the folder."""
        return sorted(self.path.glob("*idx?-ubyte*"))

    def fetch(self, raw: Path) -> Dataset:
        """The images as network inputs."""
        folder = self.path
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder: give the one that holds the IDX files")
        splits: dict[str, Split] = {}
        for path in sorted([*folder.glob("*images?idx3-ubyte"), *folder.glob("*images?idx3-ubyte.gz")]):
            name = "test" if "test" in path.name or "t10k" in path.name else "train"
            if name in splits:
                raise DataError(f"{folder} has more than one file of {name} images, {path.name} among them: keep one a folder")
            images = formats.read_idx(path)
            if images.ndim != 3 or not images.size:
                raise DataError(f"{path} has the shape {images.shape}, not (images, rows, columns)")
            images = images.swapaxes(1, 2) if self.transpose else images
            splits[name] = Split(prepare_batch(images), _labels(path, len(images)))
        if not splits:
            raise DataError(f"{folder} holds no file named …images-idx3-ubyte or …images-idx3-ubyte.gz")
        return Dataset(self.kind, splits)


def _labels(images_path: Path, count: int) -> NDArray[np.int64] | None:
    """The labels that belong to a file of images, where they are there."""
    stem = images_path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    path = next((p for p in (images_path.with_name(stem + ".gz"), images_path.with_name(stem)) if p.exists()), None)
    if path is None:
        return None
    labels = formats.read_idx(path)
    if labels.shape != (count,):
        raise DataError(f"{path} has labels of shape {labels.shape} for {count} images: the two files don't belong together")
    if labels.size and labels.max() > 9:
        index = int(np.argmax(labels > 9))
        raise DataError(f"{path}: label {labels[index]} at index {index} is no digit of 0 to 9: use the digits' files alone")
    return labels.astype(np.int64)
