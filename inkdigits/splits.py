"""How a data set is split: the same way every time, every label alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.dataset import Split
from inkdigits.errors import UsageError

#: Images set aside for validation out of MNIST's 60,000: one in twelve. Other sources keep that share.
VALIDATION_SHARE = 5_000 / 60_000
SPLIT_SEED = 0
#: It rises when the same data are split otherwise.
SPLIT_VERSION = 2


def held_out(data: Split, share: float = VALIDATION_SHARE, seed: int = SPLIT_SEED) -> tuple[Split, Split]:
    """Hold out a stratified share: every label gives the same share, up to rounding, and order is kept.

    Images that are equal in each pixel stay together, so that nothing is held out that is trained on. Where the writers are
    known, some of them are held out with all their images, until the share is reached.

    Args:
        data: Labelled images.
        share: Share that is held out, in (0, 1).
        seed: The same seed gives the same split.

    Returns:
        the rest, and what is held out.

    Raises:
        DataError: There are no labels.
        UsageError: The share lies outside its range.
    """
    if not 0 < share < 1:
        raise UsageError(f"a share of {share} cannot be split off: choose one between 0 and 1")
    _, labels = data.labelled()
    if data.writers is not None:
        chosen = _of_some_writers(data.writers, share, seed)
        return data.take(~chosen), data.take(chosen)
    originals, original_of = _originals(data.images)
    chosen = _of_each_label(labels[originals], share, seed)[original_of]
    return data.take(~chosen), data.take(chosen)


def _originals(images: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each different image stands first, int (M,), and which of these each image equals, int (N,)."""
    places: dict[bytes, int] = {}
    original_of = np.array([places.setdefault(image.tobytes(), len(places)) for image in images], np.intp)
    return np.unique(original_of, return_index=True)[1], original_of


def _of_each_label(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which images, of labels int64 (N,), are held out: bool (N,)."""
    order = np.random.default_rng(seed).permutation(len(labels))
    by_label = order[np.argsort(labels[order], kind="stable")]
    # Every 1/share-th image of the list sorted by label: exact in total, and within one image for each label.
    picks = np.floor(np.arange(1, len(labels) + 1) * share + 1e-9) > np.floor(np.arange(len(labels)) * share + 1e-9)
    chosen = np.zeros(len(labels), bool)
    chosen[by_label[picks]] = True
    return chosen


def _of_some_writers(writers: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which images, of writers int64 (N,), are by those who are held out: bool (N,)."""
    people, counts = np.unique(writers, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(people))
    enough = np.cumsum(counts[order]) <= share * len(writers)
    return np.isin(writers, people[order][enough])
