"""Confidences that can be believed: one temperature, fitted on validation data."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The number to divide logits by so that softmax gives the most likely probabilities on validation data.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        logits: float (N, C), of images that were not trained on.
        targets: int (N,), class indices.

    Returns:
        the temperature, in [0.05, 20].
    """
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, targets].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
