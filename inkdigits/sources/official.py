"""Files whose digests are known: from whichever place has them, checked, and kept."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inkdigits import download, formats
from inkdigits.config import cache_dir
from inkdigits.errors import ChecksumError, DataError
from inkdigits.files import atomic, sha256

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfficialFiles:
    """IDX files as somebody has published them.

    They are looked for in this order: the folder that a variable of the environment names, ``data/raw``, the user's cache, the
    mirrors, and what else there is.

    Attributes:
        title: How messages call them.
        folder: The name of their folder in ``data/raw`` and in the cache.
        variable: Of the environment, which may name a folder that has them.
        digests: SHA-256 of the content of each, uncompressed, by the files' names without ``.gz``.
        mirrors: Addresses of folders that have them.
        dtype: Of their values.
        otherwise: Further ways to fill the cache, by how messages call them.
    """

    title: str
    folder: str
    variable: str
    digests: Mapping[str, str]
    mirrors: Sequence[str]
    dtype: DTypeLike = np.uint8
    otherwise: Mapping[str, Callable[[Path], None]] | None = None

    def arrays(self, raw: Path) -> list[NDArray[Any]]:
        """The content of each file.

        Args:
            raw: ``data/raw``, where the files are kept, read-only.

        Raises:
            DataError: They cannot be had, or are damaged.
        """
        raw = raw / self.folder
        if given := os.environ.get(self.variable):
            return self._copied(Path(given), raw)
        try:
            return self._read(raw)
        except DataError as error:
            logger.debug("%s", error)
        cache = cache_dir() / self.folder
        faults: list[str] = []
        ways = {"the cache": _already_there, "a mirror": self._from_mirrors, **(self.otherwise or {})}
        for place, fill in ways.items():
            try:
                fill(cache)
                arrays = self._copied(cache, raw)
            except DataError as error:
                logger.debug("%s", error)
                faults.append(str(error))
            else:
                logger.info("%s: taken from %s", self.title, place)
                return arrays
        raise DataError(
            f"{self.title} could not be had ({'; '.join(faults[1:]) or faults[0]}): put the {len(self.digests)} files into a"
            f" folder and set {self.variable} to it, or use another source"
        )

    def _read(self, folder: Path) -> list[NDArray[Any]]:
        return [self._checked(_find(folder, name), name) for name in self.digests]

    def _checked(self, path: Path, name: str) -> NDArray[Any]:
        array = formats.read_idx(path, self.dtype)
        if sha256(formats.idx_bytes(array)) != self.digests[name]:
            raise ChecksumError(f"{path} is not the official file (SHA-256 differs): delete it and fetch it again")
        return array

    def _copied(self, folder: Path, raw: Path) -> list[NDArray[Any]]:
        """The content of the files in ``folder``, which are copied to ``raw`` and made read-only there."""
        arrays = self._read(folder)
        for name in self.digests:
            path = _find(folder, name)
            with path.open("rb") as original, atomic(raw / path.name) as copy:
                shutil.copyfileobj(original, copy)
            (raw / path.name).chmod(0o444)
        return arrays

    def _from_mirrors(self, cache: Path) -> None:
        """Fetch the files that the cache lacks; a mirror that fails once is not asked again."""
        mirrors = list(self.mirrors)
        faults: list[str] = []
        for name in self.digests:
            target = cache / f"{name}.gz"
            while not self._is_official(target, name):
                if not mirrors:
                    raise DataError("; ".join(faults) or "there is no mirror")
                try:
                    download.fetch(mirrors[0] + target.name, target)
                    if not self._is_official(target, name):
                        target.unlink()
                        raise ChecksumError(f"{mirrors[0]}{target.name} is not the official file")
                except DataError as error:
                    faults.append(str(error))
                    del mirrors[0]

    def _is_official(self, path: Path, name: str) -> bool:
        try:
            self._checked(path, name)
        except DataError:
            return False
        return True


def _already_there(cache: Path) -> None:
    """An earlier download serves as it is."""


def _find(folder: Path, name: str) -> Path:
    """The file of that name in its usual spellings: with .gz or without, dot or dash before ``idx``."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / f"{stem}.gz", folder / stem):
            if path.exists():
                return path
    raise DataError(f"{folder / name}.gz does not exist")
