"""What a source of digits is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from inkdigits.dataset import Dataset, Split
from inkdigits.files import sha256


class Source(ABC):
    """A place that digits come from: one class in one file a kind.

    A new kind is a subclass in a file of its own, and its name in ``inkdigits.sources.SOURCES``.

    Attributes:
        kind: What a user writes, in front of the colon where there is one.
        location: What the user writes behind the colon, for help texts and errors; empty where there is nothing to write.
        summary: One line for help texts.
        path: The folder or file that was given; the current folder where the kind takes none.
    """

    kind: ClassVar[str]
    location: ClassVar[str] = ""
    summary: ClassVar[str]

    def __init__(self, path: Path, transpose: bool = False) -> None:
        self.path = path
        self.transpose = transpose

    @classmethod
    def usage(cls) -> str:
        """How the source is written: ``mnist``, or ``idx:FOLDER``."""
        return f"{cls.kind}:{cls.location}" if cls.location else cls.kind

    @property
    def slug(self) -> str:
        """The name of its files in ``data``: the kind; of a local source also the last folder and a hash of the whole path."""
        if not self.location:
            return self.kind
        path = self.path.resolve()
        words = re.sub(r"[^\w.]+", "-", path.stem)
        return f"{self.kind}-{words}-{sha256(str(path).encode())[:8]}{'-transposed' if self.transpose else ''}"

    def inputs(self) -> Sequence[Path]:
        """The local files that the data set is made from: when one of them changes, it is made again."""
        return ()

    @abstractmethod
    def fetch(self, raw: Path) -> Dataset:
        """Get the data set.

        Args:
            raw: Folder for downloaded originals (``data/raw``); files once there are never changed.

        Raises:
            DataError: Its files are missing, damaged or of the wrong form.
        """


def train_and_test(
    name: str,
    train: NDArray[np.uint8],
    train_labels: NDArray[np.integer],
    test: NDArray[np.uint8],
    test_labels: NDArray[np.integer],
) -> Dataset:
    """A data set of two splits; images uint8 (N, 28, 28), labels (N,)."""
    return Dataset(
        name, {"train": Split(train, train_labels.astype(np.int64)), "test": Split(test, test_labels.astype(np.int64))}
    )
