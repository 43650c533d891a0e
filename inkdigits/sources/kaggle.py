"""Kaggle's competition Digit Recognizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inkdigits import formats
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError
from inkdigits.sources.base import Source


class Kaggle(Source):
    """A folder with ``train.csv`` and ``test.csv``, or one such file."""

    kind = "kaggle"
    location = "FOLDER_OR_CSV"
    summary = "Digit Recognizer's train.csv and test.csv"

    def inputs(self) -> Sequence[Path]:
        """The CSV files that are there."""
        if not self.path.is_dir():
            return [self.path]
        return [path for name in ("train.csv", "test.csv") if (path := self.path / name).exists()]

    def fetch(self, raw: Path) -> Dataset:
        """The rows as images; a file without labels is the test split."""
        files = self.inputs()
        if not files:
            raise DataError(f"{self.path} holds no train.csv and no test.csv: unpack Kaggle's archive there")
        splits: dict[str, Split] = {}
        for file in files:
            images, labels = formats.read_kaggle_csv(file)
            if labels is None and file.name == "train.csv":
                raise DataError(f"{file} has no column 'label' to learn from: is it a copy of test.csv? Download it again")
            splits["test" if labels is None or file.name == "test.csv" else "train"] = Split(images, labels)
        return Dataset(self.kind, splits)
