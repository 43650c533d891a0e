"""What the line recogniser is trained with: lines made on the fly, its loss, and what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from inkdigits.dataset import Dataset
from inkdigits.inference.ctc import BLANK, best_path
from inkdigits.modeling.devices import mixed_precision
from inkdigits.modeling.endless import Endless
from inkdigits.modeling.export import export_line_recogniser
from inkdigits.modeling.networks import LineNet
from inkdigits.preparation.strip import STRIP_HEIGHT, STRIP_PAPER
from inkdigits.synthesis.datasets import STRIPS, Strips, make_strips

#: An epoch is about so many lines.
_EPOCH = 48_000
#: Shares of the CTC loss, and of the loss that holds each symbol to its place.
_CTC_SHARE, _PLACE_SHARE = 0.25, 0.08
#: Share of the strips that each kind of move befalls.
_MOVED = 0.7
#: Box offsets are learnt at time steps no further from a middle than this share of the width.
_MIDDLE_SHARE = 0.35


class LineReading(Endless[Strips, LineNet]):
    """The line recogniser, which learns from strips; arguments as of ``Endless``. Lines that are seen again are moved about."""

    def __init__(self, data: Dataset, count: int, seed: int, device: str, seen: int = 1) -> None:
        super().__init__(make_strips, LineNet, data, count, STRIPS, _EPOCH, seed, device, seen)

    def losses(self) -> Iterator[torch.Tensor]:
        """The loss of each batch of an epoch's lines."""
        for strips in self.batches():
            batch = LineBatch(strips, self.device)
            if self.seen > 1:
                batch.move()
            yield line_loss(self.network, batch)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """What ``score_lines`` says of lines in others' strokes."""
        assert isinstance(network, LineNet)
        return score_lines(network, self.validation)

    def export(self, network: nn.Module, path: Path) -> None:
        """Write the trained network as ONNX."""
        assert isinstance(network, LineNet)
        export_line_recogniser(network, path)


class LineBatch:
    """A batch of lines as tensors.

    Attributes:
        images: float32 [N, 1, 40, W].
        labels: int64 [N, 16].
        lengths: int64 [N].
        boxes: float32 [N, 16, 4].
    """

    def __init__(self, strips: Strips, device: torch.device) -> None:
        images = torch.from_numpy(strips.images)[:, None].to(device)
        self.images = images.float().contiguous(memory_format=torch.channels_last)
        self.labels, self.lengths, self.boxes = (
            torch.from_numpy(column).to(device) for column in (strips.labels, strips.lengths, strips.boxes)
        )

    def move(self) -> None:
        """Shift, scale and shear each strip at random, make its ink fainter or stronger, blur it, and add noise.

        Torch's global random numbers are drawn on the CPU whatever the device.
        """
        count, _, height, width = self.images.shape
        device = self.images.device

        def drawn(low: float, high: float, share: float = 1.0) -> torch.Tensor:
            """A number for each strip, [N, 1, 1], in a range for a share of them, and 0 for the others."""
            numbers = torch.where(torch.rand(count) < share, low + (high - low) * torch.rand(count), torch.zeros(count))
            return numbers[:, None, None].to(device)

        scale_x, scale_y = 1 + drawn(-0.15, 0.02, _MOVED), 1 + drawn(-0.14, 0.12, _MOVED)
        shear, shift = drawn(-0.2, 0.2, _MOVED), drawn(-2, 2, _MOVED)
        x = (torch.arange(width, device=device) + 0.5 - width / 2)[None, None]
        y = (torch.arange(height, device=device) + 0.5 - height / 2)[None, :, None]
        from_y = (y - shift) / scale_y
        from_x = (x + shear * from_y) / scale_x
        grid = torch.stack([from_x * (2 / width), (from_y * (2 / height)).expand(count, height, width)], -1)
        depth = F.grid_sample(self.images - STRIP_PAPER, grid, align_corners=False) * (1 + drawn(-0.25, 0.12))[..., None]
        softened = drawn(0, 1, 0.35)[..., None]
        depth = torch.lerp(depth, F.avg_pool2d(depth, 3, 1, 1), softened)
        depth = depth + torch.randn(depth.shape).to(device) * drawn(0, 10, 0.35)[..., None]
        self.images = (depth + STRIP_PAPER).clamp(0, 255).contiguous(memory_format=torch.channels_last)
        middle = torch.tensor([width / 2, height / 2] * 2, device=device)
        left, top, right, bottom = (self.boxes - middle).unbind(2)
        scale_x, scale_y, shear, shift = (one[..., 0] for one in (scale_x, scale_y, shear, shift))
        lean, reach = shear * (top + bottom) / 2, shear.abs() * (bottom - top) / 4
        sides = [scale_x * left - lean - reach, scale_y * top + shift, scale_x * right - lean + reach, scale_y * bottom + shift]
        self.boxes = torch.stack(sides, 2) + middle
        self.boxes[..., 1::2].clamp_(0, height)


def line_loss(network: LineNet, batch: LineBatch) -> torch.Tensor:
    """Connectionist temporal classification for what is read, and the distance of the box offsets for where it stands.

    By itself, the first is content with a peak anywhere. The cross-entropy of each symbol's label, at the time step nearest to
    its middle, holds it in its place: small ones, such as ½, are learnt much better so (docs/reading.md).
    """
    with mixed_precision(batch.images.device):
        logits, box_offsets = network(batch.images)
    logits, box_offsets = logits.float(), box_offsets.float()
    count, steps = logits.shape[:2]
    log_probabilities = logits.log_softmax(2)
    whole = torch.full((count,), steps)
    by_step = log_probabilities.transpose(0, 1)
    ctc = F.ctc_loss(by_step, batch.labels, whole, batch.lengths, blank=BLANK, reduction="none", zero_infinity=True)
    wanted, near = offset_targets(batch.boxes, batch.lengths, steps)
    distance = (box_offsets - wanted).abs().mean(2) * near
    placed = place_loss(log_probabilities, batch)
    return _CTC_SHARE * ctc.mean() + _PLACE_SHARE * placed + distance.sum() / near.sum().clamp(min=1)


def place_loss(log_probabilities: torch.Tensor, batch: LineBatch) -> torch.Tensor:
    """Cross-entropy of the labels at the middles of their boxes, summed over a line, its mean over all lines.

    Args:
        log_probabilities: float32 [N, T, 24].
        batch: The lines.
    """
    middles = (batch.boxes[..., 0] + batch.boxes[..., 2]) / 2
    nearest = (middles / 2).long().clamp(0, log_probabilities.shape[1] - 1)  # a time step is two pixels wide
    there = torch.arange(batch.labels.shape[1], device=batch.labels.device) < batch.lengths[:, None]
    rows = torch.arange(len(nearest), device=nearest.device)[:, None]
    return -(log_probabilities[rows, nearest, batch.labels] * there).sum(1).mean()


def offset_targets(boxes: torch.Tensor, lengths: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the box offsets should be at each time step, and where they are learnt.

    Args:
        boxes: float32 [N, S, 4], left, top, right, bottom in strip pixels.
        lengths: int64 [N], how many there are.
        steps: Time steps of the strip.

    Returns:
        float32 [N, T, 4], and bool [N, T]: the middle of a digit or sign is near.
    """
    x = (torch.arange(steps, device=boxes.device) + 0.5) * 2
    middle, width = (boxes[..., 0] + boxes[..., 2]) / 2, boxes[..., 2] - boxes[..., 0]
    away = (x[None, :, None] - middle[:, None, :]).abs() / width[:, None, :].clamp(min=6)
    missing = torch.arange(boxes.shape[1], device=boxes.device)[None, None] >= lengths[:, None, None]
    nearest, which = away.masked_fill(missing, torch.inf).min(2)
    own = torch.gather(boxes, 1, which[..., None].expand(-1, -1, 4))
    offsets = torch.stack([x - own[..., 0], own[..., 2] - x, own[..., 1], own[..., 3]], 2)
    return offsets / STRIP_HEIGHT, nearest < _MIDDLE_SHARE


@torch.inference_mode()
def score_lines(network: LineNet, batches: Iterable[Strips]) -> dict[str, float]:
    """Share of lines whose digits are read without a fault, and whose signs are too; mean distance of boxes in strip pixels."""
    network.eval()
    device = next(network.parameters()).device
    digits, texts, total, distance, count = 0, 0, 0, 0.0, 0
    for strips in batches:
        batch = LineBatch(strips, device)
        logits, box_offsets = network(batch.images)
        wanted, near = offset_targets(batch.boxes, batch.lengths, logits.shape[1])
        distance += float(((box_offsets - wanted).abs().mean(2) * near).sum()) * STRIP_HEIGHT
        count += int(near.sum())
        for row, labels, length in zip(logits.cpu().numpy(), strips.labels, strips.lengths, strict=True):
            read, true = [peak.label for peak in best_path(row)], labels[:length].tolist()
            texts += read == true
            digits += [label for label in read if label < BLANK] == [label for label in true if label < BLANK]
            total += 1
    return {"digits_correct": digits / total, "texts_correct": texts / total, "offsets_off_px": distance / max(count, 1)}
