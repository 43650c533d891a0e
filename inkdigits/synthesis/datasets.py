"""Synthetic data sets: what the reader's networks learn from, made by many processes, the same whatever their number."""

from __future__ import annotations

import collections
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inkdigits.dataset import Split
from inkdigits.geometry import Box
from inkdigits.inference import sheet_finder
from inkdigits.inference.ctc import BLANK, SYMBOLS, symbol_of
from inkdigits.inference.detector import CELL, UNIT
from inkdigits.inference.tasks import NON_DIGIT
from inkdigits.preparation.digit import prepare
from inkdigits.preparation.strip import STRIP_HEIGHT, STRIP_PAPER, strip
from inkdigits.synthesis import fonts, pages, scenes, sheets
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.canvas import UNCLEAR

#: Images uint8 (N, 28, 28) and labels int64 (N,).
Labelled: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]

#: Scenes that one job makes. Each job has its own seed, so that the scenes don't depend on the number of processes.
JOB = 500
#: So many jobs of each process are made ahead.
_AHEAD = 6
#: Lines of a batch, and batches that one job makes: it sorts its lines by their widths.
STRIPS, _BATCHES_OF_JOB = 96, 6
#: Lines have so many digits, digits and signs, and columns at most.
MOST_DIGITS, _MOST_SYMBOLS, WIDEST = 12, 16, 448
#: Digits whose network inputs have a mean level outside are lost in their paper or drowned by it.
_MEAN_LEVELS = (8, 110)

T = TypeVar("T")

_strokes: DigitStrokes


def _begin(source: Split) -> None:
    """In each process that makes pictures: where the strokes come from."""
    global _strokes
    _strokes = DigitStrokes(source)


def _alone(job: Callable[[tuple[int, int]], Any], source: Split, seed: tuple[int, int]) -> Any:
    """The result of a job in this process, where nothing of it stays."""
    global _strokes
    _begin(source)
    try:
        return job(seed)
    finally:
        del _strokes


class Workers:
    """Processes that make pictures, a few of them ahead of what is asked for.

    For a training they are kept to its end, since thinned strokes are kept in them.

    Args:
        source: MNIST, whose strokes are drawn.
        spare: So many cores are left to others; one is for the network.
    """

    def __init__(self, source: Split, spare: int = 1) -> None:
        self._source = source
        self._count = max(1, (os.cpu_count() or 1) - spare)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(self, job: Callable[[tuple[int, int]], T], count: int, seed: int) -> Iterator[T]:
        """The results of jobs in order, a few of them made ahead; the same seed gives the same."""
        seeds = ((seed, number) for number in range(count))
        if count == 1:  # no work for another process
            yield _alone(job, self._source, next(seeds))
            return
        if self._pool is None:
            # Threads that OpenMP has started don't survive a fork; new processes have none.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin, initargs=(self._source,))
        waiting = collections.deque(self._pool.submit(job, one) for one in itertools.islice(seeds, _AHEAD * self._count))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(self._pool.submit(job, one) for one in itertools.islice(seeds, 1))

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _run_jobs(job: Callable[[tuple[int, int]], T], source: Split, count: int, seed: int, what: str) -> Iterator[T]:
    """The results of as many jobs as make ``count`` pictures, in order, with a bar."""
    jobs = count // JOB
    with Workers(source, spare=0) as workers:
        results = workers.results(job, jobs, seed)
        yield from tqdm(results, total=jobs, desc=f"making {what}", unit=f"·{JOB}", disable=True if jobs == 1 else None)


def _digit_job(seed: tuple[int, int]) -> Labelled:
    rng = np.random.default_rng(seed)
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    faces = fonts.every_face()
    while len(images) < JOB:
        scene = scenes.digit(_strokes, rng, faces=faces)
        image = prepare(scene.picture)
        if _MEAN_LEVELS[0] < image.mean() < _MEAN_LEVELS[1] or (not scene.text and image.any()):
            images.append(image)
            labels.append(int(scene.text or NON_DIGIT))
    return np.stack(images), np.array(labels)


def make_digits(source: Split, count: int, seed: int) -> Labelled:
    """Pictures of one digit or of none as the classifier sees them.

    Args:
        source: MNIST, whose strokes are drawn again.
        count: How many; a multiple of 500.
        seed: The same seed makes the same pictures.

    Returns:
        uint8 (count, 28, 28), and labels int64 (count,), 10 = no digit.
    """
    made = list(_run_jobs(_digit_job, source, count, seed, "digits"))
    return np.concatenate([images for images, _ in made]), np.concatenate([labels for _, labels in made])


# --- Lines, for the line recogniser ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strips:
    """A batch of synthetic lines of about the same width.

    Attributes:
        images: uint8 (N, 40, W).
        labels: int64 (N, 16), of digits, signs and other writing, as in ``ctc.SYMBOLS``, filled up with 10.
        lengths: int64 (N,), how many there are.
        boxes: float32 (N, 16, 4), left, top, right, bottom in strip pixels.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    boxes: NDArray[np.float32]


def _strips_job(seed: tuple[int, int]) -> list[Strips]:
    rng = np.random.default_rng(seed)
    made: list[tuple[NDArray[np.uint8], list[tuple[int, Box]]]] = []
    faces = fonts.every_face()
    while len(made) < STRIPS * _BATCHES_OF_JOB:
        scene = scenes.line(_strokes, rng, STRIP_HEIGHT, MOST_DIGITS, faces=faces)
        image = strip(scene.picture)
        symbols = [(SYMBOLS.index(symbol_of(character)), box) for character, box in scene.characters[0] if character != "'"]
        if image.shape[1] <= WIDEST and len(symbols) <= _MOST_SYMBOLS:
            made.append((image, symbols))
    made.sort(key=lambda one: one[0].shape[1])
    batches = [_strips(made[start : start + STRIPS]) for start in range(0, len(made), STRIPS)]
    return [batches[number] for number in rng.permutation(_BATCHES_OF_JOB)]


def _strips(lines: list[tuple[NDArray[np.uint8], list[tuple[int, Box]]]]) -> Strips:
    """A batch of lines, float32 (40, W), with their symbols; all are as wide as the last."""
    count, width = len(lines), lines[-1][0].shape[1]
    images = np.full((count, STRIP_HEIGHT, width), STRIP_PAPER, np.uint8)
    labels = np.full((count, _MOST_SYMBOLS), BLANK)
    boxes = np.zeros((count, _MOST_SYMBOLS, 4), np.float32)
    for row, (image, symbols) in enumerate(lines):
        images[row, :, : image.shape[1]] = image
        for column, (label, box) in enumerate(symbols):
            labels[row, column], boxes[row, column] = label, box
    return Strips(images, labels, np.array([len(symbols) for _, symbols in lines]), boxes)


def make_strips(workers: Workers, batches: int, seed: int) -> Iterator[Strips]:
    """Batches of 96 lines as the line recogniser sees them, made while they are used; the same seed makes the same lines."""
    jobs = workers.results(_strips_job, -(-batches // _BATCHES_OF_JOB), seed)
    yield from itertools.islice(itertools.chain.from_iterable(jobs), batches)


# --- Pages, for the detector ----------------------------------------------------------------------------------------

#: Tiles that one job makes, which is a batch.
TILES = 16
#: Where a mark is learnt, and where nothing is: within an ellipse of such shares of its half width and half height.
_MIDDLE, _DOUBTFUL = (0.4, 0.35), (0.8, 0.75)
#: For that, no mark is narrower than this share of its height.
_NARROWEST = 0.45
#: Digits of other heights, in pixels, are not learnt at this scale; larger ones are no digits to it.
_HEIGHTS, _TOO_LARGE = (9.5, 64.0), 90.0
#: Of a cell: nothing to be learnt.
IGNORED = 255


@dataclass(frozen=True)
class Tiles:
    """A batch of tiles, and what the detector should say of them.

    Attributes:
        pictures: uint8 (N, H, W).
        found: uint8 (N, 2, H/4, W/4), whether a digit, and other writing, has its middle there; 255: nothing to be learnt.
        geometry: float16 (N, 5, H/4, W/4), as ``DetectorNet`` gives it, where something has its middle.
        labels: uint8 (N, H/4, W/4), the digits that have their middles there; 255 elsewhere.
    """

    pictures: NDArray[np.uint8]
    found: NDArray[np.uint8]
    geometry: NDArray[np.float16]
    labels: NDArray[np.uint8]


def _tiles_job(seed: tuple[int, int]) -> Tiles:
    rng = np.random.default_rng(seed)
    made = [pages.tile(_strokes, rng) for _ in range(TILES)]
    targets = [detector_targets(tile.marks, tile.picture.shape) for tile in made]
    return Tiles(np.stack([tile.picture for tile in made]), *(np.stack(column) for column in zip(*targets, strict=True)))


def detector_targets(
    marks: pages.Marks, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.uint8]]:
    """What the detector should say of a picture of ``shape`` (H, W): found, geometry and labels of one of ``Tiles``."""
    rows, columns = shape[0] // CELL, shape[1] // CELL
    found = np.zeros((2, rows, columns), np.uint8)
    geometry = np.zeros((5, rows, columns), np.float16)
    labels = np.full((rows, columns), IGNORED, np.uint8)
    nearest = np.full((rows, columns), np.inf)
    for label, centre, up, right in zip(marks.labels, marks.centres, marks.ups, marks.rights, strict=True):
        half_height, half_width = float(np.hypot(*up)), float(np.hypot(*right))
        if half_height < 1 or 2 * half_height > _TOO_LARGE:
            continue
        reach = half_height + half_width + 2 * CELL
        x0, x1 = int(max(0, (centre[0] - reach) // CELL)), int(min(columns, (centre[0] + reach) // CELL + 1))
        y0, y1 = int(max(0, (centre[1] - reach) // CELL)), int(min(rows, (centre[1] + reach) // CELL + 1))
        if x0 >= x1 or y0 >= y1:
            continue
        dx = (np.arange(x0, x1) + 0.5) * CELL - centre[0]
        dy = ((np.arange(y0, y1) + 0.5) * CELL - centre[1])[:, None]
        # Along the line, and up, in half widths and half heights.
        wide = max(half_width, _NARROWEST * half_height)
        across = (dx * -up[1] + dy * up[0]) / (half_height * wide)
        upwards = (dx * up[0] + dy * up[1]) / half_height**2
        away = (across / _MIDDLE[0]) ** 2 + (upwards / _MIDDLE[1]) ** 2
        window = np.s_[y0:y1, x0:x1]
        learnt = label != UNCLEAR and _HEIGHTS[0] <= 2 * half_height <= _HEIGHTS[1]
        doubtful = (across / _DOUBTFUL[0]) ** 2 + (upwards / _DOUBTFUL[1]) ** 2 <= 1
        blocked = doubtful & (nearest[window] > 1)
        found[:, y0:y1, x0:x1][:, blocked] = IGNORED
        if not learnt:
            continue
        middle = ((away <= 1) | (away <= away.min() + 1e-6)) & (away < nearest[window])
        nearest[window][middle] = np.minimum(away[middle], 1.0)
        digit = label < 10
        found[0, y0:y1, x0:x1][middle] = digit
        found[1, y0:y1, x0:x1][middle] = not digit
        labels[window][middle] = label if digit else IGNORED
        offsets = np.broadcast_arrays(-dx, -dy)
        values = [*offsets, *(np.full(middle.shape, value) for value in (*up, half_width))]
        for layer, value in zip(geometry, values, strict=True):
            layer[window][middle] = value[middle] / UNIT
    return found, geometry, labels


def make_tiles(workers: Workers, batches: int, seed: int) -> Iterator[Tiles]:
    """Batches of 16 tiles with their targets, made while they are used; the same seed makes the same tiles."""
    yield from workers.results(_tiles_job, batches, seed)


# --- Photos of sheets, for the sheet finder ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Photos:
    """A batch of photos, and the masks that the sheet finder should give.

    Attributes:
        pictures: uint8 (N, 256, 256).
        masks: uint8 (N, 2, 64, 64), the share of each cell that is covered by the sheet, and by what is within the frame.
        corners: float32 (N, 2, 4, 2), of both, as shares of the picture; not a number where there is none.
    """

    pictures: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    corners: NDArray[np.float32]


def _photos_job(seed: tuple[int, int]) -> Photos:
    rng = np.random.default_rng(seed)
    made = [sheets.photo(_strokes, rng) for _ in range(TILES)]
    masks = [[_mask(photo.sheet, photo.picture.shape), _mask(photo.frame, photo.picture.shape)] for photo in made]
    nothing = np.full((4, 2), np.nan)
    corners = [
        [nothing if shape is None else shape / photo.picture.shape for shape in (photo.sheet, photo.frame)] for photo in made
    ]
    return Photos(np.stack([photo.picture for photo in made]), np.array(masks, np.uint8), np.array(corners, np.float32))


def _mask(corners: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """How much of each cell of 4×4 pixels a quadrilateral covers: uint8 (H/4, W/4), 255 = all."""
    canvas = np.zeros(shape, np.uint8)
    if corners is not None:
        # OpenCV counts from the middle of a pixel.
        cv2.fillConvexPoly(canvas, np.rint((corners - 0.5) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    size = shape[1] // sheet_finder.CELL, shape[0] // sheet_finder.CELL
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA))


def make_photos(workers: Workers, batches: int, seed: int) -> Iterator[Photos]:
    """Batches of 16 photos with their masks, as ``make_tiles``."""
    yield from workers.results(_photos_job, batches, seed)
