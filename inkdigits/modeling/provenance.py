"""What a model came from besides data and settings."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkdigits import __version__

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def provenance() -> dict[str, Any]:
    """Threads, versions, and the commit of the current folder's repository."""
    return {
        "threads": torch.get_num_threads(),
        "versions": {
            "inkdigits": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "git_commit": git_commit(Path.cwd()),
    }


def git_commit(folder: Path) -> str | None:
    """The commit of the repository that a folder lies in; None outside of one.

    It is read from Git's files. Git itself would run whatever the repository's configuration names.
    """
    for root in (folder, *folder.parents):
        place = root / ".git"
        try:
            if place.is_file():  # a worktree or a submodule
                place = root / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
            if not (place / "HEAD").is_file():
                continue
            return _commit(place)
        except (OSError, ValueError):  # no repository that we understand
            return None
    return None


def _commit(place: Path) -> str | None:
    head = (place / "HEAD").read_text(encoding="utf-8").strip()
    name = head.removeprefix("ref:").strip()
    if name == head:  # no branch
        return head if _HASH.fullmatch(head) else None
    common = place / "commondir"  # of a worktree: where the branches are
    shared = place / common.read_text(encoding="utf-8").strip() if common.is_file() else place
    if (shared / name).is_file():
        found = (shared / name).read_text(encoding="utf-8").strip()
        return found if _HASH.fullmatch(found) else None
    for row in (shared / "packed-refs").read_text(encoding="utf-8").splitlines():
        commit, _, branch = row.partition(" ")
        if branch == name and _HASH.fullmatch(commit):
            return commit
    return None
