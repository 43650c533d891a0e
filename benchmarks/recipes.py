"""Accuracy and training time of the recipes over several seeds: the table that the README quotes.

    python benchmarks/recipes.py                     # fast and default, five seeds each
    python benchmarks/recipes.py --recipes best --seeds 3
    python benchmarks/recipes.py --recipes distilled # default that learns from best's seeds 0 to 4, which come first
    OMP_NUM_THREADS=1 python benchmarks/recipes.py --recipes tiny-1k --first-seed 5

Every finished seed is added to benchmarks/results/recipes.json at once, and a seed that is there is not run again; the
results of other versions of a recipe are not mixed (whoever changes how all recipes train has to delete what is there). The
test set is read once a finished run. Seconds are those of the steps, without validation and checkpoints.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from results import Results, Run, fingerprint, key_of, machine, markdown, spread

from inkdigits.config import Project
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.recipes import RECIPES
from inkdigits.modeling.settings import Device, TrainSettings
from inkdigits.modeling.train import train

#: What can be measured: every recipe, and below a network that learns from five others.
SETTINGS = {name: TrainSettings(name) for name in RECIPES}


def version(name: str) -> str:
    """A name with a fingerprint of all its settings, the teachers' too."""
    plans = [SETTINGS[name].resolved_recipe(), *[RECIPES["best"] for _ in SETTINGS[name].teachers]]
    return f"{name}-{fingerprint(*plans)}"


def recipe_key(name: str, device: str = "auto") -> str:
    """Of a recipe's results: its version and the processor."""
    return key_of(version(name), device)


def run_name(name: str, seed: int) -> str:
    """Where a seed's run is kept in ``models/``; another version of the recipe has another place."""
    return f"benchmark-{version(name)}-{seed}"


SETTINGS["distilled"] = TrainSettings("default", teachers=tuple(run_name("best", seed) for seed in range(5)))


def run_seed(name: str, seed: int, device: Device) -> Run:
    """Train and measure one seed."""
    project = Project.current()
    result = train(replace(SETTINGS[name], seed=seed, device=device, run=run_name(name, seed)), project, resume=True)
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
        "machine": machine(device),
    }


def table(results: Results, device: str) -> str:
    """The results as a Markdown table."""
    head = ["recipe", "test accuracy, %", "validation, %", "runs", "training, s", "cores", "parameters", "ONNX file"]
    head += ["calibration error, %", "errors, %, among the surest 99 %", "95 %"]
    measured = {name: runs for name in SETTINGS if (runs := results.of(recipe_key(name, device)))}
    rows = [
        [
            f"`{name}`",
            spread(runs, "test_accuracy", 3, 100),
            spread(runs, "validation_accuracy", 3, 100),
            str(len(runs)),
            spread(runs, "seconds", 1),
            ", ".join(sorted({str(run["machine"]["threads"]) for run in runs})),
            f"{runs[0]['parameters']:,}",
            f"{runs[0]['model_bytes'] / 1000:.0f} kB",
            spread(runs, "calibration_error", 2, 100),
            *(spread([run["error_at_coverage"] for run in runs], share, 3, 100) for share in ("0.99", "0.95")),
        ]
        for name, runs in measured.items()
    ]
    return markdown([head, *rows])


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["fast", "default"], choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="so that several processes, a core each, can share the work")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and run nothing")
    args = parser.parse_args()
    results = Results("recipes")
    for name in [] if args.table else args.recipes:
        for seed in results.missing(recipe_key(name, args.device), range(args.first_seed, args.first_seed + args.seeds)):
            run = run_seed(name, seed, args.device)
            results.add(recipe_key(name, args.device), run)
            print(f"{name} seed {seed}: {100 * run['test_accuracy']:.2f} % in {run['seconds']:.1f} s", flush=True)
    print(table(results, args.device))


if __name__ == "__main__":
    main()
