"""Confidences that can be believed: a temperature fitted on validation data."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from inkdigits.modeling.networks import temperature_scaled

#: Of the logarithm of a temperature.
_LOG_BOUNDS = (np.log(0.05), np.log(20))
_POWER_MOST = 0.5
#: How large the power is expected to be, before any data is seen: few images then leave it near 0.
_POWER_EXPECTED = 0.2


def fit_temperature(logits: NDArray[np.generic], targets: NDArray[np.generic]) -> float:
    """The number to divide logits by so that softmax gives the most likely probabilities on validation data.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        logits: float (N, C), of images that were not trained on.
        targets: int (N,), class indices.

    Returns:
        the temperature, in [0.05, 20].
    """
    return _fit(logits, targets, power_most=0)[0]


def fit_adaptive_temperature(logits: NDArray[np.generic], targets: NDArray[np.generic]) -> tuple[float, float]:
    """What ``networks.temperature_scaled`` needs for the most likely probabilities on validation data.

    One temperature for all cannot mend a network that has learnt from smoothed labels: it is too modest where it is sure and
    too sure where it is not. The power is fitted with a normal prior, so that a few images don't decide it.

    Args:
        logits: float (N, C), of images that were not trained on.
        targets: int (N,), class indices.

    Returns:
        the temperature, in [0.05, 20], and its power, in [0, 0.5].
    """
    return _fit(logits, targets, power_most=_POWER_MOST)


def _fit(logits: NDArray[np.generic], targets: NDArray[np.generic], power_most: float) -> tuple[float, float]:
    given, rows = torch.from_numpy(np.asarray(logits, np.float64)), np.arange(len(targets))

    def loss(values: NDArray[np.generic]) -> float:
        temperature, power = torch.tensor(np.exp(values[0])), torch.tensor(values[1])
        likelihood = log_softmax(temperature_scaled(given, temperature, power).numpy(), axis=1)[rows, targets].sum()
        return float((values[1] / _POWER_EXPECTED) ** 2 / 2 - likelihood) / len(targets)

    found = minimize(loss, (0.0, 0.0), method="L-BFGS-B", bounds=(_LOG_BOUNDS, (0, power_most)))
    return float(np.exp(found.x[0])), float(found.x[1])
