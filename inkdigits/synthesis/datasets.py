"""Synthetic data sets: what the reader's networks learn from, made by many processes, the same whatever their number."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inkdigits.inference.ctc import BLANK
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.preparation.digit import prepare
from inkdigits.preparation.strip import STRIP_HEIGHT, strip
from inkdigits.synthesis import scenes
from inkdigits.synthesis.allographs import DigitStrokes

#: Images uint8 (N, 28, 28) and labels int64 (N,).
Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]

#: Scenes that one job makes. Each job has its own seed, so that the scenes don't depend on the number of processes.
JOB = 500
#: Lines have so many digits and columns at most.
MOST_DIGITS, WIDEST = 12, 448
#: Digits whose network inputs have a mean level outside are lost in their paper or drowned by it.
_MEAN_LEVELS = (8, 110)

_strokes: DigitStrokes


def _begin(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """In each process that makes pictures: where the strokes come from."""
    global _strokes
    _strokes = DigitStrokes(images, labels)


def _alone(job: Callable[[tuple[int, int]], Any], source: Labelled, seed: tuple[int, int]) -> Any:
    """The result of a job in this process, where nothing of it stays."""
    global _strokes
    _begin(*source)
    try:
        return job(seed)
    finally:
        del _strokes


def _run_jobs(job: Callable[[tuple[int, int]], Any], source: Labelled, count: int, seed: int, what: str) -> Iterator[Any]:
    """The results of as many jobs as make ``count`` pictures, in order."""
    seeds = [(seed, number) for number in range(count // JOB)]
    if len(seeds) == 1:  # no work for more than one process
        yield _alone(job, source, seeds[0])
        return
    # Threads that OpenMP has started don't survive a fork; new processes have none.
    with multiprocessing.get_context("spawn").Pool(initializer=_begin, initargs=source) as pool:
        yield from tqdm(pool.imap(job, seeds), total=len(seeds), desc=f"making {what}", unit=f"·{JOB}", disable=None)


def _digit_job(seed: tuple[int, int]) -> Labelled:
    rng = np.random.default_rng(seed)
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    while len(images) < JOB:
        scene = scenes.digit(_strokes, rng)
        image = prepare(scene.picture)
        if _MEAN_LEVELS[0] < image.mean() < _MEAN_LEVELS[1] or (not scene.text and image.any()):
            images.append(image)
            labels.append(int(scene.text or NON_DIGIT))
    return np.stack(images), np.array(labels)


def make_digits(source: Labelled, count: int, seed: int) -> Labelled:
    """Pictures of one digit or of none as the classifier sees them.

    Args:
        source: MNIST images whose strokes are drawn again, and their labels.
        count: How many; a multiple of 500.
        seed: The same seed makes the same pictures.

    Returns:
        uint8 (count, 28, 28), and labels int64 (count,), 10 = no digit.
    """
    made = list(_run_jobs(_digit_job, source, count, seed, "digits"))
    return np.concatenate([images for images, _ in made]), np.concatenate([labels for _, labels in made])


@dataclass(frozen=True)
class Strips:
    """Synthetic lines of one width.

    Attributes:
        images: uint8 (N, 40, W).
        labels: int64 (N, 12), the digits, filled up with 10.
        lengths: int64 (N,), how many digits there are.
        boxes: float32 (N, 12, 4), left, top, right, bottom in strip pixels.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    boxes: NDArray[np.float32]


def _line_job(seed: tuple[int, int]) -> list[tuple[NDArray[np.uint8], NDArray[np.int64], int, NDArray[np.float32]]]:
    rng = np.random.default_rng(seed)
    made: list[tuple[NDArray[np.uint8], NDArray[np.int64], int, NDArray[np.float32]]] = []
    while len(made) < JOB:
        scene = scenes.line(_strokes, rng, STRIP_HEIGHT, MOST_DIGITS)
        image = strip(scene.picture)
        if image.shape[1] > WIDEST:
            continue
        labels, boxes = np.full(MOST_DIGITS, BLANK), np.zeros((MOST_DIGITS, 4), np.float32)
        length = len(scene.text)
        if length:
            labels[:length], boxes[:length] = list(map(int, scene.text)), scene.boxes
        made.append((image, labels, length, boxes))
    return made


def make_strips(source: Labelled, count: int, seed: int) -> list[Strips]:
    """Lines as the line recogniser sees them, grouped by their widths.

    Args:
        source: As for ``make_digits``.
        count: How many; a multiple of 500.
        seed: The same seed makes the same lines.
    """
    by_width: dict[int, list[tuple[Any, ...]]] = {}
    for job in _run_jobs(_line_job, source, count, seed, "lines"):
        for made in job:
            by_width.setdefault(made[0].shape[1], []).append(made)
    return [Strips(*(np.stack(column) for column in zip(*by_width[width], strict=True))) for width in sorted(by_width)]
