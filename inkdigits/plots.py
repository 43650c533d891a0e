"""Every figure of a run: the data, the training, the predictions and what the network looks at."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import precision_recall_curve, roc_curve
from tqdm import tqdm

from inkdigits.config import Project
from inkdigits.errors import DataError, ModelError
from inkdigits.features import make_features
from inkdigits.files import atomic
from inkdigits.inference.tasks import Task
from inkdigits.modeling import metrics
from inkdigits.modeling.augment import Augmentation
from inkdigits.modeling.evaluate import EvaluateSettings, Evaluation, evaluate
from inkdigits.modeling.networks import DigitNet
from inkdigits.modeling.recipes import recipe
from inkdigits.modeling.train import load_network
from inkdigits.runs import Run

DPI = 110
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#c05621", "#718096"
#: t-SNE takes a minute on 10,000 points and a few seconds on this many.
_EMBEDDED = 2_500
_OCCLUDER_PX = 6
#: Width of a title's letter.
_TITLE_INCHES = 0.1


@dataclass(frozen=True)
class EvaluatedRun:
    """A finished run and its predictions on its evaluation images: what the figures are drawn from."""

    name: str
    meta: dict[str, Any]
    history: list[dict[str, Any]]
    network: DigitNet
    task: Task
    training: tuple[NDArray[np.uint8], NDArray[np.int64]]
    evaluation: Evaluation

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Of the evaluation images, float32 (N, C)."""
        found = self.evaluation.probabilities
        assert found is not None  # a model's evaluation always has them
        return found


def load_run(name: str, data: str | None = None, project: Project | None = None) -> EvaluatedRun:
    """Gather what the figures need.

    Args:
        name: Of a run below ``models/``.
        data: The source to evaluate on; by default the run's own.
        project: Where; by default the current one.

    Raises:
        ModelError: There is no such finished run.
    """
    project = project or Project.current()
    run = Run.named(name, project)
    network, found = load_network(run)
    meta, history = run.meta(), run.history()
    if any("train_losses" not in entry for entry in history):
        raise ModelError(f"{run.history_path()} lacks the curve of the loss: train it again")
    own = meta["data"]
    training = make_features(own["source"], project, own["transpose"]).split("train")
    settings = EvaluateSettings(str(run.folder), data or own["source"])
    if settings.data == own["source"]:
        # Without labelled test images, as in Kaggle's files, the validation images are all that was not trained on.
        split = None if "labels_sha256" in own["splits"].get("test", {}) else "validation"
        settings = replace(settings, split=split, transpose=own["transpose"])
    return EvaluatedRun(name, meta, history, network, found, found.select(training), evaluate(settings, project))


def make_plots(name: str, data: str | None = None, project: Project | None = None) -> list[Path]:
    """Draw every figure of a run into ``reports/figures``.

    Args:
        name: Of a run below ``models/``.
        data: The source to evaluate on; by default the run's own.
        project: Where; by default the current one.

    Returns:
        the figures' paths.

    Raises:
        ModelError: There is no such finished run.
    """
    project = project or Project.current()
    return [path for path, _ in draw_all(load_run(name, data, project), project.reports / "figures")]


def draw_all(run: EvaluatedRun, folder: Path) -> list[tuple[Path, str]]:
    """Draw every figure that the run's task has; path and caption of each, in the order of the report."""
    drawn = {}
    names = [name for name in FIGURES if name not in _BINARY_ONLY or run.task.binary]
    for name in tqdm(names, desc="drawing", unit="figure", leave=False, disable=None):
        drawn[name] = io.BytesIO()
        FIGURES[name][0](run).savefig(drawn[name], format="png", dpi=DPI, metadata={"Software": None})
    # Only when all are there do they take the place of an earlier run's.
    for name in FIGURES:
        if name in drawn:
            with atomic(folder / f"{name}.png") as file:
                file.write(drawn[name].getbuffer())
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)
    captions = {name: FIGURES[name][1] for name in drawn}
    return [
        (folder / f"{name}.png", caption if isinstance(caption, str) else caption(run)) for name, caption in captions.items()
    ]


# --- The data -----------------------------------------------------------------------------------------------------


def _figure(width: float, height: float, title: str) -> Figure:
    width = max(width, _TITLE_INCHES * len(title))  # no title is cut off, however few the columns
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    return figure


def _show(
    axes: Axes, image: NDArray[np.generic], title: str = "", cmap: str = "gray_r", vmin: float = 0, vmax: float = 255
) -> None:
    axes.imshow(image, cmap=cmap, vmin=vmin, vmax=vmax)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8)


def _grid(rows: int, columns: int, title: str, cell: float = 0.75, extra: float = 0.5) -> tuple[Figure, Any]:
    figure = _figure(columns * cell, rows * cell + extra, title)
    return figure, figure.subplots(rows, columns, squeeze=False)


def samples(run: EvaluatedRun) -> Figure:
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


def class_balance(run: EvaluatedRun) -> Figure:
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


def mean_digits(run: EvaluatedRun) -> Figure:
    """The mean image of each class."""
    images, targets = run.training
    figure, axes = _grid(1, len(run.task.classes), "The mean of each class", cell=0.9)
    for index, (ax, name) in enumerate(zip(axes[0], run.task.classes, strict=True)):
        members = images[targets == index]
        _show(ax, members.mean(0) if len(members) else np.zeros((28, 28)), name)
    return figure


# --- The training and the predictions -----------------------------------------------------------------------------------


def training_curves(run: EvaluatedRun) -> Figure:
    """Loss during training, and loss and accuracy on the validation images after each epoch."""
    epochs = [line["epoch"] for line in run.history]
    parts = [line["train_losses"] for line in run.history]
    positions = [epoch - 1 + (i + 0.5) / len(part) for epoch, part in zip(epochs, parts, strict=True) for i in range(len(part))]
    figure = _figure(8, 3.2, f"Training of {run.name}: {run.meta['training_seconds']:.0f} s")
    left, right = figure.subplots(1, 2)
    left.plot(
        positions,
        [loss for part in parts for loss in part],
        color=_BLUE,
        label="training",
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


def confusion(run: EvaluatedRun) -> Figure:
    """Counts of each prediction for each true class; mistakes are coloured, hits are not."""
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
    ax.set(xlabel="predicted", ylabel="truth", xticks=range(len(counts)), yticks=range(len(counts)))
    ax.set_xticklabels(run.task.classes)
    ax.set_yticklabels(run.task.classes)
    return figure


def worst_mistakes(run: EvaluatedRun) -> Figure:
    """The most confident wrong predictions, each with the probabilities of all classes."""
    wrong = run.evaluation.mistakes()[:12]
    if not len(wrong):
        return _note("No mistakes on these images")
    rows = (len(wrong) + 3) // 4
    figure = _figure(11, 1.55 * rows + 0.6, "The most confident mistakes (green: truth, orange: prediction)")
    axes = figure.subplots(rows, 8, squeeze=False, width_ratios=[1, 1.3] * 4)
    for ax in axes.flat:
        ax.set_axis_off()
    for position, i in enumerate(wrong):
        picture, bars = axes[position // 4, 2 * (position % 4) : 2 * (position % 4) + 2]
        truth, predicted = run.evaluation.targets[i], run.evaluation.predicted[i]
        _show(picture, run.evaluation.images[i], f"{run.task.classes[truth]} read as {run.task.classes[predicted]}")
        colours = [_GREY] * len(run.task.classes)
        colours[truth], colours[predicted] = "#2f855a", _ORANGE
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


def reliability(run: EvaluatedRun) -> Figure:
    """Confidence against accuracy: on the diagonal a confidence can be believed."""
    confidence, share, count = metrics.reliability(run.probabilities, run.evaluation.targets).T
    error = metrics.expected_calibration_error(run.probabilities, run.evaluation.targets)
    figure = _figure(5, 4.4, f"Can the confidence be believed? (calibration error {100 * error:.2f} %)")
    ax = figure.subplots()
    low, high = np.array([metrics.wilson_interval(round(s * c), int(c)) for s, c in zip(share, count, strict=True)]).T
    bars = np.maximum(0, [100 * (share - low), 100 * (high - share)])
    ax.plot([0, 100], [0, 100], "--", color=_GREY, lw=1, label="perfect")
    ax.errorbar(100 * confidence, 100 * share, bars, fmt="o", color=_BLUE, capsize=2, label="accuracy, with 95 % interval")
    for x, y, n in zip(confidence, low, count, strict=True):
        if x > 0.96:  # the last bins lie too close together for numbers
            continue
        ax.annotate(f"{n:,.0f}", (100 * x, 100 * y), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=7)
    least = 100 * min(confidence.min(), low.min()) - 8
    ax.set(xlabel="confidence, %", ylabel="accuracy, %", xlim=(max(0, least), 102), ylim=(max(-8, least), 102))
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.grid(alpha=0.3)
    return figure


def risk_coverage(run: EvaluatedRun) -> Figure:
    """The error that is left when the least confident predictions are withheld."""
    coverage, risk = metrics.risk_coverage(run.probabilities, run.evaluation.targets)
    figure = _figure(5, 3.4, "What the courage to say “unsure” buys")
    ax = figure.subplots()
    ax.plot(100 * coverage, 100 * risk, color=_BLUE)
    for share in (0.99, 0.95):
        value = metrics.risk_at(share, run.probabilities, run.evaluation.targets)
        ax.plot(100 * share, 100 * value, "o", color=_ORANGE)
        ax.annotate(
            f"coverage {share:.0%}: {100 * value:.2f} % wrong",
            (100 * share, 100 * value),
            (-8, 8),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    ax.set(xlabel="coverage, %", ylabel="wrong among them, %", xlim=(80, 100.5))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def precision_recall_roc(run: EvaluatedRun) -> Figure:
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


def first_filters(run: EvaluatedRun) -> Figure:
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


def feature_maps(run: EvaluatedRun) -> Figure:
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


def embedding(run: EvaluatedRun) -> Figure:
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


def occlusion(run: EvaluatedRun) -> Figure:
    """Where covering a digit with paper costs the true class most probability."""
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


def occlusion_map(network: DigitNet, image: NDArray[np.generic], target: int) -> NDArray[np.float32]:
    """Probability of the target class lost when a square of paper covers each pixel; float32 (28, 28)."""
    covered = np.repeat(image[None], 28 * 28, 0)
    for position, (y, x) in enumerate(np.ndindex(28, 28)):
        top, left = max(0, y - _OCCLUDER_PX // 2), max(0, x - _OCCLUDER_PX // 2)
        covered[position, top : y + _OCCLUDER_PX // 2, left : x + _OCCLUDER_PX // 2] = 0
    with torch.inference_mode():
        both = torch.from_numpy(np.concatenate([image[None], covered])[:, None]).float()
        probabilities = torch.softmax(network(both), 1)[:, target].numpy()
    lost: NDArray[np.float32] = (probabilities[0] - probabilities[1:]).reshape(28, 28)
    return lost


_BINARY_ONLY = {"precision_recall_roc"}


#: Name → how it is drawn, and the caption in the report.
def _of_losses(run: EvaluatedRun) -> str:
    """Why the loss on training images is higher than that on others, if this run's training makes it so."""
    plan = recipe(run.meta["recipe"])
    reasons = []
    if plan.augmentation != Augmentation() or plan.corrupted:
        reasons.append("training images are deformed")
    if run.meta["training"]["label_smoothing"]:
        reasons.append("targets are smoothed")
    if not reasons:
        return "The loss on images that were not trained on shows what was learnt and what is only remembered."
    return f"In training, {' and '.join(reasons)}, so its loss stays the higher one."


#: How each figure is drawn, and what stands below it.
FIGURES: dict[str, tuple[Callable[[EvaluatedRun], Figure], str | Callable[[EvaluatedRun], str]]] = {
    "samples": (samples, "What there is to learn from."),
    "class_balance": (
        class_balance,
        "Where one class is much more common than the others, always guessing it is often right: mind that with accuracies.",
    ),
    "mean_digits": (
        mean_digits,
        "The mean image of each class: where writers agree it is dark, where they differ it is blurred.",
    ),
    "training_curves": (training_curves, _of_losses),
    "confusion": (confusion, "Which classes are taken for which."),
    "worst_mistakes": (worst_mistakes, "Some of these nobody could read; look for those that you can."),
    "reliability": (
        reliability,
        "Each point is a bin of images of similar confidence, with their number; almost all lie at the very top.",
    ),
    "risk_coverage": (risk_coverage, "Predictions are withheld from the least confident on."),
    "precision_recall_roc": (precision_recall_roc, "A threshold is a choice between missing some and accusing others."),
    "first_filters": (first_filters, "Edges and strokes in several directions: what the first layer looks for."),
    "feature_maps": (feature_maps, "From strokes to shapes: the maps get smaller and mean more."),
    "embedding": (embedding, "Images that the network finds similar lie together. Look where the mistakes lie."),
    "occlusion": (occlusion, "A 6×6 square of paper is moved over the digit."),
}
