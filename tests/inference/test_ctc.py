from __future__ import annotations

import numpy as np
import pytest
import torch

from inkdigits.inference.ctc import BLANK, best_path, log_probability


def test_the_best_path_of_scores() -> None:
    scores = np.full((9, 11), -1.0)
    for step, label in enumerate([10, 3, 3, 10, 3, 10, 10, 7, 0]):
        scores[step, label] = 1.0
    scores[2, 3] = 1.5  # the surer of the two steps of the first 3
    assert best_path(scores) == [(3, 2), (3, 4), (7, 7), (0, 8)]
    assert best_path(np.eye(11)[[10, 10]]) == []


def test_the_probability_of_a_text_is_that_of_ctc() -> None:
    rng = np.random.default_rng(3)
    for text in ([], [4], [4, 4], [0, 1, 1, 9]):
        probabilities = rng.dirichlet(np.ones(11), 12).astype(np.float32)
        logs = torch.from_numpy(probabilities).log()[:, None]
        loss = torch.nn.functional.ctc_loss(
            logs, torch.tensor([text]), torch.tensor([12]), torch.tensor([len(text)]), blank=BLANK, reduction="none"
        )
        assert log_probability(probabilities, text) == pytest.approx(-float(loss), rel=1e-4)
