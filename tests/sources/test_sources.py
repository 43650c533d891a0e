from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits import formats, preparation, sources
from inkdigits.config import Project
from inkdigits.dataset import Dataset, Split
from inkdigits.errors import DataError, ImageError, MissingExtraError, UsageError
from inkdigits.features import make_features
from tests.conftest import write_idx_folder
from tests.test_formats import write_kaggle


def test_kaggle_folder_and_file(project: Project, sample: Dataset, tmp_path: Path) -> None:
    train, test = sample.split("train").take(np.arange(200)), sample.split("test").take(np.arange(50))
    write_kaggle(tmp_path / "train.csv", *train.labelled())
    write_kaggle(tmp_path / "test.csv", test.images, None)
    both = sources.prepare(f"kaggle:{tmp_path}")
    np.testing.assert_array_equal(both.split("train").images, train.images)
    np.testing.assert_array_equal(both.split("test").images, test.images)
    assert both.split("test").labels is None
    assert both.evaluation_split() == "train"
    only = sources.prepare(f"kaggle:{tmp_path / 'train.csv'}")
    assert list(only.splits) == ["train"]


def test_a_labelled_test_csv_keeps_its_part(project: Project, sample: Dataset, tmp_path: Path) -> None:
    for name, count in (("train", 100), ("test", 20)):
        write_kaggle(tmp_path / f"{name}.csv", *sample.split("test").take(np.arange(count)).labelled())
    data = sources.prepare(f"kaggle:{tmp_path}")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 100, "test": 20}


def test_folders_that_are_no_digits_are_named(project: Project, tmp_path: Path) -> None:
    for name in ("3", "12"):
        (tmp_path / name).mkdir()
        Image.new("L", (9, 9)).save(tmp_path / name / "x.png")
    with pytest.raises(DataError, match="a folder '12', which is no digit of 0 to 9"):
        sources.prepare(f"folder:{tmp_path}")


def test_our_own_files_below_a_source_do_not_count_as_its_own(
    project: Project, sample: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.root.mkdir()
    monkeypatch.chdir(project.root)
    write_kaggle(Path("train.csv"), *sample.split("test").take(np.arange(30)).labelled())
    make_features("kaggle:.")
    before = {path: path.stat().st_mtime_ns for path in project.interim.iterdir()}
    make_features("kaggle:.")
    assert {path: path.stat().st_mtime_ns for path in project.interim.iterdir()} == before


def test_a_changed_local_file_is_read_again(project: Project, sample: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    write_kaggle(path, *sample.split("train").take(np.arange(100)).labelled())
    assert len(make_features(f"kaggle:{path}").split("train")) == 92
    write_kaggle(path, *sample.split("train").take(np.arange(240)).labelled())
    assert len(make_features(f"kaggle:{path}").split("train")) == 220


def test_a_change_of_the_same_size_and_time_is_seen(project: Project, sample: Dataset, tmp_path: Path) -> None:
    path, train = tmp_path / "train.csv", sample.split("train")
    images, labels = train.take(np.arange(100)).labelled()
    write_kaggle(path, images, labels)
    before, size = path.stat(), path.stat().st_size
    sources.prepare(f"kaggle:{path}")
    write_kaggle(path, images, labels[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (size, before.st_mtime_ns)
    np.testing.assert_array_equal(sources.prepare(f"kaggle:{path}").split("train").labels, labels[::-1])


def test_kaggles_train_csv_without_labels(project: Project, sample: Dataset, tmp_path: Path) -> None:
    images = sample.split("test").images[:10]
    for name in ("train.csv", "test.csv"):
        write_kaggle(tmp_path / name, images, None)
        with pytest.raises(DataError, match=r"train.csv has no column 'label'"):
            sources.prepare(f"kaggle:{tmp_path}")


def test_idx_folder_and_transpose(project: Project, sample: Dataset, tmp_path: Path) -> None:
    test = sample.split("test").take(np.arange(60))
    folder = write_idx_folder(tmp_path / "emnist", **{"emnist-digits-test": test, "emnist-digits-train": test})
    found = sources.prepare(f"idx:{folder}")
    np.testing.assert_array_equal(found.split("test").images, test.images)
    np.testing.assert_array_equal(found.split("train").labels, test.labels)
    turned = write_idx_folder(tmp_path / "turned", test=Split(np.ascontiguousarray(test.images.swapaxes(1, 2)), test.labels))
    np.testing.assert_array_equal(sources.prepare(f"idx:{turned}", transpose=True).split("test").images, test.images)


def test_idx_without_labels_has_none(project: Project, sample: Dataset, tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "unlabelled", test=Split(sample.split("test").images[:10], None))
    data = sources.prepare(f"idx:{folder}")
    assert data.split("test").labels is None
    with pytest.raises(DataError, match="has no labels"):
        data.evaluation_split()


@pytest.mark.parametrize(("labels", "message"), [([1, 2], "don't belong together"), ([3, 10, 4], "label 10 at index 1")])
def test_idx_labels_that_do_not_fit(project: Project, tmp_path: Path, labels: list[int], message: str) -> None:
    folder = write_idx_folder(tmp_path / "bad", train=Split(np.zeros((3, 28, 28), np.uint8), None))
    (folder / "train-labels-idx1-ubyte").write_bytes(formats.idx_bytes(np.array(labels, np.uint8)))
    with pytest.raises(DataError, match=message):
        sources.prepare(f"idx:{folder}")
    assert not list(project.interim.glob("*")) if project.interim.exists() else True


def test_pictures_in_folders(project: Project, sample: Dataset, tmp_path: Path) -> None:
    images, labels = sample.split("test").take(np.arange(40)).labelled()
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        paper = np.pad(255 - np.kron(image, np.ones((4, 4), np.uint8)), ((20, 3), (0, 50)), constant_values=255)
        Image.fromarray(paper).save(tmp_path / str(label) / f"{i:02d}.png")
    found = sources.prepare(f"folder:{tmp_path}").split("train")
    order = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(found.labels, labels[order])
    assert preparation.is_prepared(found.images).all()
    # Ink at the same places, but for the softness of the edges.
    assert np.abs(found.images.astype(int) - images[order]).mean() < 8


def test_sklearn_is_split_and_never_called_mnist(project: Project) -> None:
    data = sources.prepare("sklearn")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1437, "test": 360}
    assert data.name == "sklearn"


@pytest.mark.slow
def test_openml_by_name(project: Project, mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.concatenate([mnist.split(p).images for p in ("train", "test")])
    labels = np.concatenate([mnist.split(p).labels for p in ("train", "test")])  # type: ignore[arg-type]
    asked = []

    def fetch_openml(name: str, **options: object) -> dict[str, np.ndarray]:
        asked.append((name, options["as_frame"]))
        return {"data": images.reshape(-1, 784).astype(np.int64), "target": labels.astype(str).astype(object)}

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    data = sources.prepare("openml")
    assert asked == [("mnist_784", False)]
    assert data.split("train").fingerprint() == mnist.split("train").fingerprint()
    assert data.split("test").fingerprint() == mnist.split("test").fingerprint()


def test_openml_out_of_reach(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch_openml(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with pytest.raises(DataError, match="no route to host"):
        sources.prepare("openml")


def test_a_missing_extra_names_its_fix(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        sources.prepare("sklearn", project)


@pytest.mark.parametrize("source", ["", "emnist", "kaggle:", "kaggle", "mnist:x", "folder", "idx:"])
def test_unknown_sources_name_the_known_ones(project: Project, source: str) -> None:
    with pytest.raises(UsageError, match="use mnist, qmnist, openml"):
        sources.prepare(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("folder:{}", "no pictures in folders named 0 to 9"),
        ("folder:{}/missing", "is no folder"),
        ("idx:{}", "holds no file named"),
        ("idx:{}/missing", "is no folder"),
        ("kaggle:{}", "no train.csv"),
        ("kaggle:{}/missing.csv", "does not exist"),
    ],
)
def test_empty_and_missing_places(project: Project, tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        sources.prepare(source.format(tmp_path / "empty"))
    assert not project.interim.exists()


def test_an_unreadable_picture_is_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.png cannot be read"):
        sources.prepare(f"folder:{tmp_path}")


def test_a_file_or_folder_without_its_kind_is_recognised(tmp_path: Path) -> None:
    for name in ("kaggle/train.csv", "idx/train-images-idx3-ubyte", "own/7/one.png", "alone.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name, meant in (("kaggle", "kaggle:"), ("idx", "idx:"), ("own", "folder:"), ("alone.csv", "kaggle:")):
        with pytest.raises(UsageError, match=re.escape(f"do you mean {meant}{tmp_path / name}? Or use mnist")):
            sources.find(str(tmp_path / name))
    for name in ("nowhere", "\0", str(tmp_path)):
        with pytest.raises(UsageError, match=r"there is no data source .*: use mnist"):
            sources.find(name)
