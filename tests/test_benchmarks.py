"""Every published figure passes through benchmarks/results.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The module ``results``, with a folder of its own."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import results

    monkeypatch.setattr(results, "FOLDER", tmp_path)
    yield results
    del sys.modules["results"]


def test_results_are_kept_by_seed_and_none_counts_twice(results: Any) -> None:
    mine, other = results.Results("r"), results.Results("r")
    mine.add("a", {"seed": 2, "accuracy": 0.5})
    other.add("a", {"seed": 0, "accuracy": 0.7})
    mine.add("a", {"seed": 2, "accuracy": 0.9})
    assert [run["accuracy"] for run in results.Results("r").of("a")] == [0.7, 0.9]
    assert mine.missing("a", range(4)) == [1, 3]
    assert mine.missing("b", [5]) == [5]


def test_the_spread_is_that_of_a_sample(results: Any) -> None:
    runs = [{"accuracy": 0.5}, {"accuracy": 0.7}]
    assert results.spread(runs, "accuracy", 2, 100) == "60.00 ± 14.14"
    assert results.spread(runs[:1], "accuracy", 1, 100) == "50.0"


def test_a_changed_recipe_has_another_key(results: Any) -> None:
    from dataclasses import replace

    from inkdigits.modeling.recipes import RECIPES

    plans = [RECIPES["fast"], replace(RECIPES["fast"], lr=0.03), RECIPES["best"]]
    assert len({results.fingerprint(plan) for plan in plans}) == 3
    assert results.fingerprint(plans[0], plans[2]) != results.fingerprint(plans[0])
