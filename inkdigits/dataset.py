"""Data sets: get them once, keep verified arrays, split them the same way every time.

``prepare(source)`` fetches a source and keeps it as ``data/interim/<name>.npz`` with a manifest beside it;
``make_features(source)`` turns that into model inputs, split into train, validation and test, in ``data/processed``.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkdigits import __version__, features
from inkdigits.config import Project
from inkdigits.errors import DataError, UsageError
from inkdigits.files import atomic, read_json, sha256, sha256_file, write_json

#: Images set aside for validation out of MNIST's 60,000: one in twelve. Other sources keep that share.
VALIDATION_SHARE = 5_000 / 60_000
SPLIT_SEED = 0
#: The files of a folder that each kind of local source reads.
_INPUTS = {
    "kaggle": ("train.csv", "test.csv"),
    "idx": ("*idx?-ubyte*",),
    "folder": ("[0-9]/*", "train/[0-9]/*", "test/[0-9]/*"),
}


@dataclass(frozen=True)
class Part:
    """Images and, where known, their labels.

    Attributes:
        images: uint8 (N, 28, 28), 0 = paper, 255 = ink.
        labels: int64 (N,) of 0 to 9, or None.
    """

    images: np.ndarray
    labels: np.ndarray | None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (28, 28):
            raise DataError(f"images are {self.images.dtype} {self.images.shape}, not uint8 (N, 28, 28)")
        if self.labels is not None and self.labels.shape != (len(self.images),):
            raise DataError(f"{len(self.images)} images have labels of shape {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels.

        Raises:
            DataError: there are no labels.
        """
        if self.labels is None:
            raise DataError("these images have no labels: they can be predicted, not trained on or scored")
        return self.images, self.labels

    def take(self, index: np.ndarray) -> Part:
        """The images at ``index`` (positions, or a mask)."""
        return Part(self.images[index], None if self.labels is None else self.labels[index])

    def fingerprint(self) -> dict[str, object]:
        """Number and SHA-256 of images and labels."""
        digests: dict[str, object] = {"count": len(self), "images_sha256": sha256(self.images)}
        if self.labels is not None:
            digests["labels_sha256"] = sha256(self.labels)
        return digests


@dataclass(frozen=True)
class Dataset:
    """The parts of one source, such as ``train``, ``validation`` and ``test``."""

    name: str
    parts: Mapping[str, Part]

    def part(self, name: str) -> Part:
        """One part.

        Raises:
            DataError: the data set has no such part.
        """
        if name not in self.parts:
            raise DataError(f"{self.name} has no part {name!r}: it has {', '.join(self.parts)}")
        return self.parts[name]

    def evaluation_part(self) -> str:
        """The part that a figure is measured on: the test part, where that has labels; else any part with labels."""
        names = [name for name in ("test", "train") if name in self.parts and self.parts[name].labels is not None]
        if not names:
            raise DataError(f"{self.name} has no labels: it can be predicted, not scored")
        return names[0]


# --- data → interim ---------------------------------------------------------------------------------------------


def slug(source: str, transpose: bool = False) -> str:
    """The file name of a source: ``mnist``, or kind, last folder and a hash of the whole path."""
    kind, _, location = source.partition(":")
    if not location:
        return kind
    path = Path(location).expanduser().resolve()
    words = re.sub(r"[^\w.]+", "-", path.stem)
    return f"{kind}-{words}-{sha256(str(path).encode())[:8]}{'-transposed' if transpose else ''}"


def prepare(source: str, project: Project | None = None, transpose: bool = False) -> Dataset:
    """Fetch a source and keep it under ``data/interim``; one that is there, and whose files are unchanged, is read.

    Args:
        source: See ``inkdigits.sources``.
        project: Where to keep it; by default the current one.
        transpose: Swap rows and columns (EMNIST's IDX files).

    Raises:
        UsageError: there is no such source.
        DataError: its files are missing, damaged or of the wrong form.
    """
    from inkdigits import sources

    project = project or Project.current()
    made_from = {"source": source, "features": features.VERSION, "inputs": _input_files(source)}
    target = project.interim / f"{slug(source, transpose)}.npz"
    return _kept(target, made_from, lambda: sources.fetch(source, project.raw, transpose).parts)


def _kept(target: Path, made_from: dict[str, Any], make: Callable[[], Mapping[str, Part]]) -> Dataset:
    """The data set at ``target``; it is made, and kept with a manifest, unless it is there whole and of the same origin."""
    manifest_path = target.with_suffix(".json")
    try:
        manifest = read_json(manifest_path)
        if (manifest["made_from"], manifest["sha256"]) == (made_from, sha256_file(target)):
            return load(target)
    except (FileNotFoundError, DataError, KeyError, TypeError):
        pass  # not there yet, not whole, or of an earlier version
    data = Dataset(target.stem, make())
    save(data, target)
    parts = {name: part.fingerprint() for name, part in data.parts.items()}
    manifest = {"made_from": made_from, "inkdigits": __version__, "sha256": sha256_file(target), "parts": parts}
    write_json(manifest_path, manifest)
    return data


def _input_files(source: str) -> dict[str, list[int]]:
    """Size and time of change of every file of a local source: what tells that it has changed."""
    kind, _, name = source.partition(":")
    location = Path(name).expanduser()
    if location.is_dir():
        files = [path for pattern in _INPUTS.get(kind, ()) for path in sorted(location.glob(pattern))]
    else:
        files = [location] if name else []
    stats = {str(p): p.stat() for p in files if p.exists()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def save(data: Dataset, path: Path) -> None:
    """Write a data set as an ``.npz``, whole or not at all."""
    arrays = {f"{name}_images": part.images for name, part in data.parts.items()}
    arrays |= {f"{name}_labels": part.labels for name, part in data.parts.items() if part.labels is not None}
    with atomic(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def load(path: Path) -> Dataset:
    """Read what ``save`` wrote.

    Raises:
        DataError: the file is damaged or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        names = [name.removesuffix("_images") for name in arrays if name.endswith("_images")]
        return Dataset(path.stem, {name: Part(arrays[f"{name}_images"], arrays.get(f"{name}_labels")) for name in names})
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no data set of inkdigits ({error}): delete it and make it again") from None


# --- interim → processed ----------------------------------------------------------------------------------------


def make_features(source: str, project: Project | None = None, transpose: bool = False) -> Dataset:
    """Model inputs of a source, split into train, validation and test, kept under ``data/processed``.

    The parts are those of the source; the training part gives one image in twelve to validation, the same ones
    every time (MNIST: 55,000 and 5,000). MNIST's images pass through unchanged.
    """
    project = project or Project.current()
    interim = prepare(source, project, transpose)
    fingerprints = {name: part.fingerprint() for name, part in interim.parts.items()}
    made_from = {"features": features.VERSION, "split_seed": SPLIT_SEED, "interim": fingerprints}
    return _kept(project.processed / f"{slug(source, transpose)}.npz", made_from, lambda: _model_inputs(interim))


def _model_inputs(interim: Dataset) -> dict[str, Part]:
    parts = {name: Part(features.prepare_batch(part.images), part.labels) for name, part in interim.parts.items()}
    if "train" in parts and parts["train"].labels is not None:
        parts |= dict(zip(("train", "validation"), split(parts["train"]), strict=True))
    return parts


def split(part: Part, share: float = VALIDATION_SHARE, seed: int = SPLIT_SEED) -> tuple[Part, Part]:
    """Split off a stratified share: every label gives the same share, up to rounding, and order is kept.

    Args:
        part: Labelled images.
        share: Share for the second part, in (0, 1).
        seed: The same seed gives the same split.

    Returns:
        the rest, and the share.
    """
    if not 0 < share < 1:
        raise UsageError(f"a share of {share} cannot be split off: choose one between 0 and 1")
    _, labels = part.labelled()
    order = np.random.default_rng(seed).permutation(len(labels))
    by_label = order[np.argsort(labels[order], kind="stable")]
    # Every 1/share-th image of the list sorted by label: exact in total, and within one image for each label.
    picks = np.floor(np.arange(1, len(labels) + 1) * share + 1e-9) > np.floor(np.arange(len(labels)) * share + 1e-9)
    held_out = np.zeros(len(labels), bool)
    held_out[by_label[picks]] = True
    return part.take(~held_out), part.take(held_out)
