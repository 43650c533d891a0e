"""Where digits come from, and the step that brings them to ``data/raw`` and ``data/interim``.

A source is written as ``mnist`` or, with a place, as ``idx:FOLDER``; ``SOURCES`` has them all.
"""

from __future__ import annotations

from pathlib import Path

from inkdigits import dataset, preparation
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import UsageError
from inkdigits.formats import DIGITS
from inkdigits.sources.base import Source
from inkdigits.sources.folder import Folder
from inkdigits.sources.idx import Idx
from inkdigits.sources.kaggle import Kaggle
from inkdigits.sources.mnist import Mnist
from inkdigits.sources.openml import OpenML
from inkdigits.sources.qmnist import Qmnist
from inkdigits.sources.sklearn import ScikitLearn

SOURCES: dict[str, type[Source]] = {source.kind: source for source in (Mnist, Qmnist, OpenML, Kaggle, Idx, Folder, ScikitLearn)}


def find(name: str, transpose: bool = False) -> Source:
    """The source of that name.

    Args:
        name: As a user writes it.
        transpose: For ``idx:`` alone: swap rows and columns of every image, as EMNIST's files need it.

    Raises:
        UsageError: There is no such source, or it takes no transposed images.
    """
    kind, _, location = name.partition(":")
    if kind not in SOURCES or bool(location) != bool(SOURCES[kind].location):
        usage = ", ".join(known.usage() for known in SOURCES.values())
        meant = _meant(Path(name))
        raise UsageError(f"there is no data source {name!r}: {f'do you mean {meant}? Or ' if meant else ''}use {usage}")
    if transpose and kind != Idx.kind:
        raise UsageError(f"transpose is for {Idx.usage()} alone, not for {name!r}")
    return SOURCES[kind](Path(location).expanduser(), transpose)


def _meant(path: Path) -> str | None:
    """How a file or folder is written as a source, where that can be seen; else None."""
    if (path.suffix.lower() == ".csv" and path.is_file()) or (path / "train.csv").is_file():
        return f"{Kaggle.kind}:{path}"
    if path.is_dir() and any(path.glob("*ubyte*")):
        return f"{Idx.kind}:{path}"
    if any((path / digit).is_dir() for digit in DIGITS):
        return f"{Folder.kind}:{path}"
    return None


def prepare(name: str, project: Project | None = None, transpose: bool = False) -> Dataset:
    """Fetch a source and keep it under ``data/interim``; one that is there, and whose files are unchanged, is read.

    Args:
        name: As a user writes it; see ``SOURCES``.
        project: Where to keep it; by default the current one.
        transpose: Swap rows and columns (EMNIST's IDX files).

    Returns:
        the splits, images uint8 (N, 28, 28).

    Raises:
        UsageError: There is no such source.
        DataError: Its files are missing, damaged or of the wrong form.
    """
    project = project or Project.current()
    source = find(name, transpose)
    stats = {str(path): path.stat() for path in source.inputs() if path.exists()}
    made_from = {
        "source": name,
        "preparation": preparation.VERSION,
        "inputs": {path: [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for path, stat in stats.items()},
    }
    return dataset.kept(project.interim / f"{source.slug}.npz", made_from, lambda: source.fetch(project.raw).splits)
