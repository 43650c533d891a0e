"""Small files that ask for much work: what each costs, in seconds and in memory above the interpreter's. See docs/security.md.

    python benchmarks/attacks.py [NAME ...]

Every file is made here, none is larger than 20 MB, and each is read in a process of its own, which is ended after a minute:
pictures by a reader, templates on a picture of examples/, data and models as whatever their suffix says. Needs
inkdigits[pdf,train] and Linux.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from inkdigits import files
from inkdigits.inference.classifier import TASK_KEY

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "attacks.json"
SLOWEST_S, MOST_MB = 10.0, 700
_ENDED_AFTER_S = 60

#: Reads a file in a mode, and prints what came of it, the seconds, and the peak memory in MB before and after.
_READ = r"""
import re, resource, sys, time, inkdigits
from pathlib import Path
peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024
reader = inkdigits.Reader(threads=2)
before, started = peak(), time.perf_counter()
path = Path(sys.argv[1])
try:
    if path.suffix == ".json":
        answer = f"{len(reader.read_fields(sys.argv[3], path))} fields"
    elif path.suffix == ".gz":
        from inkdigits import formats
        answer = f"{formats.read_idx(path).shape}"
    elif path.suffix == ".onnx":
        answer = f"{inkdigits.load_model(path)}"
    else:
        pages = sum(1 for _ in reader.read_pages(path, sys.argv[2]))
        answer = f"{pages} page" + "s" * (pages != 1)
except inkdigits.InkdigitsError as error:
    answer = f"refused: {str(error)[:150]}"
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
children *= children > peak()  # it counts what was there before the child began its own program
print(time.perf_counter() - started, max(peak() - before, children), answer, sep="\t")
"""


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """An image as a file of a format."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def dots() -> bytes:
    """A picture of 144 million pixels, every 12th of which in each direction is black."""
    rows = np.full((12_000, 12_000), True)
    rows[::12, ::12] = False
    return saved(Image.fromarray(rows), "PNG")


def noise() -> bytes:
    """12 million pixels of noise."""
    levels = np.random.default_rng(0).integers(0, 256, (3000, 4000), np.uint8)
    return saved(Image.fromarray(levels), "JPEG", quality=80)


def scans() -> bytes:
    """A progressive JPEG of 16 million pixels, one of whose scans is repeated until there are a thousand."""
    content = saved(Image.new("L", (4000, 4000), 200), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:start] + 1000 * content[start:-2] + content[-2:]


def scans_allowed() -> bytes:
    """A progressive JPEG with as many pixels and scans as the limits allow, and an even end, for which it is decoded twice."""
    content = saved(Image.new("L", (8_300, 8_300), 200), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    most = int(10 * 150_000_000 / 8_300**2)
    return content[:start] + (most - content.count(b"\xff\xda") + 1) * content[start:-2] + content[-2:]


def pages_of_tiff() -> bytes:
    """A TIFF of 3,000 pages."""
    page = Image.new("1", (1700, 2200), 1)
    return saved(page, "TIFF", save_all=True, append_images=[page] * 2999, compression="group4")


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of numbered objects, the first of which is its catalogue."""
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table) + trailer


def stream(dictionary: bytes, content: bytes) -> bytes:
    """A PDF's stream, compressed."""
    packed = zlib.compress(content, 9)
    return b"<< %b /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (dictionary, len(packed), packed)


def pages_of_pdf() -> bytes:
    """A PDF whose only page is listed 3,000 times."""
    kids = b"3 0 R " * 3000
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
    tree = b"<< /Type /Pages /Count 3000 /Kids [%b] >>" % kids
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", tree, page])


def _with_contents(contents: bytes, resources: bytes, rest: list[bytes]) -> bytes:
    """A PDF of one page; the objects of ``rest`` are numbered from 5 on."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 612] /Contents 4 0 R /Resources << %b >> >>" % resources
    tree = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", tree, page, stream(b"", contents), *rest])


def forms() -> bytes:
    """A PDF with 24 forms, each of which draws the next one eight times."""
    depth = 24
    rest = []
    for number in range(5, 5 + depth):
        last = number == 4 + depth
        draw = b"0 0 9 9 re f" if last else b"/X Do " * 8
        inner = b"" if last else b"/Resources << /XObject << /X %d 0 R >> >>" % (number + 1)
        rest.append(stream(b"/Type /XObject /Subtype /Form /BBox [0 0 612 612] " + inner, draw))
    return _with_contents(b"/X Do", b"/XObject << /X 5 0 R >>", rest)


def large_image() -> bytes:
    """A PDF with an image of 40,000 × 40,000 pixels in two colours."""
    side = 40_000
    levels = zlib.compress(zlib.compress(bytes(side // 8) * side, 9), 9)
    filters = b"/Filter [/FlateDecode /FlateDecode]"
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8" % (
        side // 3,
        side // 8,
    )
    image = b"<< %b %b /Length %d >>\nstream\n%b\nendstream" % (head, filters, len(levels), levels)
    return _with_contents(b"612 0 0 612 0 0 cm /I Do", b"/XObject << /I 5 0 R >>", [image])


def strokes() -> bytes:
    """A PDF whose page draws two million lines."""
    return _with_contents(b"0 0 m 612 612 l S\n" * 2_000_000, b"", [])


def template(**content: object) -> bytes:
    """A template as JSON."""
    return json.dumps(content).encode()


def idx() -> bytes:
    """An IDX file of 7 GB of zeros, which pack well."""
    head = struct.pack(">4B3I", 0, 0, 8, 3, 7_000_000, 32, 32)
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = packed.compress(head) + b"".join(packed.compress(bytes(10_000_000)) for _ in range(400))
    return zeros + packed.flush()


def model(*nodes: onnx.NodeProto, **values: np.ndarray) -> bytes:
    """A model with the names and shapes of a classifier, whose nodes make a number ``most`` beside the images."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    flat = [helper.make_node("Flatten", ["images"], ["flat"]), helper.make_node("MatMul", ["flat", "nothing"], ["none"])]
    known = {"nothing": np.zeros((784, 10), np.float32), **values}
    graph = helper.make_graph(
        [*flat, *nodes, helper.make_node("Add", ["none", "most"], ["probabilities"])],
        "attack",
        [helper.make_tensor_value_info("images", kind, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("probabilities", kind, ["N", 10])],
        [onnx.numpy_helper.from_array(value, name) for name, value in known.items()],
    )
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(found, {TASK_KEY: "digits"})
    content: bytes = found.SerializeToString()
    return content


def slow_model() -> bytes:
    """A model that multiplies large matrices for hours."""
    node = onnx.helper.make_node
    products = [node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(500)]
    return model(
        node("ConstantOfShape", ["sides"], ["m0"]),
        *products,
        node("ReduceMax", ["m500"], ["most"], keepdims=0),
        sides=np.array([5000, 5000]),
    )


def large_model() -> bytes:
    """A model that makes 14 GB of one number."""
    node = onnx.helper.make_node
    expand = node("Expand", ["one", "sides"], ["much"])
    largest = node("ReduceMax", ["much"], ["most"], keepdims=0)
    return model(expand, largest, one=np.ones(1, np.float32), sides=np.array([60_000, 60_000]))


#: A field over the whole picture.
_FIELD = {"name": "a", "box": [0, 0, 1, 1]}

#: The files, by name.
ATTACKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "dots": ("png", dots),
    "one colour": ("png", lambda: saved(Image.new("L", (12_000, 12_000), 200), "PNG")),
    "one colour with alpha": ("png", lambda: saved(Image.new("RGBA", (12_000, 12_000), (200, 9, 9, 250)), "PNG")),
    "deep": ("png", lambda: saved(Image.new("I;16", (12_000, 12_000), 200), "PNG")),
    "WebP": ("webp", lambda: saved(Image.new("RGB", (16_383, 9_000)), "WEBP", lossless=True)),
    "JPEG": ("jpg", lambda: saved(Image.new("RGB", (12_000, 12_000)), "JPEG")),
    "scans": ("jpg", scans),
    "scans that are allowed": ("jpg", scans_allowed),
    "noise": ("jpg", noise),
    "TIFF of 3,000 pages": ("tif", pages_of_tiff),
    "PDF of 3,000 pages": ("pdf", pages_of_pdf),
    "nested forms": ("pdf", forms),
    "large image": ("pdf", large_image),
    "strokes": ("pdf", strokes),
    "template of 100,000 cells": ("json", lambda: template(fields=[{**_FIELD, "cells": 100_000}])),
    "template of 200,000 fields": (
        "json",
        lambda: template(fields=[{**_FIELD, "name": f"f{number}", "cells": 1} for number in range(200_000)]),
    ),
    "template with a grid": ("json", lambda: template(grid={"rows": 60, "columns": 60})),
    "template as large as may be": ("json", lambda: template(grid={"rows": 40, "columns": 50})),
    "deep template": ("json", lambda: b"[" * 100_000 + b"]" * 100_000),
    "IDX of 7 GB": ("idx.gz", idx),
    "model that takes hours": ("onnx", slow_model),
    "model of 14 GB": ("onnx", large_model),
}


def main() -> None:
    """Read each, print what it cost, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of the files; all by default")
    parser.add_argument("--modes", default="auto")
    args = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or ATTACKS:
            suffix, make = ATTACKS[name]
            path = Path(folder) / f"attack.{suffix}"
            path.write_bytes(make())
            for mode in args.modes.split(","):
                seconds, megabytes, answer = _measured(path, mode)
                row = {"file": name, "bytes": path.stat().st_size, "mode": mode, "seconds": round(seconds, 1)}
                table.append({**row, "MB": megabytes, "answer": answer})
                mark = "" if seconds <= SLOWEST_S and megabytes <= MOST_MB else "TOO MUCH "
                print(
                    f"{name:28} {row['bytes']:>10,d} B  {mode:5} {seconds:6.1f} s {megabytes:6d} MB  {mark}{answer}", flush=True
                )
    if not args.names:
        files.write_json(RESULTS, table)


def _measured(path: Path, mode: str) -> tuple[float, int, str]:
    try:
        command = [sys.executable, "-c", _READ, str(path), mode, str(ROOT / "examples" / "meter.jpg")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ENDED_AFTER_S, check=False)
    except subprocess.TimeoutExpired:
        return _ENDED_AFTER_S, 0, "ended after a minute"
    if done.returncode:
        return 0.0, 0, f"FAILED: {done.stderr.strip().splitlines()[-1]}"
    seconds, megabytes, answer = done.stdout.rstrip("\n").split("\t")
    return float(seconds), int(megabytes), answer.replace(str(path), "the file")


if __name__ == "__main__":
    main()
