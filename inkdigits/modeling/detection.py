"""What the detector and the sheet finder are trained with: pictures made on the fly, the losses, and what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from inkdigits.dataset import Dataset
from inkdigits.inference.sheet_finder import quadrilateral
from inkdigits.modeling.devices import mixed_precision
from inkdigits.modeling.endless import Endless
from inkdigits.modeling.export import export_detector, export_sheet_finder
from inkdigits.modeling.networks import DetectorNet, SheetNet
from inkdigits.synthesis.datasets import IGNORED, TILES, Photos, Tiles, make_photos, make_tiles

#: An epoch is about so many tiles.
_EPOCH = 4_000
#: Share of the geometry and of the labels in the loss.
_GEOMETRY_SHARE, _LABEL_SHARE = 1.0, 0.15
#: Easy cells count less. Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
_FOCUS = 2.0
#: From this probability on a cell is taken for the middle of a digit, where it is measured.
_FOUND = 0.5


class Detection(Endless[Tiles, DetectorNet]):
    """The detector, which learns from parts of pages; arguments as of ``Endless``."""

    def __init__(self, data: Dataset, count: int, seed: int, device: str) -> None:
        super().__init__(make_tiles, DetectorNet, data, count, TILES, _EPOCH, seed, device)

    def losses(self) -> Iterator[torch.Tensor]:
        """The loss of each batch of an epoch's pages."""
        for tiles in self.batches():
            yield detector_loss(self.network, DetectorBatch(tiles, self.device))

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss, and of the cells with a digit's middle and those said to have one: how many are the same."""
        network.eval()
        losses, both, found, true = [], 0.0, 0.0, 0.0
        for tiles in self.validation:
            batch = DetectorBatch(tiles, self.device)
            maps = network(batch.pictures)
            losses.append(float(_loss(maps, batch)))
            said = maps[0][:, 0].sigmoid() > _FOUND
            counted, wanted = batch.found[:, 0] != IGNORED, batch.found[:, 0] == 1
            both += float((said & wanted).sum())
            found += float((said & counted).sum())
            true += float(wanted.sum())
        return {
            "validation_loss": float(np.mean(losses)),
            "cells_recall": both / max(true, 1),
            "cells_precision": both / max(found, 1),
        }

    def export(self, network: nn.Module, path: Path) -> None:
        """Write the trained network as ONNX."""
        assert isinstance(network, DetectorNet)
        export_detector(network, path)


class DetectorBatch:
    """Some tiles as tensors: ``Tiles``, whose pictures are float32 [N, 1, H, W]."""

    def __init__(self, tiles: Tiles, device: torch.device) -> None:
        self.pictures = _pictures(tiles.pictures, device)
        self.found = torch.from_numpy(tiles.found).to(device)
        self.geometry = torch.from_numpy(tiles.geometry).to(device).float()
        self.labels = torch.from_numpy(tiles.labels).to(device).long()


def detector_loss(network: nn.Module, batch: DetectorBatch) -> torch.Tensor:
    """Focal loss for where something stands, its distance relative to its height for how it lies, and what digit it is."""
    with mixed_precision(batch.pictures.device):
        maps = network(batch.pictures)
    return _loss(maps, batch)


def _loss(maps: Sequence[torch.Tensor], batch: DetectorBatch) -> torch.Tensor:
    logits, geometry, labels = (part.float() for part in maps)
    wanted, counted = (batch.found == 1).float(), (batch.found != IGNORED).float()
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = (logits.sigmoid() - wanted).abs()
    number = wanted.sum().clamp(min=1)
    found = (missed**_FOCUS * entropy * counted).sum() / number
    middles = wanted.amax(1)
    half_height = batch.geometry[:, 2:4].norm(dim=1).clamp(min=0.1)
    distance = ((geometry - batch.geometry).abs().sum(1) / half_height * middles).sum() / number
    label = F.cross_entropy(labels, batch.labels, ignore_index=IGNORED, reduction="sum") / number
    return found + _GEOMETRY_SHARE * distance + _LABEL_SHARE * label


# --- The sheet finder -----------------------------------------------------------------------------------------------

#: A sheet is found if its corners are this near to the true ones, as a share of the picture's sides.
_NEAR = 0.02


class SheetFinding(Endless[Photos, SheetNet]):
    """The sheet finder, which learns from photos; arguments as of ``Endless``."""

    def __init__(self, data: Dataset, count: int, seed: int, device: str) -> None:
        super().__init__(make_photos, SheetNet, data, count, TILES, _EPOCH, seed, device)

    def losses(self) -> Iterator[torch.Tensor]:
        """The loss of each batch of an epoch's photos."""
        for photos in self.batches():
            with mixed_precision(self.device):
                logits = self.network(_pictures(photos.pictures, self.device)).float()
            wanted = torch.from_numpy(photos.masks).to(self.device).float() / 255
            yield F.binary_cross_entropy_with_logits(logits, wanted) + _overlap_loss(logits.sigmoid(), wanted)

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """How many sheets and frames are found within 2 % of their corners, and how many that aren't there."""
        network.eval()
        figures: dict[str, float] = {}
        batches = [
            (batch, network(_pictures(batch.pictures, self.device)).sigmoid().cpu().numpy()) for batch in self.validation
        ]
        for kind, name in enumerate(("sheets", "frames")):
            found, there, invented, absent = 0, 0, 0, 0
            for batch, masks in batches:
                for mask, corners in zip(masks[:, kind], batch.corners[:, kind], strict=True):
                    said, true = quadrilateral(mask), not np.isnan(corners).any()
                    there, absent = there + true, absent + (not true)
                    found += true and said is not None and _distance(np.array(said), corners) <= _NEAR
                    invented += not true and said is not None
            figures |= {f"{name}_found": found / max(there, 1), f"{name}_invented": invented / max(absent, 1)}
        return figures

    def export(self, network: nn.Module, path: Path) -> None:
        """Write the trained network as ONNX."""
        assert isinstance(network, SheetNet)
        export_sheet_finder(network, path)


def _pictures(pictures: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 (N, H, W) as float32 [N, 1, H, W]."""
    return torch.from_numpy(pictures)[:, None].to(device).float().contiguous(memory_format=torch.channels_last)


def _overlap_loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """One less the overlap. Source: F. Milletari et al., "V-Net", 3DV 2016."""
    both = (found * wanted).sum((2, 3))
    return (1 - (2 * both + 1) / (found.sum((2, 3)) + wanted.sum((2, 3)) + 1)).mean()


def _distance(found: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """The largest distance between corners in either direction, whichever of them comes first."""
    return float(min(np.abs(np.roll(found, turn, 0) - true).max() for turn in range(4)))
