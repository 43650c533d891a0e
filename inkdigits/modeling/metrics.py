"""What can be said of predictions and probabilities: accuracy and its interval, confusion, calibration, risk and coverage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The normal distribution's quantile for a two-sided 95 % interval.
_Z95 = 1.959964
_CALIBRATION_BINS = 15
#: Limits between the bins of the reliability diagram.
RELIABILITY_EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % interval of a share; Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209–212.

    Args:
        correct: Number of successes.
        total: Number of tries, at least 1.
    """
    share, z2 = correct / total, _Z95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    reach = _Z95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def accuracy_summary(correct: int, total: int) -> dict[str, Any]:
    """Accuracy with its 95 % interval, the number wrong and the number in all, as ``meta.json`` has it."""
    return {
        "accuracy": correct / total,
        "interval95": list(wilson_interval(correct, total)),
        "wrong": total - correct,
        "count": total,
    }


def confusion_matrix(targets: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts, int64 (classes, classes): row = true class, column = predicted class."""
    return np.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each class, float64 (classes, 3); 0 where a class was never predicted or never there."""
    hits = np.diag(confusion).astype(np.float64)
    precision = hits / np.maximum(confusion.sum(0), 1)
    recall = hits / np.maximum(confusion.sum(1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return np.column_stack([precision, recall, f1])


def reliability(probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Confidence against truth, in bins that get narrower towards 1, where most predictions lie.

    Args:
        probabilities: float (N, C).
        targets: int (N,).

    Returns:
        float64 (bins, 3): mean confidence, accuracy and number of images of each bin that has any.
    """
    bins = np.searchsorted(RELIABILITY_EDGES, probabilities.max(1), side="right")
    return _calibration(probabilities, targets, [np.flatnonzero(bins == i) for i in np.unique(bins)])


def expected_calibration_error(probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Mean distance between confidence and accuracy, over bins of equally many images, in [0, 1].

    Source: Nixon et al., "Measuring Calibration in Deep Learning", CVPR Workshops 2019 (adaptive bins).
    """
    order = np.argsort(probabilities.max(1), kind="stable")
    groups = np.array_split(order, min(_CALIBRATION_BINS, len(targets)))
    confidence, share, count = _calibration(probabilities, targets, groups).T
    return float(np.abs(confidence - share) @ count / count.sum())


def _calibration(
    probabilities: NDArray[np.floating], targets: NDArray[np.int64], groups: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Mean confidence, accuracy and size of each group of positions, float64 (groups, 3)."""
    confidence, correct = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == targets
    return np.array([[confidence[group].mean(), correct[group].mean(), len(group)] for group in groups])


def risk_coverage(
    probabilities: NDArray[np.floating], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the error falls when the least confident predictions are withheld.

    Returns:
        coverage (N,) in (0, 1], rising, and the share wrong (N,) among the predictions that are then given.
    """
    order = np.argsort(-probabilities.max(1), kind="stable")
    wrong = (probabilities.argmax(1) != targets)[order]
    given = np.arange(1, len(targets) + 1)
    return given / len(targets), np.cumsum(wrong) / given


def risk_at(coverage: float, probabilities: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Share wrong among the most confident predictions that make up ``coverage`` of all."""
    _, risk = risk_coverage(probabilities, targets)
    return float(risk[max(0, math.ceil(coverage * len(targets)) - 1)])
