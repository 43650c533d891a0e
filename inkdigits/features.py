"""The step from ``data/interim`` to ``data/processed``: network inputs, split into train, validation and test."""

from __future__ import annotations

from dataclasses import replace

from inkdigits import dataset, preparation, sources
from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from inkdigits.splits import SPLIT_SEED, SPLIT_VERSION, held_out


def make_features(source: str, project: Project | None = None, transpose: bool = False) -> Dataset:
    """Network inputs of a source, split into train, validation and test, kept under ``data/processed``.

    The splits are those of the source; the training split gives one image in twelve to validation, the same ones
    every time (MNIST: 55,000 and 5,000), and copies of an image stay together; where the writers are known, it gives one
    writer in twelve. MNIST's images pass through unchanged.

    Args:
        source: See ``inkdigits.sources``.
        project: Where to keep it; by default the current one.
        transpose: Swap rows and columns (EMNIST's IDX files).

    Returns:
        the splits, images uint8 (N, 28, 28).

    Raises:
        UsageError: There is no such source.
        DataError: Its files are missing, damaged or of the wrong form.
    """
    project = project or Project.current()
    interim = sources.prepare(source, project, transpose)
    versions = {"preparation": preparation.VERSION, "split": SPLIT_VERSION}
    made_from = {**versions, "split_seed": SPLIT_SEED, "interim": interim.fingerprints()}
    target = project.processed / f"{sources.find(source, transpose).slug}.npz"
    return dataset.kept(target, made_from, lambda: _network_inputs(interim))


def _network_inputs(interim: Dataset) -> dict[str, Split]:
    splits = {name: replace(data, images=preparation.prepare_batch(data.images)) for name, data in interim.splits.items()}
    if "train" in splits and splits["train"].labels is not None:
        splits |= dict(zip(("train", "validation"), held_out(splits["train"]), strict=True))
    return splits
