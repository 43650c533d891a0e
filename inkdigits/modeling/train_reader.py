"""Training of the reader's networks on synthetic pictures → a run with ``digit``, ``line``, ``page`` and ``sheet.onnx``.

MNIST's strokes and fonts are all that they learn from: ``inkdigits.synthesis`` draws them with any pen on any paper. The
classifier tells one digit from another and from what is none; the line recogniser reads strips without cutting them; the
detector finds digits on pages; the sheet finder finds the corners of a sheet in a photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import ModelError, UsageError
from inkdigits.features import make_features
from inkdigits.files import sha256_file
from inkdigits.inference.tasks import NON_DIGIT, READER, task
from inkdigits.modeling.augment import Augmentation
from inkdigits.modeling.calibrate import fit_temperature
from inkdigits.modeling.detection import Detection, SheetFinding
from inkdigits.modeling.devices import device_of, mixed_precision, precision
from inkdigits.modeling.export import export_classifier
from inkdigits.modeling.lines import LineReading
from inkdigits.modeling.loop import (
    Schedule,
    TrainingLoop,
    check_one_of,
    identity_digest,
    load_weights,
    read_checkpoint,
    save_weights,
)
from inkdigits.modeling.networks import Conv, DigitNet, initialised, parameter_count
from inkdigits.modeling.provenance import provenance
from inkdigits.modeling.settings import Device
from inkdigits.runs import Run
from inkdigits.settings import settings
from inkdigits.synthesis import fonts
from inkdigits.synthesis.datasets import JOB, STRIPS, TILES, make_digits

Network = Literal["digit", "line", "page", "sheet"]
#: The networks, and the settings that each depends on.
NETWORKS: dict[Network, tuple[str, ...]] = {
    "digit": ("digits", "digit_epochs", "seed"),
    "line": ("lines", "lines_seen", "seed"),
    "page": ("pages", "seed"),
    "sheet": ("sheets", "seed"),
}

#: The classifier's network, and how its inputs are moved in training.
DIGIT_LAYERS = (Conv(32, 5, stride=2), Conv(64, pool=True), Conv(80), Conv(112, pool=True))
_MOVES = Augmentation(shift_px=1.5, rotate_deg=8, zoom=0.1, shear=0.1, elastic_px=0.3)
_DIGIT_BATCH, _EVALUATION_BATCH = 256, 1_000
#: Synthetic pictures of the validation images' strokes, at most.
_VALIDATION_DIGITS = 4_000

Pictures = Annotated[int, Field(ge=JOB, multiple_of=JOB)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]


@settings
class ReaderSettings:
    """How to train the reader.

    Attributes:
        digits: Synthetic pictures of one digit to train on; a multiple of 500.
        digit_epochs: How often each picture of a digit is seen.
        lines: Synthetic lines to train on, each made when it is needed.
        lines_seen: How often each line is seen; if more than once, it is moved about each time. Pays on a GPU.
        pages: Parts of synthetic pages, of 320×320 pixels, to train on; each is seen once, and made when it is needed.
        sheets: Synthetic photos of sheets to train on; as the pages.
        data: The source of the strokes.
        seed: The same seed makes the same pictures and starts from the same weights.
        run: Name of the folder below ``models/``.
        only: ``digit``, ``line``, ``page`` or ``sheet``, to train one of the networks and keep the run's other ones.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        start: A reader's run whose weights to start from, in place of random ones.

    Raises:
        UsageError: A value lies outside its range.
    """

    digits: Pictures = 300_000
    digit_epochs: Epochs = 8
    lines: Annotated[int, Field(ge=STRIPS, multiple_of=STRIPS)] = 816_000
    lines_seen: Epochs = 1
    pages: Annotated[int, Field(ge=TILES, multiple_of=TILES)] = 96_000
    sheets: Annotated[int, Field(ge=TILES, multiple_of=TILES)] = 32_000
    data: str = "mnist"
    seed: Annotated[int, Field(ge=0, lt=2**31 - 1)] = 0
    run: str = "reader"
    only: Network | None = None
    device: Device = "auto"
    start: str | None = None


def train_reader(
    settings: ReaderSettings, project: Project | None = None, resume: bool = False, overwrite: bool = False
) -> Run:
    """Make pictures and train the networks on them.

    Args:
        settings: How.
        project: Where; by default the current one.
        resume: Go on where a training was stopped: a network that is finished is left as it is, the next one goes on after its
            last whole epoch. The pictures are made again from the seed.
        overwrite: Begin anew, in the place of what the run holds.

    Returns:
        the run with ``digit.onnx``, ``line.onnx``, ``page.onnx``, ``sheet.onnx``, their weights, histories and ``meta.json``.

    Raises:
        DataError: The data cannot be had.
        MissingExtraError: The extra ``fonts`` is not installed.
        ModelError: The run to start from is missing, or a checkpoint is damaged.
        UsageError: The run holds such networks already, was trained with other settings, is being trained, is a classifier's,
            or is to start from itself.
    """
    check_one_of(resume, overwrite)
    project = project or Project.current()
    run = Run.named(settings.run, project)
    run.check_free_for(*NETWORKS)
    with run.claimed():
        data = make_features(settings.data, project)
        start = None if settings.start is None else run.start(settings.start, project)
        meta = run.meta() if settings.only or resume else {}
        splits = {name: split.fingerprint() for name, split in data.splits.items() if name != "test"}
        meta["data"] = {"source": settings.data, "transpose": False, "splits": splits}
        chosen = [name for name in NETWORKS if settings.only in (None, name)]
        fonts.every_face()  # or the error that they are missing
        identities = {name: _identity(settings, name, splits, start) for name in chosen}  # all faults before any work
        if resume:
            _check_resumable(run, meta, identities)
        elif not overwrite:
            run.check_unused(*chosen)
        else:
            for name in chosen:
                run.checkpoint(name).unlink(missing_ok=True)  # of an earlier training
        for name, identity in identities.items():
            if resume and _is_finished(run, name, meta, identity):
                continue
            loop, meta[name] = _train(settings, name, data, run, identity, start, resume)
            run.write_meta(meta)
            loop.finish()
        return run


def _identity(settings: ReaderSettings, name: Network, splits: dict[str, Any], start: Run | None) -> dict[str, Any]:
    """What a checkpoint or a finished network must have been made with, to be of this training."""
    device = device_of(settings.device)
    if start is not None and not start.weights(name).is_file():
        raise ModelError(f"{start.weights(name)} does not exist: give the name of a reader's run in models/")
    return {
        "settings": {key: getattr(settings, key) for key in NETWORKS[name]},
        "processor": [device.type, precision(device)],
        "data": splits,
        "start": None if start is None else sha256_file(start.weights(name)),
    }


def _check_resumable(run: Run, meta: dict[str, Any], identities: dict[Network, dict[str, Any]]) -> None:
    """Check, before any work, that what the run holds is of this training; what is known of an earlier one is dropped.

    Raises:
        UsageError: It is of a training with other settings, and would be lost.
        ModelError: A checkpoint is damaged.
    """
    stopped = [name for name, identity in identities.items() if read_checkpoint(run.checkpoint(name), identity) is not None]
    for name, identity in identities.items():
        known = meta.get(name, {}).get("settings")
        if name in stopped or known is None or identity["settings"].items() <= known.items():
            continue
        if not stopped:
            raise UsageError(
                f"{run.model(name)} is finished, with other settings: give the same, or another --run, or --overwrite"
            )
        del meta[name]  # the stopped training was to replace it


def _is_finished(run: Run, name: Network, meta: dict[str, Any], identity: dict[str, Any]) -> bool:
    known, path = meta.get(name, {}), run.model(name)
    same = known.get("identity") == identity_digest(identity) and not run.checkpoint(name).exists()
    return same and path.is_file() and known.get("sha256") == sha256_file(path)


def _train(
    settings: ReaderSettings,
    name: Network,
    data: Dataset,
    run: Run,
    identity: dict[str, Any],
    start: Run | None,
    resume: bool,
) -> tuple[TrainingLoop, dict[str, Any]]:
    """Train one of the networks, and give back its loop, to be finished, and what is known of it."""
    objective = _objective(settings, name, data)
    if start is not None:
        load_weights(objective.network, start.weights(name))
    loop = TrainingLoop(objective, objective.schedule, run, network_name=name, seed=settings.seed, identity=identity)
    if resume:
        loop.restore()
    loop.train()
    network = loop.network.eval()
    figures = objective.finish()
    save_weights(network, run.weights(name))
    objective.export(network, run.model(name))
    return loop, {
        "settings": asdict(settings),
        "identity": identity_digest(identity),
        "parameters": parameter_count(network),
        "validation": {key: value for key, value in loop.history[-1].items() if key not in ("train_losses", "seconds")},
        **figures,
        "sha256": sha256_file(run.model(name)),
        **provenance(),
    }


def _objective(settings: ReaderSettings, name: Network, data: Dataset) -> DigitReading | LineReading | Detection | SheetFinding:
    if name == "digit":
        return DigitReading(settings, data)
    if name == "line":
        return LineReading(data, settings.lines, settings.seed, settings.device, settings.lines_seen)
    if name == "page":
        return Detection(data, settings.pages, settings.seed, settings.device)
    return SheetFinding(data, settings.sheets, settings.seed, settings.device)


# --- The classifier -------------------------------------------------------------------------------------------------


class DigitReading:
    """The reader's classifier: synthetic digits, what is none, and MNIST's training images."""

    def __init__(self, settings: ReaderSettings, data: Dataset) -> None:
        self.device = device_of(settings.device)
        train, validation = data.split("train"), data.split("validation")
        self.mnist = validation.labelled()
        images, labels = make_digits(train, settings.digits, settings.seed)
        self.synthetic = make_digits(validation, min(_VALIDATION_DIGITS, settings.digits), settings.seed + 1)
        own_images, own_labels = train.labelled()
        self.images = torch.from_numpy(np.concatenate([images, own_images]))[:, None]
        self.targets = torch.from_numpy(np.concatenate([labels, own_labels]))
        self.steps = len(self.images) // _DIGIT_BATCH
        self.network = initialised(lambda: DigitNet(DIGIT_LAYERS, NON_DIGIT + 1), settings.seed, self.device)
        self.schedule = Schedule(settings.digit_epochs, 6e-3, 0.02, warm_up=0.2, clip_norm=5.0)

    def losses(self) -> Iterator[torch.Tensor]:
        """Cross-entropy, batch by batch."""
        order = torch.randperm(len(self.images))
        for step in range(self.steps):
            rows = order[step * _DIGIT_BATCH : (step + 1) * _DIGIT_BATCH]
            moved = _MOVES(self.images[rows].to(self.device).float()).contiguous(memory_format=torch.channels_last)
            with mixed_precision(self.device):
                logits = self.network.logits(moved)
            yield F.cross_entropy(logits.float(), self.targets[rows].to(self.device), label_smoothing=0.05)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Accuracy on synthetic pictures, on the digits among them, and on MNIST's validation images."""
        assert isinstance(network, DigitNet)
        images, labels = self.synthetic
        correct = self._logits(network, images).argmax(1) == labels
        return {
            "synthetic_accuracy": float(correct.mean()),
            "synthetic_digits_accuracy": float(correct[labels != NON_DIGIT].mean()),
            "mnist_accuracy": float((self._logits(network, self.mnist[0]).argmax(1) == self.mnist[1]).mean()),
        }

    def finish(self) -> dict[str, Any]:
        """Fit the temperature: one for all images, with which the thresholds of reading were chosen."""
        self.network.temperature.fill_(fit_temperature(self._logits(self.network, self.synthetic[0]), self.synthetic[1]))
        return {"temperature": float(self.network.temperature)}

    def export(self, network: nn.Module, path: Path) -> None:
        """Write the trained network as ONNX."""
        assert isinstance(network, DigitNet)
        export_classifier(network, task(READER), path, half=True)

    @torch.inference_mode()
    def _logits(self, network: DigitNet, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        network.eval()
        batches = torch.from_numpy(images)[:, None].split(_EVALUATION_BATCH)
        return np.concatenate([network.logits(batch.to(self.device).float()).cpu().numpy() for batch in batches])
