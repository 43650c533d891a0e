"""Ensembles that are fixed in advance: the mean probabilities of a recipe's first seeds, and of the next ones.

    python benchmarks/ensemble.py                             # best, five networks each: as many as their seeds make
    python benchmarks/ensemble.py --recipe fast --members 10

The networks are those of ``python benchmarks/recipes.py --recipes best``: train them first. Each ensemble is kept in
benchmarks/results/ensemble.json; the test set is read once for each.
"""

from __future__ import annotations

import argparse

import numpy as np
from recipes import recipe_key, run_name
from results import Results, Run, machine, markdown, spread

from inkdigits import dataset
from inkdigits.config import Project
from inkdigits.features import make_features
from inkdigits.inference.classifier import load_model
from inkdigits.modeling import metrics
from inkdigits.modeling.recipes import RECIPES


def measured(folders: list[str], data: dataset.Dataset) -> Run:
    """What the mean of the networks' probabilities gets right, on validation and test."""
    models = [load_model(folder) for folder in folders]
    run: Run = {}
    for name in ("validation", "test"):
        images, labels = data.split(name).labelled()
        probabilities = np.mean([model.predict_proba(images) for model in models], 0)
        run[f"{name}_accuracy"] = float(np.mean(probabilities.argmax(1) == labels))
    run["calibration_error"] = metrics.expected_calibration_error(probabilities, labels)
    return run


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="best", choices=list(RECIPES))
    parser.add_argument("--members", type=int, default=5)
    args = parser.parse_args()
    project, results, singles = Project.current(), Results("ensemble"), Results("recipes")
    key, trained = f"{args.members} × {recipe_key(args.recipe)}", {run["seed"] for run in singles.of(recipe_key(args.recipe))}
    groups = [range(first, first + args.members) for first in range(0, len(trained), args.members)]
    complete = [number for number, seeds in enumerate(groups) if trained >= set(seeds)]
    for number in results.missing(key, complete):
        seeds = groups[number]
        folders = [str(project.models / run_name(args.recipe, seed)) for seed in seeds]
        run = {"seed": number, "seeds": list(seeds), **measured(folders, make_features("mnist", project))}
        results.add(key, run | {"machine": machine()})
    rows = [["ensemble", "test accuracy, %", "validation, %", "n", "calibration error, %"]]
    rows += [
        [
            f"`{name}`",
            spread(results.of(name), "test_accuracy", 3, 100),
            spread(results.of(name), "validation_accuracy", 3, 100),
            str(len(results.of(name))),
            spread(results.of(name), "calibration_error", 3, 100),
        ]
        for name in results.runs
    ]
    print(markdown(rows))


if __name__ == "__main__":
    main()
