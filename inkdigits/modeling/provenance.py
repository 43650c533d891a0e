"""What a model came from besides data and settings."""

from __future__ import annotations

import platform
import shutil
import subprocess
from typing import Any

import numpy as np
import torch

from inkdigits import __version__


def provenance() -> dict[str, Any]:
    """Threads, versions and commit."""
    return {
        "threads": torch.get_num_threads(),
        "versions": {
            "inkdigits": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """The commit of the current folder, with ``+`` where files differ from it; None outside a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    commit = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if commit.returncode:
        return None
    status = [git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results"]
    changed = subprocess.run(status, capture_output=True, text=True, check=False)
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
