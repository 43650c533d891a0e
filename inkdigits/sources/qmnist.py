"""MNIST with the number of each digit's writer, which QMNIST's label files tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError
from inkdigits.sources.base import Source
from inkdigits.sources.mnist import Mnist
from inkdigits.sources.official import OfficialFiles

#: QMNIST's label files, and the SHA-256 of each, uncompressed; Source: references/datasets.md.
QMNIST_FILES = {
    "qmnist-train-labels-idx2-int": "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
    "qmnist-test-labels-idx2-int": "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd",
}
QMNIST_MIRRORS = ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",)
#: Columns of their rows.
_LABEL, _WRITER = 0, 2


class Qmnist(Source):
    """MNIST's 60,000 + 10,000 images with their writers, 539 and 297 people, none of them in both.

    Source: C. Yadav and L. Bottou, "Cold Case: The Lost MNIST Digits", NeurIPS 2019.
    """

    kind = "qmnist"
    summary = "MNIST with the number of each digit's writer; validation is by writers that training has not seen"

    def fetch(self, raw: Path) -> Dataset:
        """MNIST and QMNIST's label files, which are kept in ``data/raw/mnist`` and ``data/raw/qmnist``."""
        mnist = Mnist(self.path).fetch(raw)
        files = OfficialFiles("QMNIST", "qmnist", "INKDIGITS_QMNIST_DIR", QMNIST_FILES, QMNIST_MIRRORS, np.int32)
        splits: dict[str, Split] = {}
        for (name, split), rows in zip(mnist.splits.items(), files.arrays(raw), strict=True):
            images, labels = split.labelled()
            rows = rows[: len(images)]
            if not np.array_equal(rows[:, _LABEL], labels):
                raise DataError(f"QMNIST's labels of the {name} images are not MNIST's: the files don't belong together")
            splits[name] = Split(images, labels, rows[:, _WRITER].astype(np.int64))
        return Dataset(self.kind, splits)
