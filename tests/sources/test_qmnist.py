"""QMNIST's label files, of which small ones with the same form are made here."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inkdigits import dataset, formats, sources
from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import ChecksumError, DataError
from inkdigits.features import make_features
from inkdigits.files import sha256
from inkdigits.sources import qmnist
from inkdigits.sources.mnist import Mnist


@pytest.fixture
def folder(project: Project, sample: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with label files of the sample's images, which stand in for MNIST; 40 writers."""
    folder = tmp_path / "qmnist"
    folder.mkdir()
    monkeypatch.setattr(Mnist, "fetch", lambda *_: Dataset("mnist", {name: sample.split(name) for name in ("train", "test")}))
    digests = {}
    for name, split in zip(qmnist.QMNIST_FILES, ("train", "test"), strict=True):
        labels = sample.split(split).labelled()[1]
        rows = np.zeros((len(labels) + 50, 8), np.int32)  # QMNIST knows of more test digits than MNIST has
        rows[: len(labels), 0], rows[:, 2] = labels, np.arange(len(rows)) % 40 + 2000
        content = formats.idx_bytes(rows)
        digests[name] = sha256(content)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(qmnist, "QMNIST_FILES", digests)
    monkeypatch.setenv("INKDIGITS_QMNIST_DIR", str(folder))
    return folder


def test_every_digit_has_its_writer_and_validation_has_its_own(
    folder: Path, sample: Dataset, run_cli: Callable[..., tuple[int, str, str]]
) -> None:
    data = sources.prepare("qmnist")
    train = data.split("train")
    assert train.writers is not None
    np.testing.assert_array_equal(train.writers, np.arange(len(train)) % 40 + 2000)
    np.testing.assert_array_equal(train.images, sample.split("train").images)
    features = make_features("qmnist")
    learnt, validation = features.split("train"), features.split("validation")
    assert learnt.writers is not None and validation.writers is not None
    assert not set(learnt.writers) & set(validation.writers)
    assert len(learnt) + len(validation) == len(train)
    assert 0.04 < len(validation) / len(train) <= 1 / 12
    code, out, _ = run_cli("features", "qmnist")
    assert code == 0
    assert f"{len(validation)} images, labelled, {len(set(validation.writers))} writers" in " ".join(out.split())
    # What is kept is what was made.
    again = dataset.load(Project.current().processed / "qmnist.npz").split("validation")
    assert again.fingerprint() == validation.fingerprint() and "writers_sha256" in again.fingerprint()


def test_files_that_do_not_belong_together_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = qmnist.QMNIST_FILES
    rows = formats.read_idx(folder / f"{second}.gz", np.int32)
    content = formats.idx_bytes(rows[::-1].copy())
    (folder / f"{second}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ChecksumError, match="qmnist-test"):
        sources.prepare("qmnist")
    monkeypatch.setitem(qmnist.QMNIST_FILES, second, sha256(content))
    with pytest.raises(DataError, match="test images are not MNIST's"):
        sources.prepare("qmnist")
    (folder / f"{first}.gz").unlink()
    with pytest.raises(DataError, match="does not exist"):
        sources.prepare("qmnist")


def test_writers_are_as_many_as_images() -> None:
    with pytest.raises(DataError, match="writers of shape"):
        Split(np.zeros((3, 28, 28), np.uint8), None, np.zeros(2, np.int64))
