"""Speed of the shipped classifier and of the command line, memory, and the size of an installation.

    python benchmarks/predict.py
    python benchmarks/predict.py --size              # and install into an empty environment, to weigh it

Each figure is the best of some runs, of single images the median; whole processes are started anew each time. Run nothing
else beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from results import FOLDER, machine
from timing import process, shortest

from inkdigits import files, formats, load_model
from inkdigits.features import make_features
from inkdigits.inference.classifier import Classifier
from inkdigits.modeling.quantize import write_quantized

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "examples" / "drawing.png"


def one_image_ms(model: Classifier, images: np.ndarray) -> float:
    """Median time from one image to its label."""
    found = []
    for image in images[:2000, None]:
        started = time.perf_counter()
        model.predict(image)
        found.append(time.perf_counter() - started)
    return 1000 * float(np.median(found))


def installed_mb() -> float:
    """What ``pip install inkdigits`` puts into an empty environment, dependencies counted, without pip itself."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "packages"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, ROOT]
        subprocess.run(list(map(str, command)), check=True)
        return sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", action="store_true", help="weigh an installation too")
    args = parser.parse_args()
    data = make_features("mnist")
    images, labels = data.split("test").labelled()
    model = load_model()
    command = Path(sys.executable).with_name("inkdigits")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "model-int8.onnx"
        write_quantized(model.path, data.split("train").images, small)
        quantized = Classifier(small)
        test, predictions = Path(folder) / "t10k-images-idx3-ubyte", Path(folder) / "predictions.csv"
        test.write_bytes(formats.idx_bytes(images))
        seconds, megabytes = process(command, "predict", test, "-o", predictions)
        table: dict[str, object] = {
            "images a second": round(len(images) / shortest(lambda: model.predict_proba(images))),
            "model, kB": round(model.path.stat().st_size / 1000),
            "model in 8 bits, kB": round(small.stat().st_size / 1000),
            "images a second in 8 bits": round(len(images) / shortest(lambda: quantized.predict_proba(images))),
            "test accuracy": float(np.mean(model.predict(images) == labels)),
            "test accuracy in 8 bits": float(np.mean(quantized.predict(images) == labels)),
            "one image, ms": round(one_image_ms(model, images), 3),
            "inkdigits predict, 10,000 images, s": round(seconds, 2),
            "its peak memory, MB": megabytes,
            "inkdigits --help, s": round(process(command, "--help")[0], 2),
            "import inkdigits, s": round(process(sys.executable, "-c", "import inkdigits")[0], 2),
            "inkdigits read of one picture, s": round(process(command, "read", PICTURE)[0], 2),
            "python -c pass, s": round(process(sys.executable, "-c", "pass")[0], 2),
        }
    if args.size:
        table["installed, MB"] = round(installed_mb())
    for name, value in table.items():
        print(f"{name:40} {value}")
    kept = FOLDER / "predict.json"
    files.write_json(kept, (files.read_json(kept) if kept.exists() else {}) | table | {"machine": machine()})


if __name__ == "__main__":
    main()
