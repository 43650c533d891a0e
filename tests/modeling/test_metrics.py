"""Our figures against scikit-learn's and against what their definitions demand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from inkdigits.modeling import metrics
from inkdigits.modeling.calibrate import fit_adaptive_temperature, fit_temperature
from inkdigits.modeling.evaluate import threshold_for_precision
from inkdigits.modeling.networks import temperature_scaled


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    count, classes = draw(st.integers(1, 200)), draw(st.integers(2, 10))
    logits = random.normal(0, draw(st.floats(0.1, 5)), (count, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probabilities.round(2), random.integers(0, classes, count)  # rounded: ties happen


@settings(deadline=None)
@given(answers=predictions())
def test_confusion_and_rates_agree_with_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    predicted, classes = probabilities.argmax(1), probabilities.shape[1]
    confusion = metrics.confusion_matrix(targets, predicted, classes)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(targets, predicted, labels=range(classes)))
    wanted = reference.precision_recall_fscore_support(targets, predicted, labels=range(classes), zero_division=0)[:3]
    np.testing.assert_allclose(metrics.precision_recall_f1(confusion), np.array(wanted).T, atol=1e-9)


@settings(deadline=None)
@given(answers=predictions())
def test_risk_and_calibration_keep_their_promises(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    coverage, risk = metrics.risk_coverage(probabilities, targets)
    error = (probabilities.argmax(1) != targets).mean()
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(error)
    assert metrics.risk_at(1.0, probabilities, targets) == pytest.approx(error)
    assert metrics.reliability(probabilities, targets)[:, 2].sum() == len(targets)
    # No binning can make the error smaller than that of one single bin.
    single = abs(probabilities.max(1).mean() - (1 - error))
    assert metrics.expected_calibration_error(probabilities, targets) >= single - 1e-9


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"), [(9950, 10_000, 0.99342, 0.99621), (10, 10, 0.72247, 1.0), (0, 10, 0.0, 0.27753)]
)
def test_wilson_interval(correct: int, total: int, low: float, high: float) -> None:
    # The values of R's binom.confint(method = "wilson").
    assert metrics.wilson_interval(correct, total) == pytest.approx((low, high), abs=2e-5)


@settings(deadline=None)
@given(answers=predictions(), precision=st.floats(0.05, 1))
def test_the_threshold_is_the_lowest_that_keeps_the_precision(answers: tuple[np.ndarray, np.ndarray], precision: float) -> None:
    probabilities, targets = answers
    scores, targets = probabilities[:, 1], (targets == 1).astype(int)
    found = threshold_for_precision(scores, targets, precision)
    good = [t for t in np.unique(scores) if targets[scores >= t].mean() >= precision]
    assert found["threshold"] == (min(good) if good else None)
    if good:
        given = scores >= found["threshold"]
        assert found["precision"] == pytest.approx(targets[given].mean())


def test_temperature_is_found_again() -> None:
    random = np.random.default_rng(0)
    true_logits = random.normal(0, 2, (50_000, 10))
    noise = random.gumbel(size=true_logits.shape)
    targets = (true_logits + noise).argmax(1)  # drawn from softmax(true_logits)
    for factor in (0.3, 1.0, 4.0):
        assert fit_temperature(true_logits * factor, targets) == pytest.approx(factor, rel=0.02)


def drawn(logits: np.ndarray, temperature: float, power: float) -> np.ndarray:
    """Targets, int64 (N,), of images that a network with these logits, temperature and power is right about."""
    true = temperature_scaled(torch.from_numpy(logits), torch.tensor(temperature), torch.tensor(power)).numpy()
    return (true + np.random.default_rng(1).gumbel(size=true.shape)).argmax(1)


def test_a_temperature_that_grows_with_doubt_is_found_again() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50_000, 10))
    for temperature, power in ((0.7, 0.0), (1.0, 0.1), (2.0, 0.3)):
        found = fit_adaptive_temperature(logits, drawn(logits, temperature, power))
        assert found == pytest.approx((temperature, power), rel=0.03, abs=0.01)


def test_a_few_images_do_not_decide_how_a_temperature_grows() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (20, 10))
    assert fit_adaptive_temperature(logits, logits.argmax(1))[1] < 0.1  # all right: any power would do


@given(logits=arrays(np.float64, (7, 10), elements=st.floats(-30, 30)), power=st.floats(0, 0.5))
def test_a_temperature_that_grows_with_doubt_changes_no_answer(logits: np.ndarray, power: float) -> None:
    after = temperature_scaled(torch.from_numpy(logits), torch.tensor(0.7), torch.tensor(power)).numpy()
    best = logits.argmax(1)
    np.testing.assert_array_equal(after[np.arange(7), best], after.max(1))
    two = np.sort(np.stack([logits[:, 0], np.zeros(7)], 1), 0)  # of two classes, the surer stays the surer
    sharper = torch.softmax(temperature_scaled(torch.from_numpy(two), torch.tensor(0.7), torch.tensor(power)), 1).numpy()
    assert (np.diff(sharper[:, 0]) >= -1e-12).all()
