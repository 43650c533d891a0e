"""What the scripts here share: results that are kept as soon as they are there, and the machine that they come from."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkdigits import files
from inkdigits.modeling.devices import device_of
from inkdigits.modeling.recipes import Recipe

FOLDER = Path(__file__).parent / "results"

Run = dict[str, Any]


class Results:
    """Finished runs in ``benchmarks/results/<name>.json``: lists of them, by what was run.

    Args:
        name: Of the file.
    """

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.json"
        self.runs = self._read()

    def _read(self) -> dict[str, list[Run]]:
        return files.read_json(self.path) if self.path.exists() else {}

    def of(self, key: str) -> list[Run]:
        """The runs of one kind, by their seeds."""
        return sorted(self.runs.get(key, []), key=lambda run: int(run["seed"]))

    def missing(self, key: str, seeds: Iterable[int]) -> list[int]:
        """Which of the seeds have not been run yet; how many have, and how to run them anew, is said."""
        wanted, done = set(seeds), {run["seed"] for run in self.of(key)}
        if known := wanted & done:
            told = f"{key}: {len(known)} of {len(wanted)} runs are in {self.path.name}, and are not run again"
            print(f"{told} (delete {self.path} to measure anew)", file=sys.stderr)
        return sorted(wanted - done)

    def add(self, key: str, run: Run) -> None:
        """Keep a run, in place of one of the same seed; the file is written whole or not at all."""
        self.runs = self._read()  # another process may have added its own meanwhile
        self.runs[key] = [kept for kept in self.runs.get(key, []) if kept["seed"] != run["seed"]] + [run]
        files.write_json(self.path, self.runs)


def fingerprint(*plans: Recipe) -> str:
    """Of all settings of recipes: a changed recipe's runs are not mixed with the earlier ones.

    What a recipe leaves as it is by default does not count, so that a new field leaves the results of all others valid.
    """
    plain = vars(Recipe("", (), 0))
    chosen = [{name: value for name, value in vars(plan).items() if value != plain[name]} for plan in plans]
    return files.sha256(repr(chosen).encode())[:8]


def machine(device: str = "auto") -> Run:
    """What times depend on."""
    gpu = torch.cuda.get_device_name() if device_of(device).type == "cuda" else None
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name") or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def key_of(what: str, device: str = "auto") -> str:
    """Runs of one kind: what was run, with which settings, and on which processor."""
    place = machine(device)
    return f"{what} · {place['gpu'] or place['processor']}"


def spread(runs: list[Run], name: str, digits: int, scale: float = 1.0) -> str:
    """Mean ± standard deviation of a figure over runs; of a single one there is no deviation."""
    values = scale * np.array([run[name] for run in runs], float)
    mean = f"{values.mean():.{digits}f}"
    return f"{mean} ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else mean


def markdown(rows: list[list[str]]) -> str:
    """A table; the first row is its head."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])
