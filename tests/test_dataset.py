from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits import dataset, sources
from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError, UsageError
from inkdigits.features import make_features
from inkdigits.files import atomic, clear_leftovers, new_folder, read_json
from inkdigits.splits import held_out


@pytest.mark.slow
def test_mnist_is_split_55_to_5_and_nothing_is_lost(home: Project, mnist: Dataset) -> None:
    data = make_features("mnist", home)
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 55_000, "validation": 5_000, "test": 10_000}
    again = np.concatenate([data.split("train").images, data.split("validation").images]).reshape(-1, 784)
    original = mnist.split("train").images.reshape(-1, 784)
    np.testing.assert_array_equal(np.unique(again, axis=0), np.unique(original, axis=0))
    np.testing.assert_array_equal(data.split("test").images, mnist.split("test").images)
    shares = np.bincount(data.split("validation").labels) / np.bincount(mnist.split("train").labels)  # type: ignore[arg-type]
    np.testing.assert_allclose(shares, 1 / 12, atol=1e-3)


@settings(deadline=None, max_examples=50)
@given(labels=st.lists(st.integers(0, 9), min_size=2, max_size=300), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_every_label_gives_its_share(labels: list[int], share: float, seed: int) -> None:
    images = _numbered(len(labels))
    part = Split(images, np.array(labels))
    rest, chosen = held_out(part, share, seed)
    assert sorted([*_numbers(rest), *_numbers(chosen)]) == list(range(len(labels)))
    for label in set(labels):
        assert chosen.labels is not None
        assert abs((chosen.labels == label).sum() - share * labels.count(label)) <= 1
    same = held_out(part, share, seed)[1]
    np.testing.assert_array_equal(same.images, chosen.images)


@settings(deadline=None, max_examples=50)
@given(originals=st.lists(st.integers(0, 40), min_size=2, max_size=300), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_copies_of_an_image_stay_together(originals: list[int], share: float, seed: int) -> None:
    """Also where their labels contradict each other."""
    images = _numbered(41)[originals]
    rest, chosen = held_out(Split(images, np.arange(len(images)) % 10), share, seed)
    assert not set(_numbers(rest)) & set(_numbers(chosen))
    assert sorted([*_numbers(rest), *_numbers(chosen)]) == sorted(originals)


def _numbered(count: int) -> NDArray[np.uint8]:
    """Images that differ, with their numbers in their first two pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
    return images


def _numbers(part: Split) -> list[int]:
    return [int(number) for number in part.images[:, 0, :2].astype(int) @ [256, 1]]


def test_a_share_outside_its_range() -> None:
    with pytest.raises(UsageError, match=r"1\.5"):
        held_out(Split(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)), 1.5)


@pytest.mark.slow
def test_a_damaged_interim_file_is_made_again(project: Project) -> None:
    first = sources.prepare("sklearn")
    path = project.interim / "sklearn.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    second = sources.prepare("sklearn")
    np.testing.assert_array_equal(first.split("train").images, second.split("train").images)
    assert path.read_bytes() == whole
    for content in ("[]", "{}", "{", '{"made_from": {}, "sha256": ""}'):
        path.with_suffix(".json").write_text(content)
        sources.prepare("sklearn")
    manifest = read_json(path.with_suffix(".json"))
    assert manifest["splits"]["train"] == first.split("train").fingerprint()


def test_an_npz_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, train_images=np.array([{}], object))
    with pytest.raises(DataError, match=r"x\.npz is no data set"):
        dataset.load(path)


def test_parts_check_their_form() -> None:
    with pytest.raises(DataError, match="not uint8"):
        Split(np.zeros((1, 28, 28)), None)
    with pytest.raises(DataError, match="labels of shape"):
        Split(np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.int64))


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device")):
        with pytest.raises(type(error)), atomic(path) as file:
            file.write(b"half")
            raise error
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "made"
    with pytest.raises(KeyboardInterrupt), new_folder(folder) as beside:
        (beside / "half").write_text("")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    for there in (folder, Path()):  # an empty folder will do as well, and the one one stands in
        with new_folder(there) as beside:
            (beside / "whole").write_text("")
            assert not (there / "whole").exists()
        assert [path.name for path in there.iterdir()] == ["whole"]
        (there / "whole").unlink()
        (there / ".0123456789ab.part").mkdir()  # of a process that was killed
        monkeypatch.chdir(folder)
    (folder / "mine").write_text("")
    with pytest.raises(DataError, match="is not empty"), new_folder(folder):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_killed_processes_have_left_is_cleared(tmp_path: Path) -> None:
    left, young, mine = tmp_path / ".a.npz.0123456789ab.tmp", tmp_path / ".b.npz.ba9876543210.tmp", tmp_path / ".c.tmp"
    for path in (left, young, mine):
        path.write_bytes(b"half")
    os.utime(left, (1e9, 1e9))
    clear_leftovers(tmp_path, hours=1)
    assert sorted(tmp_path.iterdir()) == [young, mine]
    clear_leftovers(tmp_path, hours=0)
    assert list(tmp_path.iterdir()) == [mine]
    clear_leftovers(tmp_path / "nowhere", hours=0)
