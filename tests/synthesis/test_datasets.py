from __future__ import annotations

import numpy as np

from inkdigits.dataset import Dataset
from inkdigits.inference.ctc import BLANK, SYMBOLS
from inkdigits.preparation.strip import STRIP_PAPER
from inkdigits.synthesis import datasets


def test_batches_of_lines_tell_what_stands_where(sample: Dataset) -> None:
    workers = datasets.Workers(sample.split("train").take(np.arange(2000)))
    first = list(datasets.make_strips(workers, 3, seed=2))
    assert len(first) == 3
    for strips in first:
        count, height, width = strips.images.shape
        assert (count, height, width % 32) == (96, 40, 0)
        assert (strips.images[:, :, -1] == STRIP_PAPER).any()
        for labels, length, boxes in zip(strips.labels, strips.lengths, strips.boxes, strict=True):
            assert (labels[:length] != BLANK).all()
            assert (labels[length:] == BLANK).all()
            middles = boxes[:length, 0] + boxes[:length, 2]
            assert (np.diff(middles) >= 0).all()
            assert middles.max(initial=0) / 2 <= width
    labels = np.concatenate([strips.labels.ravel() for strips in first])
    seen = {SYMBOLS[label] for label in labels}
    assert {*"0123456789./-=x"} <= seen
    again = next(iter(datasets.make_strips(workers, 1, seed=2)))
    np.testing.assert_array_equal(again.images, first[0].images)
