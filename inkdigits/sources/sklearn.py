"""The small digits that scikit-learn carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inkdigits.dataset import Dataset
from inkdigits.extras import require
from inkdigits.preparation import prepare_batch
from inkdigits.sources.base import Source, train_and_test


class ScikitLearn(Source):
    """1,797 images of 8×8 pixels: NOT MNIST, but always there."""

    kind = "sklearn"
    summary = "1,797 images of 8×8 pixels, NOT MNIST: the last resort offline"

    def fetch(self, raw: Path) -> Dataset:
        """The images as network inputs, in the order of their writers."""
        with require("train"):
            from sklearn.datasets import load_digits
        digits = load_digits()
        images = prepare_batch(np.rint(digits.images * (255 / 16)).astype(np.uint8))
        cut = len(images) * 4 // 5  # the last fifth is by people whom the first four fifths don't know
        return train_and_test(self.kind, images[:cut], digits.target[:cut], images[cut:], digits.target[cut:])
