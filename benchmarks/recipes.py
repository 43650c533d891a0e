"""Accuracy and training time of the recipes over several seeds: the table that the README quotes.

    python benchmarks/recipes.py                     # fast and default, five seeds each
    python benchmarks/recipes.py --recipes best --seeds 3

Every finished seed is added to benchmarks/results/recipes.json at once, and a seed that is there is not run again; the
results of other versions of a recipe are not mixed. The test set is read once a finished run. Run nothing else beside it.
"""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from inkdigits import files
from inkdigits.config import Project
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.recipes import RECIPES
from inkdigits.modeling.train import TrainSettings, train

RESULTS = Path(__file__).parent / "results" / "recipes.json"


def machine() -> dict[str, object]:
    """What the times depend on."""
    names = {
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    }
    return {"processor": ", ".join(sorted(names)), "cores": os.cpu_count(), "gpu": _gpu(), "python": platform.python_version()}


def _gpu() -> str | None:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def recipe_key(name: str) -> str:
    """A recipe's name with a fingerprint of all its settings."""
    return f"{name}-{files.sha256(repr(asdict(RECIPES[name])).encode())[:8]}"


def run_seed(name: str, seed: int) -> dict[str, object]:
    """Train and measure one seed."""
    project = Project.current()
    result = train(TrainSettings(name, seed=seed, run=f"benchmark-{name}-{seed}"), project)
    figures = evaluate(EvaluateSettings(str(result.folder)), project).to_dict()
    return {
        "seed": seed,
        "test_accuracy": figures["accuracy"],
        "validation_accuracy": result.meta["validation"]["accuracy"],
        "calibration_error": figures["calibration_error"],
        "error_at_coverage": figures["error_at_coverage"],
        "seconds": result.meta["training_seconds"],
        "parameters": result.meta["parameters"],
        "model_bytes": (result.folder / "model.onnx").stat().st_size,
        "versions": result.meta["versions"],
        "git_commit": result.meta["git_commit"],
        "machine": machine(),
    }


def table(results: dict[str, list[dict[str, float]]], keys: list[str]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| recipe | test accuracy, % | validation, % | runs | training, s | parameters | ONNX file |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in keys:
        runs = results.get(key, [])
        if not runs:
            continue
        test, validation = (100 * np.array([run[k] for run in runs]) for k in ("test_accuracy", "validation_accuracy"))
        seconds = np.array([run["seconds"] for run in runs])
        spread = test.std(ddof=1) if len(runs) > 1 else float("nan")
        lines.append(
            f"| `{key.rsplit('-', 1)[0]}` | {test.mean():.3f} ± {spread:.3f} | {validation.mean():.2f} | {len(runs)} |"
            f" {seconds.mean():.1f} | {runs[0]['parameters']:,} | {runs[0]['model_bytes'] / 1000:.0f} kB |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["fast", "default"], choices=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and run nothing")
    args = parser.parse_args()
    results = files.read_json(RESULTS) if RESULTS.exists() else {}
    for name in [] if args.table else args.recipes:
        runs = results.setdefault(recipe_key(name), [])
        for seed in set(range(args.seeds)) - {run["seed"] for run in runs}:
            runs.append(run_seed(name, seed))
            files.write_json(RESULTS, results)
            print(f"{name} seed {seed}: {100 * runs[-1]['test_accuracy']:.2f} % in {runs[-1]['seconds']:.1f} s", flush=True)
    print(table(results, [recipe_key(name) for name in RECIPES]))


if __name__ == "__main__":
    main()
