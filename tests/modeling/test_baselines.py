from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.base import clone

from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import DataError, UsageError
from inkdigits.modeling import baselines
from inkdigits.modeling.baselines import BASELINES, Result, measure
from inkdigits.modeling.estimators import ConvolutionalNetwork, NumpyNetwork

pytestmark = pytest.mark.slow

#: What quick models should reach at each level, in %: nobody gets less by bad luck, or more without having seen the labels.
RANGES = {
    (1, "always the most common"): (88, 93),
    (1, "SGD"): (93.5, 98),
    (1, "random forest"): (94, 98.5),
    (2, "always the most common"): (50, 56),
    (2, "logistic regression"): (90, 97),
    (2, "NumPy [784, 30, 10]"): (88, 98),
    (2, "convolutional"): (94, 99.9),
    (3, "always the most common"): (9, 13),
    (3, "darkness"): (16, 25),
    (3, "SGD"): (76, 89),
    (3, "logistic regression"): (82, 90),
    (3, "k-NN, 5"): (87, 94),
    (3, "k-NN, 4, by distance, shifted"): (89, 96),
    (3, "SVC, C = 10"): (91, 97),
    (3, "decision tree"): (68, 84),
    (3, "random forest"): (87, 94),
    (3, "NumPy [784, 30, 10]"): (85, 93),
    (3, "NumPy [784, 256, 128, 10]"): (89, 96),
    (3, "convolutional"): (95, 99),
}


@pytest.fixture(autouse=True)
def _project(home: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))
    yield
    (home.reports / "baselines.json").unlink(missing_ok=True)


def test_every_model_masters_the_second_level() -> None:
    results = list(measure((2,), quick=True))
    assert [result.model for result in results] == list(BASELINES)
    check_ranges(results)
    for result in results:
        assert result.auc is not None
        if result.model not in ("always the most common", "darkness"):
            assert 0.85 < result.accuracy <= 1, result
            # A whole tree says yes or no, and has but one point of a curve.
            assert (0.85 if result.model == "decision tree" else 0.93) < result.auc <= 1, result


@pytest.mark.parametrize("level", [1, 3])
def test_quick_models_are_where_they_should_be(level: int) -> None:
    models = tuple(name for number, name in RANGES if number == level)
    results = list(measure((level,), quick=True, models=models))
    assert [result.model for result in results] == list(models)
    check_ranges(results)


def check_ranges(results: list[Result]) -> None:
    """Check the results of one level, as far as they have ranges."""
    ranged = [result for result in results if (result.level, result.model) in RANGES]
    for result in ranged:
        low, high = RANGES[result.level, result.model]
        assert low <= 100 * result.accuracy <= high, result
        assert (result.auc is not None) == (result.level < 3)
    if len(ranged) > 3:
        assert max(ranged, key=lambda result: result.accuracy).model == "convolutional"


def test_what_always_answers_no_has_no_recall() -> None:
    (result,) = measure((1,), quick=True, models=("always the most common",))
    assert (result.precision, result.recall, result.auc) == (0, 0, 0.5)
    assert result.book == 0.91


def test_results_are_kept_and_not_measured_again(home: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ("always the most common",)
    first = list(measure((1, 3), models=model))
    assert [100 * result.accuracy for result in first] == [pytest.approx(91.08), pytest.approx(11.35)]  # the test set's shares
    monkeypatch.setattr(baselines, "_measured", lambda *_: pytest.fail("measured again"))
    assert list(measure((1, 3), models=model)) == first
    assert json.loads((home.reports / "baselines.json").read_text()) == [asdict(result) for result in first]


def test_unknown_levels_and_models_and_a_table_of_another_version(home: Project) -> None:
    with pytest.raises(UsageError, match='there is no "oracle"'):
        list(measure(models=("oracle",)))
    with pytest.raises(UsageError, match='there is no "4"'):
        list(measure((4,)))
    home.reports.mkdir(exist_ok=True)
    (home.reports / "baselines.json").write_text('[{"level": 1, "name": "SGD"}]')
    with pytest.raises(DataError, match="move it away"):
        list(measure((1,), models=("SGD",)))


@pytest.mark.parametrize("estimator", [NumpyNetwork((20,), epochs=4), ConvolutionalNetwork(2)])
def test_our_networks_are_scikit_learn_classifiers(estimator: NumpyNetwork | ConvolutionalNetwork, mnist: Dataset) -> None:
    images, labels = mnist.split("train").take(np.arange(2400)).labelled()
    X, y = images.reshape(len(images), -1).astype(np.float32) / 255, np.where(labels >= 5, "high", "low")
    copy = clone(estimator).set_params(random_state=3)
    assert copy.get_params()["random_state"] == 3
    assert copy.fit(X, y) is copy
    assert copy.classes_.tolist() == ["high", "low"]
    assert copy.score(X, y) > 0.85
    np.testing.assert_array_equal(clone(copy).fit(X, y).predict(X[:500]), copy.predict(X[:500]))


def test_shifted_copies() -> None:
    X = np.zeros((2, 784), np.float32)
    X[0, 28 * 10 + 12] = 1
    moved, labels = baselines.with_shifts(X, np.array([4, 7]))
    assert labels.tolist() == [4, 7] * 5
    assert {divmod(int(image.argmax()), 28) for image in moved[::2]} == {(10, 12), (9, 12), (11, 12), (10, 11), (10, 13)}


def test_the_command(run_cli: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run_cli("baselines", "--quick", "--level", 3, "--model", "darkness")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "22.25" in out
    assert run_cli("baselines", "--model", "oracle")[0] == 2


def test_every_baseline_has_a_row() -> None:
    result = Result(3, "x", 0.5, None, None, None, 1.0, 1.0, 10, None)
    assert len(baselines.row(result)) == len(baselines.HEADER)
    assert max(map(len, BASELINES)) <= 30
