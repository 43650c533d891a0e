"""Training of the reader's two networks on made pictures → ``models/<run>/``.

MNIST's strokes are all that they learn from: ``inkdigits.synthesis`` draws them with any pen on any paper. The classifier
tells one digit from another and from what is none; the line reader reads strips without cutting them.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from inkdigits import dataset, features
from inkdigits.config import Project
from inkdigits.errors import UsageError
from inkdigits.files import read_json, sha256_file, write_json
from inkdigits.modeling.augment import Augmentation
from inkdigits.modeling.calibrate import fit_temperature
from inkdigits.modeling.devices import mixed_precision
from inkdigits.modeling.export import export_line_reader, export_onnx
from inkdigits.modeling.networks import Conv, DigitNet, LineNet, parameter_count
from inkdigits.modeling.settings import checked_run_name
from inkdigits.modeling.tasks import READER, task
from inkdigits.modeling.train import provenance
from inkdigits.synthesis import scenes
from inkdigits.synthesis.forms import DigitStrokes

logger = logging.getLogger(__name__)

#: The classifier's network, and how its inputs are moved in training.
DIGIT_LAYERS = (Conv(32, 5, stride=2), Conv(64, pool=True), Conv(80), Conv(112, pool=True))
_MOVES = Augmentation(shift_px=1.5, rotate_deg=8, zoom=0.1, shear=0.1, elastic_px=0.3)
#: Class of what is no digit, for both networks.
NONE = 10
#: Scenes that one job makes. Each job has its own seed, so that the scenes don't depend on the number of processes.
_JOB = 500
#: Lines have so many digits and columns at most.
_MOST_DIGITS, _WIDEST = 12, 448
#: Digits whose model inputs have a mean level outside are lost in their paper or drowned by it.
_MEAN_LEVELS = (8, 110)
#: Share of the CTC loss in the line reader's.
_CTC_SHARE = 0.25
#: The edges are learnt at places no further from a digit's middle than this share of its width.
_MIDDLE_SHARE = 0.35


@dataclass(frozen=True)
class ReaderSettings:
    """How to train the reader.

    Attributes:
        digits, lines: How many pictures are made to train on.
        digit_epochs, line_epochs: How often each is seen.
        data: The source of the strokes.
        seed: The same seed makes the same pictures and starts from the same weights.
        run: Name of the folder below ``models/``.
        only: ``digit`` or ``line``, to train one of the two networks and keep the run's other one.
    """

    digits: int = 300_000
    lines: int = 300_000
    digit_epochs: int = 8
    line_epochs: int = 4
    data: str = "mnist"
    seed: int = 0
    run: str = "reader"
    only: str | None = None

    def __post_init__(self) -> None:
        for name in ("digits", "lines"):
            if getattr(self, name) < _JOB or getattr(self, name) % _JOB:
                raise UsageError(f"{name} is {getattr(self, name)}: make {_JOB} or a multiple of it")
        if not 0 <= self.seed < 2**31 - 1:
            raise UsageError(f"seed is {self.seed}: choose it between 0 and {2**31 - 2}")
        if self.only not in (None, "digit", "line"):
            raise UsageError(f"only is {self.only!r}: train digit, line or both")
        for name in ("digit_epochs", "line_epochs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: train at least 1")


def train_reader(settings: ReaderSettings) -> Path:
    """Make pictures and train both networks on them.

    Returns:
        the folder with ``digit.onnx``, ``line.onnx`` and ``meta.json``.
    """
    data = dataset.make_features(settings.data)
    train, validation = data.part("train").labelled(), data.part("validation").labelled()
    folder = Project.current().models / checked_run_name(settings.run)
    folder.mkdir(parents=True, exist_ok=True)
    meta_path = folder / "meta.json"
    parts = {name: part.fingerprint() for name, part in data.parts.items() if name != "test"}
    meta = read_json(meta_path) if settings.only and meta_path.exists() else {}
    if settings.only != "line":
        digit, figures = _train_digit(settings, train, validation)
        export_onnx(digit, task(READER), folder / "digit.onnx", half=True)
        meta |= {"data": parts, "digit": _described(settings, digit, figures, folder / "digit.onnx")}
        write_json(meta_path, meta)
    if settings.only != "digit":
        line, figures = _train_line(settings, train, validation)
        export_line_reader(line, folder / "line.onnx")
        meta |= {"data": parts, "line": _described(settings, line, figures, folder / "line.onnx")}
        write_json(meta_path, meta)
    return folder


def _described(settings: ReaderSettings, network: nn.Module, figures: dict[str, Any], path: Path) -> dict[str, Any]:
    """What is known of a network, for ``meta.json``."""
    return {
        "settings": asdict(settings),
        "parameters": parameter_count(network),
        **figures,
        "sha256": sha256_file(path),
        **provenance(),
    }


Part = tuple[np.ndarray, np.ndarray]


# --- Making pictures ------------------------------------------------------------------------------------------------

_strokes: DigitStrokes


def _begin(images: np.ndarray, labels: np.ndarray) -> None:
    """In each process that makes pictures: where the strokes come from."""
    global _strokes
    _strokes = DigitStrokes(images, labels)


def _made(job: Callable[[tuple[int, int]], Any], part: Part, count: int, seed: int, what: str) -> Iterator[Any]:
    """The results of as many jobs as make ``count`` pictures, in order."""
    seeds = [(seed, number) for number in range(count // _JOB)]
    # Threads that OpenMP has started don't survive a fork; new processes have none.
    with multiprocessing.get_context("spawn").Pool(initializer=_begin, initargs=part) as pool:
        yield from tqdm(pool.imap(job, seeds), total=len(seeds), desc=f"making {what}", unit=f"·{_JOB}", disable=None)


def _digit_job(seed: tuple[int, int]) -> Part:
    rng = np.random.default_rng(seed)
    made: list[np.ndarray] = []
    labels: list[int] = []
    while len(made) < _JOB:
        scene = scenes.digit(_strokes, rng)
        image = features.prepare(scene.picture)
        if _MEAN_LEVELS[0] < image.mean() < _MEAN_LEVELS[1] or (not scene.text and image.any()):
            made.append(image)
            labels.append(int(scene.text or NONE))
    return np.stack(made), np.array(labels)


def make_digits(part: Part, count: int, seed: int) -> Part:
    """Pictures of one digit or of none as the classifier sees them: uint8 (N, 28, 28), and labels int64 (N,), 10 = none."""
    made = list(_made(_digit_job, part, count, seed, "digits"))
    return np.concatenate([images for images, _ in made]), np.concatenate([labels for _, labels in made])


@dataclass(frozen=True)
class Strips:
    """Made lines of one width.

    Attributes:
        images: uint8 (N, 40, W).
        labels: int64 (N, 12), the digits, filled up with 10.
        lengths: int64 (N,), how many digits there are.
        boxes: float32 (N, 12, 4), left, top, right, bottom in strip pixels.
    """

    images: torch.Tensor
    labels: torch.Tensor
    lengths: torch.Tensor
    boxes: torch.Tensor

    def take(self, rows: torch.Tensor) -> Strips:
        """Some of the lines."""
        return Strips(self.images[rows], self.labels[rows], self.lengths[rows], self.boxes[rows])


def _line_job(seed: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray, int, np.ndarray]]:
    rng = np.random.default_rng(seed)
    made: list[tuple[np.ndarray, np.ndarray, int, np.ndarray]] = []
    while len(made) < _JOB:
        scene = scenes.line(_strokes, rng, features.STRIP_HEIGHT, _MOST_DIGITS)
        strip = features.strip(scene.picture)
        if strip.shape[1] > _WIDEST:
            continue
        labels, boxes = np.full(_MOST_DIGITS, NONE), np.zeros((_MOST_DIGITS, 4), np.float32)
        length = len(scene.text)
        if length:
            labels[:length], boxes[:length] = list(map(int, scene.text)), scene.boxes
        made.append((strip, labels, length, boxes))
    return made


def make_strips(part: Part, count: int, seed: int) -> list[Strips]:
    """Lines as the line reader sees them, grouped by their widths."""
    by_width: dict[int, list[tuple[np.ndarray, np.ndarray, int, np.ndarray]]] = {}
    for job in _made(_line_job, part, count, seed, "lines"):
        for made in job:
            by_width.setdefault(made[0].shape[1], []).append(made)
    groups = []
    for _, lines in sorted(by_width.items()):
        columns = [torch.from_numpy(np.stack(column)) for column in zip(*lines, strict=True)]
        groups.append(Strips(*columns))
    return groups


# --- The classifier -------------------------------------------------------------------------------------------------


def _train_digit(settings: ReaderSettings, train: Part, validation: Part) -> tuple[DigitNet, dict[str, Any]]:
    made, mine = make_digits(train, settings.digits, settings.seed), make_digits(validation, 4_000, settings.seed + 1)
    images = torch.from_numpy(np.concatenate([made[0], train[0]]))[:, None]
    targets = torch.from_numpy(np.concatenate([made[1], train[1]]))
    torch.manual_seed(settings.seed)
    network = DigitNet(DIGIT_LAYERS, NONE + 1)
    batch_size = 256
    steps = len(images) // batch_size

    def batches() -> Iterator[torch.Tensor]:
        order = torch.randperm(len(images))
        for start in range(steps):
            rows = order[start * batch_size : (start + 1) * batch_size]
            moved = _MOVES(images[rows].float()).contiguous(memory_format=torch.channels_last)
            with mixed_precision(moved.device):
                logits = network.logits(moved)
            yield F.cross_entropy(logits.float(), targets[rows], label_smoothing=0.05)

    def figures() -> dict[str, float]:
        right = _logits(network, mine[0]).argmax(1) == mine[1]
        mnist = _logits(network, validation[0]).argmax(1) == validation[1]
        return {
            "made_accuracy": float(right.mean()),
            "made_digits_accuracy": float(right[mine[1] != NONE].mean()),
            "mnist_accuracy": float(mnist.mean()),
        }

    history = _fit(network, batches, figures, steps, settings.digit_epochs, lr=6e-3, weight_decay=0.02)
    # One temperature for all images: with it, the thresholds of reading were chosen.
    network.temperature.fill_(fit_temperature(_logits(network, mine[0]), mine[1]))
    return network, {"validation": history[-1], "temperature": float(network.temperature)}


@torch.inference_mode()
def _logits(network: DigitNet, images: np.ndarray) -> np.ndarray:
    network.eval()
    return np.concatenate([network.logits(part.float()).numpy() for part in torch.from_numpy(images)[:, None].split(1000)])


# --- The line reader ------------------------------------------------------------------------------------------------


def _train_line(settings: ReaderSettings, train: Part, validation: Part) -> tuple[LineNet, dict[str, Any]]:
    groups = make_strips(train, settings.lines, settings.seed)
    mine = make_strips(validation, 2_000, settings.seed + 1)
    torch.manual_seed(settings.seed)
    network = LineNet()
    batch_size = 96
    steps = [max(1, len(group.lengths) // batch_size) for group in groups]

    def batches() -> Iterator[torch.Tensor]:
        parts = [
            (group, rows)
            for group, count in zip(groups, steps, strict=True)
            for rows in torch.randperm(len(group.lengths)).tensor_split(count)
        ]
        for i in torch.randperm(len(parts)).tolist():
            group, rows = parts[i]
            yield line_loss(network, group.take(rows))

    def figures() -> dict[str, float]:
        return score_lines(network, mine)

    history = _fit(network, batches, figures, sum(steps), settings.line_epochs, lr=3e-3, weight_decay=0.01)
    return network, {"validation": history[-1]}


def line_loss(network: LineNet, strips: Strips) -> torch.Tensor:
    """Connectionist temporal classification for what is read, and the distance of the edges for where it stands."""
    images = strips.images[:, None].float().contiguous(memory_format=torch.channels_last)
    with mixed_precision(images.device):
        logits, edges = network(images)
    logits, edges = logits.float(), edges.float()
    count, places = logits.shape[:2]
    log_probabilities = logits.log_softmax(2).transpose(0, 1)
    whole = torch.full((count,), places)
    ctc = F.ctc_loss(log_probabilities, strips.labels, whole, strips.lengths, blank=NONE, reduction="none", zero_infinity=True)
    wanted, there = edge_targets(strips.boxes, strips.lengths, places)
    far = (edges - wanted).abs().mean(2) * there
    return _CTC_SHARE * ctc.mean() + far.sum() / there.sum().clamp(min=1)


def edge_targets(boxes: torch.Tensor, lengths: torch.Tensor, places: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the edges should be at each place, float32 (N, T, 4), and where a digit's middle is near, bool (N, T)."""
    x = (torch.arange(places) + 0.5) * 2
    middle, width = (boxes[..., 0] + boxes[..., 2]) / 2, boxes[..., 2] - boxes[..., 0]
    off = (x[None, :, None] - middle[:, None, :]).abs() / width[:, None, :].clamp(min=6)
    off = off.masked_fill(torch.arange(boxes.shape[1])[None, None] >= lengths[:, None, None], torch.inf)
    nearest, which = off.min(2)
    own = torch.gather(boxes, 1, which[..., None].expand(-1, -1, 4))
    edges = torch.stack([x - own[..., 0], own[..., 2] - x, own[..., 1], own[..., 3]], 2)
    return edges / features.STRIP_HEIGHT, nearest < _MIDDLE_SHARE


@torch.inference_mode()
def score_lines(network: LineNet, groups: list[Strips]) -> dict[str, float]:
    """Share of the lines that are read without a fault, and the mean distance of the edges in strip pixels."""
    network.eval()
    right, total, far, there = 0, 0, 0.0, 0
    for group in groups:
        for rows in torch.arange(len(group.lengths)).split(256):
            part = group.take(rows)
            logits, edges = network(part.images[:, None].float())
            wanted, near = edge_targets(part.boxes, part.lengths, logits.shape[1])
            far += float(((edges - wanted).abs().mean(2) * near).sum()) * features.STRIP_HEIGHT
            there += int(near.sum())
            for row, labels, length in zip(logits, part.labels, part.lengths, strict=True):
                right += best_path(row.numpy()) == labels[:length].tolist()
                total += 1
    return {"lines_right": right / total, "edges_off_px": far / max(there, 1)}


def best_path(scores: np.ndarray) -> list[int]:
    """The labels of the best path, float (T, 11): repeated ones are one, and those that are none are left out."""
    best = scores.argmax(1)
    return best[(best != NONE) & (np.diff(best, prepend=NONE) != 0)].tolist()


# --- Both -----------------------------------------------------------------------------------------------------------


def _fit(
    network: nn.Module,
    batches: Callable[[], Iterator[torch.Tensor]],
    figures: Callable[[], dict[str, float]],
    steps: int,
    epochs: int,
    lr: float,
    weight_decay: float,
) -> list[dict[str, float]]:
    """Train with AdamW on a one-cycle schedule; ``batches`` gives the losses of an epoch's steps."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stubs lack it
    optimizer = torch.optim.AdamW(network.parameters(), lr, betas=(0.9, 0.99), weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps * epochs, pct_start=0.2)
    history = []
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        network.train()
        for loss in tqdm(batches(), total=steps, desc=f"epoch {epoch + 1}/{epochs}", disable=None):
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        history.append({"loss": total / steps, **figures()})
        told = "  ".join(f"{name} {value:.4f}" for name, value in history[-1].items())
        logger.info("epoch %d/%d  %s  %.0f s", epoch + 1, epochs, told, time.perf_counter() - started)
    return history
