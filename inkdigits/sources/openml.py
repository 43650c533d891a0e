"""MNIST as OpenML has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inkdigits.dataset import Dataset
from inkdigits.errors import DataError
from inkdigits.extras import require
from inkdigits.sources.base import Source, train_and_test


class OpenML(Source):
    """The data set ``mnist_784``; scikit-learn fetches and caches it."""

    kind = "openml"
    summary = "the same set as OpenML has it, mnist_784"

    def fetch(self, raw: Path) -> Dataset:
        """The 60,000 + 10,000 images in MNIST's order."""
        with require("train"):
            from sklearn.datasets import fetch_openml
        try:
            table = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff", n_retries=1, delay=0.5)
        except (OSError, ValueError) as error:
            raise DataError(
                f"OpenML's mnist_784 could not be fetched ({error}): check the network, or use the source mnist"
            ) from None
        images = table["data"].astype(np.uint8).reshape(-1, 28, 28)
        labels = table["target"].astype(np.uint8)
        return train_and_test(self.kind, images[:60000], labels[:60000], images[60000:], labels[60000:])
