"""Time to an accuracy: ours, and what people use instead, on the same machine and the same images.

    python benchmarks/speed.py                       # ours, ten seeds each
    python benchmarks/speed.py --others 3            # and the others, three seeds each: half an hour
    python benchmarks/speed.py --device cuda

Seconds are those from arrays in memory to a trained network. Every finished seed is kept in benchmarks/results/speed.json
at once, apart for each processor, and not run again. The test set is read once a run. Run nothing else beside it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import Results, Run, fingerprint, key_of, machine, markdown, spread
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from inkdigits import dataset
from inkdigits.features import make_features
from inkdigits.inference.classifier import load_model
from inkdigits.inference.tasks import task
from inkdigits.modeling.devices import device_of, has_bfloat16
from inkdigits.modeling.export import export_classifier
from inkdigits.modeling.loop import TrainingLoop
from inkdigits.modeling.networks import PIXEL_MEAN, PIXEL_STD
from inkdigits.modeling.objectives import Classification, network_of, schedule_of
from inkdigits.modeling.provenance import provenance
from inkdigits.modeling.recipes import Recipe
from inkdigits.modeling.settings import TrainSettings
from inkdigits.runs import Run as RunFolder

#: What is trained for each accuracy, in percent.
GOALS = {"99.0": TrainSettings("fast"), "99.5": TrainSettings("default", epochs=8)}

Predict = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[int, np.ndarray, np.ndarray, torch.device], Predict]  # of a seed, images, labels and a device


def ours(settings: TrainSettings, data: dataset.Dataset) -> tuple[float, Predict]:
    """Seconds of training, and what the exported network predicts."""
    plan = settings.resolved_recipe()
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        started = time.perf_counter()
        objective = Classification(plan, task("digits"), data, settings.seed, settings.device)
        loop = TrainingLoop(objective, schedule_of(plan), run, seed=settings.seed)
        loop.train()
        seconds = time.perf_counter() - started
        export_classifier(objective.calibrated(loop.network), task("digits"), run.model())
        return seconds, load_model(run.model()).predict


# --- What people use instead ---


class ExampleNetwork(nn.Module):
    """The network of pytorch/examples/mnist, written anew from its description."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
            *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of raw images."""
        logits: torch.Tensor = self.stack((images.float() - PIXEL_MEAN) / PIXEL_STD)
        return logits


def pytorch_example(seed: int, images: np.ndarray, labels: np.ndarray, device: torch.device) -> Predict:
    """Its settings: 14 epochs of Adadelta from a learning rate of 1, 0.7 times that after each, 64 images a step."""
    torch.manual_seed(seed)
    network = ExampleNetwork().to(device)
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    inputs, targets = torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).to(device)
    for _ in range(14):
        network.train()
        for rows in torch.randperm(len(inputs)).to(device).split(64):
            optimizer.zero_grad()
            F.cross_entropy(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
        schedule.step()
    network.eval()

    @torch.inference_mode()
    def predict(test: np.ndarray) -> np.ndarray:
        parts = [network(part.to(device)).argmax(1).cpu() for part in torch.from_numpy(test)[:, None].split(1000)]
        return torch.cat(parts).numpy()

    return predict


def classical(make: Callable[[int], Any]) -> Fit:
    """A classifier of scikit-learn's, made for a seed, on pixels between 0 and 1."""

    def fit(seed: int, images: np.ndarray, labels: np.ndarray, device: torch.device) -> Predict:
        model = make(seed).fit(images.reshape(-1, 784) / np.float32(255), labels)
        return lambda test: np.asarray(model.predict(test.reshape(-1, 784) / np.float32(255)))

    return fit


OTHERS: dict[str, Fit] = {
    "scikit-learn MLPClassifier": classical(lambda seed: MLPClassifier(random_state=seed)),
    "scikit-learn k-NN": classical(lambda seed: KNeighborsClassifier(n_jobs=-1)),
    "scikit-learn random forest": classical(lambda seed: RandomForestClassifier(random_state=seed, n_jobs=-1)),
    "pytorch/examples, 14 epochs": pytorch_example,
}

# --- How near to the machine's peak ---


def peak_gflops(device: torch.device) -> float:
    """Billions of operations a second in the products of large matrices, in the numbers that training uses."""
    kind = torch.bfloat16 if has_bfloat16(device) else torch.float32
    a = torch.randn(2048, 2048, device=device, dtype=kind)
    seconds, products = [], 10 if device.type == "cpu" else 1000  # a GPU has to be kept busy for a while
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(products):
            result = a @ a
        result[0, 0].item()  # waits for the device
        seconds.append((time.perf_counter() - started) / products)
    return 2 * 2048**3 / min(seconds) / 1e9


def operations(plan: Recipe, images: int) -> float:
    """Of a whole training, forward and backward, as PyTorch counts them."""
    network = network_of(plan, task("digits"))
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, 1, 28, 28)).sum().backward()
    steps = images // plan.batch_size
    return counter.get_total_flops() / 2 * steps * plan.batch_size * plan.epochs


def measured(seconds: float, predict: Predict, test: dataset.Split) -> Run:
    """Of a trained classifier: its accuracy on the test set, and how many images it predicts in a second."""
    images, labels = test.labelled()
    predict(images[:1000])
    started = time.perf_counter()
    predicted = predict(images)
    rate = len(images) / (time.perf_counter() - started)
    return {"seconds": seconds, "test_accuracy": float(np.mean(predicted == labels)), "images_per_second": rate}


def goal_key(goal: str, device: torch.device) -> str:
    """Of one of our goals; a changed recipe gives another."""
    return key_of(f"{goal} {fingerprint(GOALS[goal].resolved_recipe())}", device.type)


def table(results: Results, device: torch.device, images: int) -> str:
    """The results of this machine as a Markdown table."""
    rows = [
        [
            "program",
            "test accuracy, %",
            "n",
            "training, s",
            "times `fast`",
            "share of peak, %",
            "thousand images/s",
            "times `fast`",
        ]
    ]
    first = results.of(goal_key(next(iter(GOALS)), device))  # what the ratios are to

    def add(name: str, runs: list[Run], share: str = "") -> None:
        if runs:
            rate, first_rate = (np.mean([run["images_per_second"] for run in part]) for part in (runs, first))
            longer = np.mean([run["seconds"] for run in runs]) / np.mean([run["seconds"] for run in first])
            figures = [spread(runs, "test_accuracy", 3, 100), str(len(runs)), spread(runs, "seconds", 2)]
            rates = [spread(runs, "images_per_second", 1, 1e-3), f"{rate / first_rate:.3g}"]
            rows.append([name, *figures, f"{longer:.1f}", share, *rates])

    for goal, settings in GOALS.items():
        plan, runs = settings.resolved_recipe(), results.of(goal_key(goal, device))
        shares = [{"share": operations(plan, images) / run["seconds"] / 1e9 / run["peak_gflops"]} for run in runs]
        name = f"inkdigits `{plan.name}`, {plan.epochs} epoch{'s' * (plan.epochs > 1)}"
        add(name, runs, spread(shares, "share", 0, 100) if shares else "")
    for name in OTHERS:
        add(name, results.of(key_of(name, device.type)))
    return markdown(rows)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="of ours")
    parser.add_argument("--others", type=int, default=0, metavar="SEEDS", help="train the others too, with so many seeds")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and run nothing")
    args = parser.parse_args()
    device, results = device_of(args.device), Results("speed")
    data = make_features("mnist")
    images, labels = data.split("train").labelled()
    for goal, settings in {} if args.table else GOALS.items():
        for seed in results.missing(goal_key(goal, device), range(args.seeds)):
            seconds, predict = ours(replace(settings, seed=seed, device=args.device), data)
            run = {"seed": seed, **measured(seconds, predict, data.split("test")), "peak_gflops": peak_gflops(device)}
            results.add(
                goal_key(goal, device), run | {"machine": machine(device.type), "git_commit": provenance()["git_commit"]}
            )
            print(f"{goal} seed {seed}: {100 * run['test_accuracy']:.2f} % in {seconds:.2f} s", flush=True)
    for name, fit in {} if args.table else OTHERS.items():
        for seed in results.missing(key_of(name, device.type), range(args.others)):
            started = time.perf_counter()
            predict = fit(seed, images, labels, device)
            run = {"seed": seed, **measured(time.perf_counter() - started, predict, data.split("test"))}
            results.add(key_of(name, device.type), run | {"machine": machine(device.type)})
            print(f"{name} seed {seed}: {100 * run['test_accuracy']:.2f} % in {run['seconds']:.1f} s", flush=True)
    print(table(results, device, len(images)))


if __name__ == "__main__":
    main()
