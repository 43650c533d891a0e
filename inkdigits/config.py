"""Folders. Nothing is read or created at import; the project is the current folder unless told otherwise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Project:
    """The folders of one project, in the vocabulary of Cookiecutter Data Science.

    Attributes:
        root: The project's folder; by default ``$INKDIGITS_PROJECT``, else the current folder.
    """

    root: Path

    @classmethod
    def current(cls) -> Project:
        """The project that a command works in."""
        return cls(Path(os.environ.get("INKDIGITS_PROJECT", ".")))

    @property
    def raw(self) -> Path:
        """Files as published; never edited."""
        return self.root / "data" / "raw"

    @property
    def interim(self) -> Path:
        """Verified uint8 arrays, each with a manifest."""
        return self.root / "data" / "interim"

    @property
    def processed(self) -> Path:
        """Network inputs, split into train, validation and test."""
        return self.root / "data" / "processed"

    @property
    def models(self) -> Path:
        """One folder a training run."""
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Figures and pages that can be made again at any time."""
        return self.root / "reports"


def cache_dir() -> Path:
    """Where downloads are kept for all projects of this user: ``$INKDIGITS_CACHE_DIR``, else the system's place."""
    return Path(os.environ.get("INKDIGITS_CACHE_DIR") or platformdirs.user_cache_path("inkdigits"))
