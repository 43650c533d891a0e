"""Every figure of a run: the data, the training, the answers and what the network looks at."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.metrics import precision_recall_curve, roc_curve

from inkdigits import dataset
from inkdigits.config import Project
from inkdigits.errors import DataError, ModelError
from inkdigits.files import atomic, read_json
from inkdigits.modeling import metrics
from inkdigits.modeling.evaluate import EvaluateSettings, Evaluation, evaluate
from inkdigits.modeling.networks import DigitNet
from inkdigits.modeling.tasks import Task
from inkdigits.modeling.train import load_network

DPI = 110
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#c05621", "#718096"
#: t-SNE takes a minute on 10,000 points and a few seconds on this many.
_EMBEDDED = 2_500
_OCCLUDER_PX = 6
#: Width of a title's letter.
_TITLE_INCHES = 0.1


@dataclass(frozen=True)
class Run:
    """A finished run and its answers on its evaluation images: what the figures are drawn from."""

    name: str
    meta: dict[str, Any]
    history: list[dict[str, Any]]
    network: DigitNet
    task: Task
    training: tuple[np.ndarray, np.ndarray]
    evaluation: Evaluation

    @property
    def probabilities(self) -> np.ndarray:
        """Of the evaluation images, float32 (N, C)."""
        found = self.evaluation.probabilities
        assert found is not None  # a model's evaluation always has them
        return found


def load_run(model: str, data: str | None = None, project: Project | None = None) -> Run:
    """Gather what the figures need.

    Args:
        model: A run's name below ``models/``.
        data: The source to evaluate on; by default the run's own.
        project: Where; by default the current one.

    Raises:
        ModelError: there is no such finished run.
    """
    project = project or Project.current()
    folder = project.models / model
    network, found = load_network(folder)
    meta = read_json(folder / "meta.json")
    try:
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
        if any("train_losses" not in line for line in history):
            raise ValueError("it lacks the curve of the loss")
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'history.jsonl'} is missing or damaged ({error}): train it again") from None
    own = meta["data"]
    training = dataset.make_features(own["source"], project, own["transpose"]).part("train")
    settings = EvaluateSettings(str(folder), data or own["source"])
    if settings.data == own["source"]:
        # Without labelled test images, as in Kaggle's files, the validation images are all that was not trained on.
        part = None if "labels_sha256" in own["parts"].get("test", {}) else "validation"
        settings = replace(settings, part=part, transpose=own["transpose"])
    return Run(model, meta, history, network, found, found.select(training), evaluate(settings, project))


def make_plots(model: str, data: str | None = None, project: Project | None = None) -> list[Path]:
    """Draw every figure of a run into ``reports/figures`` and return their paths.

    Raises:
        ModelError: there is no such finished run.
    """
    project = project or Project.current()
    return [path for path, _ in draw_all(load_run(model, data, project), project.reports / "figures")]


def draw_all(run: Run, folder: Path) -> list[tuple[Path, str]]:
    """Draw every figure that the run's task has; path and caption of each, in the order of the report."""
    drawn = {}
    for name, (draw, _) in FIGURES.items():
        if name not in _BINARY_ONLY or run.task.binary:
            drawn[name] = io.BytesIO()
            draw(run).savefig(drawn[name], format="png", dpi=DPI, metadata={"Software": None})
    # Only when all are there do they take the place of an earlier run's.
    for name in FIGURES:
        if name in drawn:
            with atomic(folder / f"{name}.png") as file:
                file.write(drawn[name].getbuffer())
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)
    return [(folder / f"{name}.png", FIGURES[name][1]) for name in drawn]


# --- The data -----------------------------------------------------------------------------------------------------


def _figure(width: float, height: float, title: str) -> Figure:
    width = max(width, _TITLE_INCHES * len(title))  # no title is cut off, however few the columns
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    return figure


def _show(axes: Axes, image: np.ndarray, title: str = "", cmap: str = "gray_r", vmin: float = 0, vmax: float = 255) -> None:
    axes.imshow(image, cmap=cmap, vmin=vmin, vmax=vmax)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8)


def _grid(rows: int, columns: int, title: str, cell: float = 0.75, extra: float = 0.5) -> tuple[Figure, np.ndarray]:
    figure = _figure(columns * cell, rows * cell + extra, title)
    return figure, figure.subplots(rows, columns, squeeze=False)


def samples(run: Run) -> Figure:
    """Ten images of each class, drawn with a fixed seed."""
    images, targets = run.training
    random = np.random.default_rng(0)
    figure, axes = _grid(len(run.task.classes), 12, "Images to learn from, a row a class", cell=0.7)
    for index, name in enumerate(run.task.classes):
        members = np.flatnonzero(targets == index)
        chosen = random.choice(members, min(12, len(members)), replace=False)
        for ax in axes[index]:
            ax.set_axis_off()
        for ax, i in zip(axes[index], chosen, strict=False):
            _show(ax, images[i])
        axes[index, 0].text(-0.35, 0.5, name, transform=axes[index, 0].transAxes, ha="right", va="center", fontsize=11)
    return figure


def class_balance(run: Run) -> Figure:
    """Number of training images of each class."""
    counts = np.bincount(run.training[1], minlength=len(run.task.classes))
    figure = _figure(6, 3, "How many images each class has")
    ax = figure.subplots()
    bars = ax.bar(run.task.classes, counts, color=_BLUE)
    ax.bar_label(bars, [f"{c:,d}" for c in counts], fontsize=8)
    ax.set(xlabel="class", ylabel="training images")
    ax.margins(y=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def mean_digits(run: Run) -> Figure:
    """The mean image of each class."""
    images, targets = run.training
    figure, axes = _grid(1, len(run.task.classes), "The mean of each class", cell=0.9)
    for index, (ax, name) in enumerate(zip(axes[0], run.task.classes, strict=True)):
        members = images[targets == index]
        _show(ax, members.mean(0) if len(members) else np.zeros((28, 28)), name)
    return figure


# --- The training and the answers -----------------------------------------------------------------------------------


def training_curves(run: Run) -> Figure:
    """Loss during training, and loss and accuracy on the validation images after each epoch."""
    epochs = [line["epoch"] for line in run.history]
    parts = [line["train_losses"] for line in run.history]
    places = [epoch - 1 + (i + 0.5) / len(part) for epoch, part in zip(epochs, parts, strict=True) for i in range(len(part))]
    figure = _figure(8, 3.2, f"Training of {run.name}: {run.meta['training_seconds']:.0f} s")
    left, right = figure.subplots(1, 2)
    left.plot(
        places, [loss for part in parts for loss in part], color=_BLUE, label="training (as the recipe deforms and smooths it)"
    )
    left.plot(epochs, [line["validation_loss"] for line in run.history], "o-", color=_ORANGE, label="validation")
    left.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    right.plot(epochs, [100 * line["validation_accuracy"] for line in run.history], "o-", color=_ORANGE)
    worst = 100 * min(line["validation_accuracy"] for line in run.history)
    right.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(min(98, worst - 1), 100))
    for ax in (left, right):
        ax.set_xlim(0, epochs[-1] + 0.1)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
    return figure


def confusion(run: Run) -> Figure:
    """Counts of each answer to each true class; mistakes are coloured, hits are not."""
    result = run.evaluation
    counts = metrics.confusion_matrix(result.targets, result.predicted, len(run.task.classes))
    errors = counts - np.diag(np.diag(counts))
    side = max(3.5, 0.55 * len(counts) + 1)
    figure = _figure(side, side, f"Confusion on {len(result.targets):,d} images")
    ax = figure.subplots()
    ax.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            dark = errors[row, column] > 0.6 * errors.max()
            colour = _GREY if row == column else "white" if dark else "black"
            ax.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlabel="answer", ylabel="truth", xticks=range(len(counts)), yticks=range(len(counts)))
    ax.set_xticklabels(run.task.classes)
    ax.set_yticklabels(run.task.classes)
    return figure


def worst_mistakes(run: Run) -> Figure:
    """The most confident wrong answers, each with the probabilities of all classes."""
    wrong = run.evaluation.mistakes()[:12]
    if not len(wrong):
        return _note("No mistakes on these images")
    rows = (len(wrong) + 3) // 4
    figure = _figure(11, 1.55 * rows + 0.6, "The most confident mistakes (green: truth, orange: answer)")
    axes = figure.subplots(rows, 8, squeeze=False, width_ratios=[1, 1.3] * 4)
    for ax in axes.flat:
        ax.set_axis_off()
    for place, i in enumerate(wrong):
        picture, bars = axes[place // 4, 2 * (place % 4) : 2 * (place % 4) + 2]
        truth, answer = run.evaluation.targets[i], run.evaluation.predicted[i]
        _show(picture, run.evaluation.images[i], f"{run.task.classes[truth]} read as {run.task.classes[answer]}")
        colours = [_GREY] * len(run.task.classes)
        colours[truth], colours[answer] = "#2f855a", _ORANGE
        bars.set_axis_on()
        bars.barh(run.task.classes, run.probabilities[i], color=colours)
        bars.set_xlim(0, 1)
        bars.invert_yaxis()
        bars.tick_params(labelsize=6, length=0)
        bars.set_xticks([0, 1])
        bars.spines[["top", "right", "bottom"]].set_visible(False)
    return figure


def _note(text: str) -> Figure:
    figure = _figure(5, 1.2, text)
    figure.subplots().set_axis_off()
    return figure


def reliability(run: Run) -> Figure:
    """Confidence against the share that is right: on the diagonal a confidence can be believed."""
    confidence, share, count = metrics.reliability(run.probabilities, run.evaluation.targets).T
    error = metrics.expected_calibration_error(run.probabilities, run.evaluation.targets)
    figure = _figure(5, 4.4, f"Can the confidence be believed? (calibration error {100 * error:.2f} %)")
    ax = figure.subplots()
    low, high = np.array([metrics.wilson_interval(round(s * c), int(c)) for s, c in zip(share, count, strict=True)]).T
    bars = np.maximum(0, [100 * (share - low), 100 * (high - share)])
    ax.plot([0, 100], [0, 100], "--", color=_GREY, lw=1, label="perfect")
    ax.errorbar(100 * confidence, 100 * share, bars, fmt="o", color=_BLUE, capsize=2, label="right, with 95 % interval")
    for x, y, n in zip(confidence, low, count, strict=True):
        if x > 0.96:  # the last bins lie too close together for numbers
            continue
        ax.annotate(f"{n:,.0f}", (100 * x, 100 * y), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=7)
    least = 100 * min(confidence.min(), low.min()) - 8
    ax.set(xlabel="confidence, %", ylabel="right, %", xlim=(max(0, least), 102), ylim=(max(-8, least), 102))
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.grid(alpha=0.3)
    return figure


def risk_coverage(run: Run) -> Figure:
    """The error that is left when the least confident answers are withheld."""
    coverage, risk = metrics.risk_coverage(run.probabilities, run.evaluation.targets)
    figure = _figure(5, 3.4, "What the courage to say “unsure” buys")
    ax = figure.subplots()
    ax.plot(100 * coverage, 100 * risk, color=_BLUE)
    for share in (0.99, 0.95):
        value = metrics.risk_at(share, run.probabilities, run.evaluation.targets)
        ax.plot(100 * share, 100 * value, "o", color=_ORANGE)
        ax.annotate(
            f"{share:.0%} answered: {100 * value:.2f} % wrong",
            (100 * share, 100 * value),
            (-8, 8),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    ax.set(xlabel="answered, %", ylabel="wrong among them, %", xlim=(80, 100.5))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def precision_recall_roc(run: Run) -> Figure:
    """The two curves of a binary task."""
    targets, scores = run.evaluation.targets, run.probabilities[:, 1]
    if len(np.unique(targets)) < 2:
        raise DataError("the evaluation images are all of one class: curves need both")
    precision, recall, _ = precision_recall_curve(targets, scores)
    false, true, _ = roc_curve(targets, scores)
    figure = _figure(8, 3.6, f"{run.task.name}: every threshold on the probability of {run.task.classes[1]}")
    left, right = figure.subplots(1, 2)
    left.plot(recall, precision, color=_BLUE)
    left.set(xlabel="recall", ylabel="precision", title="precision and recall")
    right.plot(false, true, color=_BLUE)
    right.plot([0, 1], [0, 1], "--", color=_GREY, lw=1)
    right.set(xlabel="false positives, share", ylabel="true positives, share", title="ROC")
    for ax in (left, right):
        ax.grid(alpha=0.3)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return figure


# --- What the network sees --------------------------------------------------------------------------------------------


def first_filters(run: Run) -> Figure:
    """The weights of the first convolution: blue attracts ink, red repels it."""
    weights = next(run.network.blocks.parameters()).detach().numpy()[:, 0]
    columns = 8
    rows = -(-len(weights) // columns)
    figure, axes = _grid(rows, columns, "The first layer's filters (blue: ink wanted, red: ink unwanted)")
    limit = np.abs(weights).max()
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, kernel in zip(axes.flat, weights, strict=False):
        _show(ax, kernel, cmap="RdBu", vmin=-limit, vmax=limit)
    return figure


def feature_maps(run: Run) -> Figure:
    """One digit on its way through the network: the twelve strongest maps of each layer."""
    image = run.evaluation.images[0]
    with torch.inference_mode():
        layers = run.network.activations(torch.from_numpy(image[None, None]).float())
    figure, axes = _grid(len(layers) + 1, 12, "One digit, layer by layer (the twelve strongest maps)", cell=0.72)
    for ax in axes.flat:
        ax.set_axis_off()
    _show(axes[0, 0], image, "input")
    for number, (row, maps) in enumerate(zip(axes[1:], layers, strict=True), start=1):
        values = maps[0].numpy()
        strongest = np.argsort(-values.mean((1, 2)), kind="stable")[:12]
        for ax, channel in zip(row, strongest, strict=False):
            _show(ax, values[channel], cmap="magma", vmin=0, vmax=max(1e-6, values[channel].max()))
        side = values.shape[1]
        row[0].set_title(f"layer {number}: {len(values)} maps of {side}×{side}", fontsize=8, loc="left")
    return figure


def embedding(run: Run) -> Figure:
    """The last features of the evaluation images, laid out in two dimensions by t-SNE."""
    images, targets = run.evaluation.images, run.evaluation.targets
    chosen = np.random.default_rng(0).permutation(len(images))[:_EMBEDDED]
    if len(chosen) < 10:
        return _note("Too few images for a layout in two dimensions")
    with torch.inference_mode():
        points = run.network.features(torch.from_numpy(images[chosen, None]).float()).numpy()
    title = f"Last features of {len(chosen):,d} evaluation images, by t-SNE (crosses: mistakes)"
    figure = _figure(7, 6, title)
    perplexity = min(30.0, (len(chosen) - 1) / 3)
    flat = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(points)
    ax = figure.subplots()
    for index, name in enumerate(run.task.classes):
        members = flat[targets[chosen] == index]
        ax.scatter(members[:, 0], members[:, 1], s=5, color=f"C{index}", label=name)
        if len(members):
            ax.annotate(name, np.median(members, 0), fontsize=15, weight="bold", ha="center", va="center")
    wrong = (run.evaluation.predicted != targets)[chosen]
    ax.scatter(flat[wrong, 0], flat[wrong, 1], s=60, marker="x", color="black")
    ax.set_axis_off()
    return figure


def occlusion(run: Run) -> Figure:
    """Where covering a digit with paper costs the right answer most probability."""
    first = [np.flatnonzero(run.evaluation.targets == index)[:1] for index in range(len(run.task.classes))]
    chosen = np.concatenate(first)
    figure, axes = _grid(2, len(chosen), "What matters: darker red where covering the digit costs more", cell=1.0)
    for column, i in enumerate(chosen):
        image, truth = run.evaluation.images[i], run.evaluation.targets[i]
        lost = occlusion_map(run.network, image, int(truth))
        _show(axes[0, column], image, run.task.classes[truth])
        _show(axes[1, column], image)
        axes[1, column].imshow(lost, cmap="Reds", vmin=0, vmax=1, alpha=0.75)
        axes[1, column].set_title(f"up to −{100 * max(0.0, lost.max()):.0f} %", fontsize=8)
    return figure


def occlusion_map(network: DigitNet, image: np.ndarray, target: int) -> np.ndarray:
    """Probability of the target class lost when a square of paper covers each place; float32 (28, 28)."""
    covered = np.repeat(image[None], 28 * 28, 0)
    for place, (y, x) in enumerate(np.ndindex(28, 28)):
        top, left = max(0, y - _OCCLUDER_PX // 2), max(0, x - _OCCLUDER_PX // 2)
        covered[place, top : y + _OCCLUDER_PX // 2, left : x + _OCCLUDER_PX // 2] = 0
    with torch.inference_mode():
        both = torch.from_numpy(np.concatenate([image[None], covered])[:, None]).float()
        probabilities = torch.softmax(network(both), 1)[:, target].numpy()
    lost: np.ndarray = (probabilities[0] - probabilities[1:]).reshape(28, 28)
    return lost


_BINARY_ONLY = {"precision_recall_roc"}
#: Name → how it is drawn, and the caption in the report.
FIGURES: dict[str, tuple[Callable[[Run], Figure], str]] = {
    "samples": (samples, "What there is to learn from."),
    "class_balance": (
        class_balance,
        "Where one class is much more common than the others, always guessing it is often right: mind that with accuracies.",
    ),
    "mean_digits": (
        mean_digits,
        "The mean image of each class: where writers agree it is dark, where they differ it is blurred.",
    ),
    "training_curves": (
        training_curves,
        "Training images are deformed and their targets smoothed, so their loss stays the higher one.",
    ),
    "confusion": (confusion, "Which classes are taken for which."),
    "worst_mistakes": (worst_mistakes, "Some of these nobody could read; look for those that you can."),
    "reliability": (
        reliability,
        "Each point is a bin of images of similar confidence, with their number; almost all lie at the very top.",
    ),
    "risk_coverage": (risk_coverage, "Answers are withheld from the least confident on."),
    "precision_recall_roc": (precision_recall_roc, "A threshold is a choice between missing some and accusing others."),
    "first_filters": (first_filters, "Edges and strokes in several directions: what the first layer looks for."),
    "feature_maps": (feature_maps, "From strokes to shapes: the maps get smaller and mean more."),
    "embedding": (embedding, "Images that the network finds similar lie together; mistakes lie between the groups."),
    "occlusion": (occlusion, "A 6×6 square of paper is moved over the digit."),
}
