"""Let coverage lead the harm: what reaches new code of our parsers and templates is harmed further. No foreign exception.

    pip install atheris
    python benchmarks/fuzz_guided.py [-max_total_time=3600] [CORPUS]

The first byte of an input chooses who gets the rest: a file of data, a picture, a template, a description, a name. Options
are libFuzzer's. Whatever comes of it must be an answer or an InkdigitsError; else the input is written to a file, ``crash-…``,
and the run ends. Needs inkdigits[train].
"""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["inkdigits"]):
    from inkdigits import dataset, files, formats, images
    from inkdigits.errors import InkdigitsError
    from inkdigits.forms.template import Template
    from inkdigits.limits import Limits
    from inkdigits.modeling.meta import checked
    from inkdigits.reading.reading import Reading
    from inkdigits.reading.values import value_of
    from inkdigits.runs import Run

import csv

import numpy as np
from PIL import Image

FOLDER = Path(tempfile.mkdtemp(prefix="inkdigits-fuzz-"))
#: Pixels of the longer side of a picture that is looked at; smaller than those that it is made of.
LONGEST = 100


def written(content: bytes, name: str) -> Path:
    path = FOLDER / name
    path.write_bytes(content)
    return path


def idx(content: bytes) -> None:
    assert formats.read_idx(written(content, "images")).dtype == np.uint8


def packed_idx(content: bytes) -> None:
    assert formats.read_idx(written(gzip.compress(content, 1), "images.gz")).dtype == np.uint8


def kaggle(content: bytes) -> None:
    header = ",".join(["label", *formats.PIXEL_COLUMNS]).encode()
    images, _ = formats.read_kaggle_csv(written(header + b"\n" + content, "train.csv"))
    assert images.shape[1:] == (28, 28)


def predictions(content: bytes) -> None:
    assert set(formats.read_predictions(written(b"ImageId,Label\n" + content, "p.csv")).tolist()) <= set(range(10))


def arrays(content: bytes) -> None:
    dataset.load(written(content, "d.npz"))


def template(content: bytes) -> None:
    Template.load(written(content, "t.json"))


def field(content: bytes) -> None:
    Template.load(written(b'{"fields": [{"name": "a", "box": [0, 0, 1, 1], ' + content + b"}]}", "t.json"))


def meta(content: bytes) -> None:
    written(content, "meta.json")
    checked(Run(FOLDER).meta(), FOLDER)


def reading(content: bytes) -> None:
    Reading.from_dict(files.read_json(written(content, "r.json")))


def picture(content: bytes) -> None:
    """What is read and what is looked at are the same pages."""
    limits = Limits(pixels=1_000_000, pages=3)
    read = [page.shape[::-1] for page in images.pages(content, limits)]
    seen = [page.size for page in images.shown(content, LONGEST, limits)]
    assert len(read) == len(seen)
    for size, (width, height) in zip(read, seen, strict=True):
        scale = min(1, LONGEST / max(size))
        assert abs(width - size[0] * scale) <= 1
        assert abs(height - size[1] * scale) <= 1


def value(content: bytes) -> None:
    value_of(content.decode("utf-8", "replace"))


def name(content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape")
    (cells,) = csv.reader(io.StringIO(files.csv_rows([[files.as_cell(text), 1]], ",")))
    assert len(cells) == 2
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in files.printable(text))


TARGETS: tuple[Callable[[bytes], None], ...] = (
    *(idx, packed_idx, kaggle, predictions, arrays, template, field, meta, reading, value, name, picture),
)


def one(content: bytes) -> None:
    """Try one input."""
    if content:
        with contextlib.suppress(InkdigitsError):
            TARGETS[content[0] % len(TARGETS)](content[1:])


def seeds(folder: Path) -> None:
    """Write what is whole, to begin with."""
    root = Path(__file__).parents[1]
    images, labels = np.zeros((2, 28, 28), np.uint8), np.array([3, 7])
    kept = FOLDER / "kept.npz"
    dataset.save(dataset.Dataset("d", {"train": dataset.Split(images, labels)}), kept)
    rows = "".join(",".join(map(str, [label, *image.ravel()])) + "\n" for label, image in zip(labels, images, strict=True))
    templates = [path.read_bytes() for path in sorted((root / "docs" / "templates").glob("*.json"))]
    whole = [
        formats.idx_bytes(images),
        formats.idx_bytes(images),
        rows.encode(),
        b"1,3\n2,7\n",
        kept.read_bytes(),
        *templates[:1],
    ]
    whole += [
        b'"cells": 5, "check": "luhn"',
        Run.shipped("default").meta_path.read_bytes(),
        b'{"pages": []}',
        b"1,250.50",
        b"=a\x1b",
    ]
    for number, content in enumerate(whole):
        (folder / f"seed-{number}").write_bytes(bytes([number]) + content)
    for form, mode in zip(
        ("PNG", "PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"), ("RGBA", "I;16", "RGB", "L", "RGB", "P", "L"), strict=True
    ):
        file = io.BytesIO()
        Image.new(mode, (150, 60), 9).save(file, form)
        (folder / f"picture-{form}-{mode[0]}").write_bytes(bytes([TARGETS.index(picture)]) + file.getvalue())
    for number, content in enumerate(templates):
        (folder / f"template-{number}").write_bytes(bytes([TARGETS.index(template)]) + content)


if __name__ == "__main__":
    corpus = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if not corpus:
        corpus = [str(FOLDER / "corpus")]
        sys.argv += corpus
    Path(corpus[0]).mkdir(parents=True, exist_ok=True)
    seeds(Path(corpus[0]))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
