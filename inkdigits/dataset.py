"""Data sets in memory and on disk: images with labels, in splits such as ``train`` and ``test``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits import __version__
from inkdigits.errors import DataError
from inkdigits.files import atomic, clear_leftovers, read_json, sha256, sha256_file, write_json


@dataclass(frozen=True)
class Split:
    """Images and, where known, their labels.

    Attributes:
        images: uint8 (N, 28, 28), 0 = paper, 255 = ink.
        labels: int64 (N,) of 0 to 9, or None.
        writers: int64 (N,), the number of the person who wrote each, or None.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    writers: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (28, 28):
            raise DataError(f"images are {self.images.dtype} {self.images.shape}, not uint8 (N, 28, 28)")
        for name, column in (("labels", self.labels), ("writers", self.writers)):
            if column is not None and column.shape != (len(self.images),):
                raise DataError(f"{len(self.images)} images have {name} of shape {column.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def labelled(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels.

        Raises:
            DataError: There are no labels.
        """
        if self.labels is None:
            raise DataError("these images have no labels: they can be predicted, not trained on or scored")
        return self.images, self.labels

    def take(self, index: NDArray[np.generic]) -> Split:
        """The images at ``index``: positions int (M,), or a mask bool (N,)."""
        labels, writers = (None if column is None else column[index] for column in (self.labels, self.writers))
        return Split(self.images[index], labels, writers)

    def fingerprint(self) -> dict[str, object]:
        """Number and SHA-256 of images, labels and writers."""
        digests: dict[str, object] = {"count": len(self), "images_sha256": sha256(self.images)}
        if self.labels is not None:
            digests["labels_sha256"] = sha256(self.labels)
        if self.writers is not None:
            digests["writers_sha256"] = sha256(self.writers)
        return digests


@dataclass(frozen=True)
class Dataset:
    """The splits of one source, such as ``train``, ``validation`` and ``test``.

    Attributes:
        name: Of the source, as its files are called.
        splits: By their names.
    """

    name: str
    splits: Mapping[str, Split]

    def split(self, name: str) -> Split:
        """One split.

        Raises:
            DataError: The data set has no such split.
        """
        if name not in self.splits:
            raise DataError(f"{self.name} has no split {name!r}: it has {', '.join(self.splits)}")
        return self.splits[name]

    def evaluation_split(self) -> str:
        """Name of the split that a figure is measured on: the test split, where that has labels; else one that has.

        Raises:
            DataError: No split has labels.
        """
        names = [name for name in ("test", "train") if name in self.splits and self.splits[name].labels is not None]
        if not names:
            raise DataError(f"{self.name} has no labels: it can be predicted, not scored")
        return names[0]

    def fingerprints(self) -> dict[str, dict[str, object]]:
        """The fingerprint of every split, by its name."""
        return {name: split.fingerprint() for name, split in self.splits.items()}


def save(data: Dataset, path: Path) -> None:
    """Write a data set as an ``.npz``, whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {f"{name}_images": split.images for name, split in data.splits.items()}
    for name, split in data.splits.items():
        columns = {f"{name}_labels": split.labels, f"{name}_writers": split.writers}
        arrays |= {key: column for key, column in columns.items() if column is not None}
    with atomic(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def load(path: Path) -> Dataset:
    """Read what ``save`` wrote.

    Raises:
        DataError: The file is damaged or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        names = [name.removesuffix("_images") for name in arrays if name.endswith("_images")]
        parts = [(arrays[f"{n}_images"], arrays.get(f"{n}_labels"), arrays.get(f"{n}_writers")) for n in names]
        return Dataset(path.stem, {name: Split(*columns) for name, columns in zip(names, parts, strict=True)})
    except Exception as error:  # NumPy has no exception of its own for what it cannot read
        raise DataError(f"{path} is no data set of inkdigits ({error}): delete it and make it again") from None


def kept(target: Path, made_from: dict[str, Any], make: Callable[[], Mapping[str, Split]]) -> Dataset:
    """The data set at ``target``; it is made and kept, with a manifest, unless it is there whole and of the same origin.

    Args:
        target: An ``.npz`` file.
        made_from: What the data set follows from, as JSON has it; the manifest keeps it.
        make: Makes the splits.
    """
    manifest_path = target.with_suffix(".json")
    try:
        manifest = read_json(manifest_path)
        if (manifest["made_from"], manifest["sha256"]) == (made_from, sha256_file(target)):
            return load(target)
    except (FileNotFoundError, DataError, KeyError, TypeError):
        pass  # not there yet, not whole, or of an earlier version
    clear_leftovers(target.parent, hours=1)
    data = Dataset(target.stem, make())
    save(data, target)
    manifest = {
        "made_from": made_from,
        "inkdigits": __version__,
        "sha256": sha256_file(target),
        "splits": data.fingerprints(),
    }
    write_json(manifest_path, manifest)
    return data
