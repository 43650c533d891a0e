"""Throw damaged pictures, templates, models, descriptions and data files at inkdigits: no crash, no hang, no foreign exception.

    python benchmarks/fuzz.py [pictures templates models meta data] [--count N] [--seed S]

What is thrown is whole at first: files of every format made from examples/, the templates of docs/, the shipped models. Then
parts of it, as its format has them, are changed, left out, doubled or swapped, and its checksums made right again. Whatever
comes of it must be an answer or an InkdigitsError, within ten seconds. A case follows from the seed and its number;
``--first N --count 1`` repeats one. The work is done in a process that is started again when it dies. Needs inkdigits[train].
"""

from __future__ import annotations

import argparse
import copy
import gzip
import importlib.util
import io
import json
import multiprocessing
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import inkdigits
from inkdigits import dataset, formats
from inkdigits.errors import InkdigitsError
from inkdigits.reading.page import MODES
from inkdigits.runs import Run

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "fuzz.json"
SLOWEST_S = 10.0
#: Numbers at which programs fail.
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


# --- Harm ---------------------------------------------------------------------------------------------------------------


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The same bytes with some harm done to them, which knows nothing of their format."""
    harmed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        kind, start = int(rng.integers(6)), int(rng.integers(len(harmed) + 1))
        length = int(rng.integers(1, 40))
        if kind == 0 and start < len(harmed):
            harmed[start] = int(rng.integers(256))
        elif kind == 1:
            del harmed[start : start + length]
        elif kind == 2:
            harmed[start:start] = harmed[start : start + length]
        elif kind == 3:
            harmed[start : start + length] = rng.bytes(length)
        elif kind == 4:
            harmed = harmed[: max(start, 1)]
        elif kind == 5:  # a number, most often in the head
            start = int(rng.integers(min(len(harmed), 64) + 1))
            form = str(rng.choice(["B", "<H", ">H", "<I", ">I"]))
            size = struct.calcsize(form)
            harmed[start : start + size] = struct.pack(form, int(rng.choice(NUMBERS)) % 256**size)
    return bytes(harmed)


def rearranged(parts: list[bytes], rng: np.random.Generator) -> list[bytes]:
    """Parts of a file with one or two of them harmed, left out, doubled or swapped."""
    parts = list(parts)
    for _ in range(int(rng.integers(1, 3))):
        if not parts:
            break
        one, other, kind = int(rng.integers(len(parts))), int(rng.integers(len(parts))), int(rng.integers(4))
        if kind == 0:
            parts[one] = damaged(parts[one], rng)
        elif kind == 1:
            del parts[one]
        elif kind == 2:
            parts[one:one] = [parts[one]] * int(rng.choice([1, 3, 200]))
        else:
            parts[one], parts[other] = parts[other], parts[one]
    return parts


def harmed_png(content: bytes, rng: np.random.Generator) -> bytes:
    """A PNG whose chunks, or whose pixels before they are compressed, were harmed; lengths and checksums are right."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append(content[place + 4 : place + 8 + length])
        place += 12 + length
    if rng.random() < 0.3:
        chunks = [
            one[:4] + zlib.compress(damaged(zlib.decompress(one[4:]), rng)) if one.startswith(b"IDAT") else one
            for one in chunks
        ]
    else:
        chunks = rearranged(chunks, rng)
    framed = (struct.pack(">I", max(len(one) - 4, 0)) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks)
    return content[:8] + b"".join(framed)


def harmed_webp(content: bytes, rng: np.random.Generator) -> bytes:
    """A WebP whose chunks were harmed, their lengths being right."""
    chunks, place = [], 12
    while place + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, place + 4)
        chunks.append(content[place : place + 4] + content[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    chunks = rearranged(chunks, rng)
    body = b"".join(
        one[:4].ljust(4) + struct.pack("<I", max(len(one) - 4, 0)) + one[4:] + b"\0" * (len(one) % 2) for one in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def harmed_jpeg(content: bytes, rng: np.random.Generator) -> bytes:
    """A JPEG whose segments were harmed, their lengths being right but for those that the harm hit."""
    segments, place = [], 2
    while content[place + 1 : place + 2] != b"\xda":
        (length,) = struct.unpack_from(">H", content, place + 2)
        segments.append(content[place : place + 2 + length])
        place += 2 + length
    return content[:2] + b"".join(rearranged([*segments, content[place:]], rng))


def harmed_pdf(content: bytes, rng: np.random.Generator) -> bytes:
    """A PDF whose objects were harmed."""
    return b"endobj".join(rearranged(content.split(b"endobj"), rng))


def harmed(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with harm done to it, half of the time by what its format is made of."""
    by_head = {b"\x89PNG": harmed_png, b"RIFF": harmed_webp, b"\xff\xd8": harmed_jpeg, b"%PDF": harmed_pdf}
    known = next((harm for head, harm in by_head.items() if content.startswith(head)), None)
    return damaged(content, rng) if known is None or rng.random() < 0.5 else known(content, rng)


def harmed_value(value: Any, rng: np.random.Generator) -> Any:
    """Plain data with one value in it changed, left out or added to."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        changed, key = dict(value), str(rng.choice(list(value)))
        if rng.random() < 0.15:
            del changed[key]
        elif rng.random() < 0.1:
            changed[str(rng.choice(["", "x", key.upper(), "__class__"]))] = changed[key]
        else:
            changed[key] = harmed_value(value[key], rng)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = int(rng.integers(len(value)))
        return [*value[:place], harmed_value(value[place], rng), *value[place + int(rng.integers(2)) :]]
    odd: list[Any] = [None, True, -1, 0, 5, 100_000, 10**30, 0.5, 1e308, float("nan"), float("inf"), "", "5", "a\nb", "\ud800"]
    odd += [[], {}, [[]], [0] * 1000, {"a": {"b": {}}}, "9" * 10_000, value, [value], {"value": value}]
    return copy.deepcopy(odd[int(rng.integers(len(odd)))])


# --- What is harmed, and who gets it ------------------------------------------------------------------------------------------


@cache
def reader() -> inkdigits.Reader:
    """One for all cases of a process."""
    return inkdigits.Reader(threads=1)


@cache
def whole_files() -> list[bytes]:
    """Small pictures in every format and mode that is read."""
    files = []
    for path in sorted((ROOT / "examples").glob("*.*")):
        picture = Image.open(path)
        picture.thumbnail((160, 160))
        for form, mode in [
            *(("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
            *(("TIFF", mode) for mode in ("1", "L", "CMYK")),
            *(("JPEG", "L"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("BMP", "L"), ("GIF", "P")),
            *([("PDF", "L")] if importlib.util.find_spec("pypdfium2") else []),
        ]:
            file = io.BytesIO()
            picture.convert(mode).save(file, form)
            files.append(file.getvalue())
    return files


def odd_array(rng: np.random.Generator) -> np.ndarray:
    """An array of a strange shape or content."""
    height, width = (int(np.exp(rng.uniform(0, np.log(side)))) for side in (400, 3000))
    height, width = (height, width) if rng.random() < 0.5 else (width, height)
    kind = int(rng.integers(5))
    if kind == 4:  # specks
        return np.where(rng.random((height, width)) < rng.uniform(0, 0.1), 0, 255).astype(np.uint8)
    if kind == 0:
        return np.full((height, width), int(rng.integers(256)), np.uint8)
    if kind == 1:
        return rng.integers(0, 256, (height, width), np.uint8)
    if kind == 2:
        return ((np.add.outer(np.arange(height), np.arange(width)) % int(rng.integers(2, 50))) * 5).astype(np.uint8)
    return rng.integers(0, 256, (height, width, int(rng.choice([1, 3, 4]))), np.uint8)


def pictures(rng: np.random.Generator) -> None:
    """Read a damaged file, or an odd array, and draw its pages."""
    files = whole_files()
    source = harmed(files[int(rng.integers(len(files)))], rng) if rng.random() < 0.75 else odd_array(rng)
    reading = reader().read(source, MODES[int(rng.integers(4))])
    assert reading.text.count("\n") == reading.best_text.count("\n")
    assert inkdigits.Reading.from_dict(json.loads(json.dumps(reading.to_dict(), allow_nan=False))).text == reading.text
    for page in reading.pages:
        assert reading.draw(page.number).mode == "RGB"
    if rng.random() < 0.1:
        reader().explain(reading)


def templates(rng: np.random.Generator) -> None:
    """Read a picture by a template that was harmed."""
    known = [json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "templates").glob("*.json"))]
    known.append({"fields": [{"name": "sum", "box": [0, 0, 1, 0.5], "pattern": "amount", "range": [0, 100], "optional": True}]})
    known.append(
        {"fields": [{"name": "m", "box": [0, 0, 1, 1], "cells": 5, "check": "luhn", "previous": "123", "allowed": ["1"]}]}
    )
    template = known[int(rng.integers(len(known)))]
    for _ in range(int(rng.integers(1, 4))):
        template = harmed_value(template, rng)
    picture = np.asarray(Image.open(ROOT / "examples" / "meter.jpg").convert("L").resize((300, 150)))
    for field in reader().read_fields(picture, template).values():
        assert 0 <= field.confidence <= 1


@cache
def _models() -> list[tuple[Callable[[Path], Any], bytes]]:
    from inkdigits.inference.detector import Detector
    from inkdigits.inference.line_recogniser import LineRecogniser
    from inkdigits.inference.sheet_finder import SheetFinder

    picture = np.asarray(Image.open(ROOT / "examples" / "meter.jpg").convert("L").resize((300, 150)))
    run = Run.shipped("reader")
    uses: dict[Path, Callable[[Path], Any]] = {
        Run.shipped("default").model(): lambda path: inkdigits.load_model(path).predict(np.zeros((2, 28, 28), np.uint8)),
        run.model("line"): lambda path: LineRecogniser(path).read(picture),
        run.model("page"): lambda path: Detector(path).find(picture),
        run.model("sheet"): lambda path: SheetFinder(path).find(picture),
    }
    return [(use, path.read_bytes()) for path, use in uses.items()]


def models(rng: np.random.Generator) -> None:
    """Load and run a model whose bytes, or whose graph, were harmed."""
    import onnx

    use, content = _models()[int(rng.integers(4))]
    if rng.random() < 0.5:
        content = damaged(content, rng)
    else:
        model = onnx.load_from_string(content)
        graph = model.graph
        kind, node = int(rng.integers(6)), graph.node[int(rng.integers(len(graph.node)))]
        if kind == 0:
            tensor = graph.initializer[int(rng.integers(len(graph.initializer)))]
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32) * rng.choice([np.nan, np.inf, 1e30, -1, 0])
            with np.errstate(all="ignore"):
                tensor.CopyFrom(
                    onnx.numpy_helper.from_array(values.astype(onnx.numpy_helper.to_array(tensor).dtype), tensor.name)
                )
        elif kind == 1:
            graph.node.remove(node)
        elif kind == 2:
            node.op_type = str(rng.choice(["Relu", "Neg", "Exp", "Sqrt", "Identity", "Log", "Loop", "Nonsense"]))
        elif kind == 3:
            model.opset_import[0].version = int(rng.choice([1, 9, 13, 25, 1000]))
        elif kind == 4:
            graph.output[0].type.tensor_type.elem_type = int(rng.integers(1, 12))
        else:
            graph.input[0].type.tensor_type.shape.dim[int(rng.integers(2))].dim_value = int(rng.choice([0, 1, 7, 2**31]))
        content = model.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        use(path)


def meta(rng: np.random.Generator) -> None:
    """Take a ``meta.json`` that was harmed for what is known of a run."""
    from inkdigits.modeling.meta import checked

    shipped = Run.shipped("default")
    content = shipped.meta()
    for _ in range(int(rng.integers(1, 4))):
        content = harmed_value(content, rng)
    text = json.dumps(content).encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.meta_path.write_bytes(damaged(text, rng) if rng.random() < 0.3 else text)
        checked(run.meta(), run.folder)


def data(rng: np.random.Generator) -> None:
    """Read a data file that was harmed. What comes of it is of the form that it should have, if it is taken at all."""
    images = rng.integers(0, 256, (20, 28, 28), np.uint8)
    labels = rng.integers(0, 10, 20)
    rows = "".join(",".join(map(str, [label, *image.ravel()])) + "\n" for label, image in zip(labels, images, strict=True))
    kind = int(rng.integers(5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        if kind == 0:
            path.write_bytes(damaged(formats.idx_bytes(images), rng))
            assert formats.read_idx(path).dtype == np.uint8
        elif kind == 1:
            path.write_bytes(damaged(gzip.compress(formats.idx_bytes(images)), rng))
            assert formats.read_idx(path).shape == images.shape
        elif kind == 2:
            path.write_bytes(damaged((",".join(["label", *formats.PIXEL_COLUMNS]) + "\n" + rows).encode(), rng))
            found, known = formats.read_kaggle_csv(path)
            assert known is not None
            assert found.shape[1:] == (28, 28)
            assert set(known.tolist()) <= set(range(10))
        elif kind == 3:
            numbered = "".join(f"{number},{label}\n" for number, label in enumerate(labels, 1))
            path.write_bytes(damaged(f"ImageId,Label\n{numbered}".encode(), rng))
            assert set(formats.read_predictions(path).tolist()) <= set(range(10))
        else:
            path = path.with_suffix(".npz")
            dataset.save(dataset.Dataset("d", {"train": dataset.Split(images, labels)}), path)
            path.write_bytes(damaged(path.read_bytes(), rng))
            assert dataset.load(path).split("train").images.shape[1:] == (28, 28)


#: Who gets harmed things, and how often.
TARGETS: dict[str, tuple[Callable[[np.random.Generator], None], int]] = {
    "pictures": (pictures, 10_000),
    "templates": (templates, 5_000),
    "models": (models, 1_000),
    "meta": (meta, 500),
    "data": (data, 5_000),
}


# --- The process that does the work, and the one that watches it ------------------------------------------------------------


def work(name: str, seed: int, first: int, end: int, told: Connection) -> None:
    """Do the cases, and tell of each when it begins and how it ends."""
    warnings.simplefilter("ignore")
    target, _ = TARGETS[name]
    for number in range(first, end):
        told.send((number, "begun", 0.0))
        started = time.perf_counter()
        try:
            target(np.random.default_rng([seed, number]))
            outcome = "accepted"
        except InkdigitsError:
            outcome = "refused"
        except Exception as error:  # what must not come
            outcome = f"{type(error).__name__}: {str(error)[:200]}"
        told.send((number, outcome, time.perf_counter() - started))


def attacked(name: str, seed: int, first: int, count: int) -> dict[str, Any]:
    """Do all cases of one kind, and say what came of them."""
    outcomes: Counter[str] = Counter()
    faults: dict[int, str] = {}
    slowest, number, end = 0.0, first, first + count
    context = multiprocessing.get_context("spawn")
    with tqdm(total=count, desc=name, disable=None) as bar:
        while number < end:
            hear, tell = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(name, seed, number, end, tell), daemon=True)
            process.start()
            tell.close()
            waiting = 120.0  # to begin with, everything is loaded
            while number < end:
                try:
                    if not hear.poll(waiting):
                        faults[number] = "did not end"
                        break
                    number, outcome, seconds = hear.recv()
                except EOFError:
                    process.join(5)
                    faults[number] = f"ended the process: {process.exitcode}"
                    break
                waiting = 3 * SLOWEST_S
                if outcome == "begun":
                    continue
                if seconds > SLOWEST_S:
                    faults[number] = f"took {seconds:.1f} s"
                elif outcome not in ("accepted", "refused"):
                    faults[number] = outcome
                outcomes["fault" if number in faults else outcome] += 1
                slowest = max(slowest, seconds)
                number += 1
                bar.update()
            else:
                process.join()
                break
            outcomes["fault"] += 1
            number += 1
            bar.update()
            process.kill()
    return {**outcomes, "slowest, s": round(slowest, 2), "faults": faults}


def main() -> None:
    """Try, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--count", type=int, help="cases of each; by default 10,000 pictures, and fewer of the others")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = {name: attacked(name, args.seed, args.first, args.count or TARGETS[name][1]) for name in args.targets or TARGETS}
    for name, outcome in found.items():
        faults = outcome["faults"]
        print(f"{name:10}", "  ".join(f"{key} {value:,}" for key, value in outcome.items() if key != "faults"))
        for number, fault in list(faults.items())[:20]:
            print(f"    --first {number}: {fault}")
    if not args.targets and args.count is None:
        from inkdigits import files

        files.write_json(RESULTS, found)
    sys.exit(any(outcome["faults"] for outcome in found.values()))


if __name__ == "__main__":
    main()
