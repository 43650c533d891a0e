"""Shared fixtures: the real MNIST, small real subsets in every format, and a project of its own for each test."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from inkdigits import dataset, formats, sources
from inkdigits.cli import main
from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from tests.make_data import FILE

if TYPE_CHECKING:
    from inkdigits.modeling.train import TrainResult

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process of tests for each core: PyTorch, and what it starts, take one
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project whose data serve all tests; MNIST comes from the user's cache, or from wherever it can be had."""
    return Project(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def mnist(home: Project) -> Dataset:
    """All of MNIST: train and test."""
    return sources.prepare("mnist", home)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, which is the current one during the test."""
    monkeypatch.setenv("INKDIGITS_PROJECT", str(tmp_path / "project"))
    return Project.current()


def write_idx_folder(folder: Path, **splits: Split) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in splits.items():
        (folder / f"{name}-images-idx3-ubyte").write_bytes(formats.idx_bytes(split.images))
        if split.labels is not None:
            (folder / f"{name}-labels-idx1-ubyte").write_bytes(formats.idx_bytes(split.labels.astype(np.uint8)))
    return folder


@pytest.fixture(scope="session")
def sample() -> Dataset:
    """The first 3,000 training and 1,000 test images of MNIST, which are in the repository."""
    return dataset.load(FILE)


@pytest.fixture(scope="session")
def small(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files with the sample."""
    return write_idx_folder(tmp_path_factory.mktemp("small"), **sample.splits)


@pytest.fixture(scope="session")
def few(sample: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files with 600 training and 100 test images, for what is slow."""
    first = {name: sample.split(name).take(np.arange(size)) for name, size in (("train", 600), ("test", 100))}
    return write_idx_folder(tmp_path_factory.mktemp("few"), **first)


@pytest.fixture(scope="session")
def small_run(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, TrainResult]:
    """A project with a finished run, ``small``, trained on the small set."""
    from inkdigits.modeling.settings import TrainSettings
    from inkdigits.modeling.train import train  # PyTorch: only the tests that train need it

    project = Project(tmp_path_factory.mktemp("project"))
    return project, train(TrainSettings("fast", data=f"idx:{small}", epochs=5, run="small"), project)


def benchmark(name: str) -> ModuleType:
    """A script of benchmarks/ as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command through the real entry point: exit code, stdout, stderr."""

    monkeypatch.setattr(logging.root, "handlers", [])  # the command line sets its own, on this test's stderr

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["inkdigits", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run
