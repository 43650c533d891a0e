"""What keeps nonsense away from the network: its settings are checked, and the files that it is loaded from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from inkdigits.errors import UsageError

#: 400 MB of them.
_MOST_WEIGHTS = 100_000_000


def check_layers(layers: Sequence[int]) -> None:
    """Raise UsageError where no network can have these layers."""
    if len(layers) < 2 or any(n < 1 for n in layers):
        given = ",".join(map(str, layers))
        raise UsageError(f"layers are {given}: give two numbers or more, each at least 1, such as 784,30,10")
    weights = sum(a * b for a, b in itertools.pairwise(layers))
    if weights > _MOST_WEIGHTS:
        given = ",".join(map(str, layers))
        raise UsageError(f"layers are {given}, which makes {weights:,d} weights: {_MOST_WEIGHTS:,d} are the most")


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError for a name that isn't known."""
    if name not in known:
        raise UsageError(f"there is no {what} {name!r}: choose {', '.join(known)}")


def check_settings(
    examples: int, epochs: int, batch_size: int, lr: float, lr_end: float | None, momentum: float | None, l2: float
) -> None:
    """Raise UsageError where a setting of the training lies outside its range."""
    if epochs < 1:
        raise UsageError(f"epochs is {epochs}: train at least 1")
    if not 1 <= batch_size <= examples:
        raise UsageError(f"batch size is {batch_size}: choose it between 1 and the number of examples, {examples}")
    if not 0 < lr < np.inf:
        raise UsageError(f"the learning rate is {lr}: choose a positive number")
    if lr_end is not None and not 0 <= lr_end < np.inf:
        raise UsageError(f"the last learning rate is {lr_end}: choose 0 or a positive number")
    if momentum is not None and not 0 <= momentum < 1:
        raise UsageError(f"momentum is {momentum}: choose it from 0 up to, but not including, 1")
    if not 0 <= l2 < np.inf:
        raise UsageError(f"l2 is {l2}: choose 0 or a positive number, such as 0.0001")


def backup_name(path: Path) -> Path:
    """Where the file that was at ``path`` before is kept: network.backup.npz."""
    return path.with_name(f"{path.stem}.backup{path.suffix}")


def loaded_arrays(kind: str, arrays: Mapping[str, np.ndarray], shapes: Iterable[tuple[int, ...]]) -> list[np.ndarray]:
    """The weights or biases of a file, ``kind_1``, ``kind_2`` and so on, as float32.

    Raises:
        KeyError: one is missing.
        ValueError: one holds other things than finite numbers of its shape.
    """
    found = []
    for number, shape in enumerate(shapes, start=1):
        array = arrays[f"{kind}_{number}"]
        if array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{kind}_{number} is {array.dtype} {array.shape}, its layers need numbers of the shape {shape}")
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found
            found.append(array.astype(np.float32))
        if not np.isfinite(found[-1]).all():
            raise ValueError(f"{kind}_{number} holds numbers that are not finite")
    return found
