from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inkdigits.dataset import Dataset
from inkdigits.inference.classifier import load_model
from inkdigits.inference.tasks import task
from inkdigits.modeling.export import export_classifier
from inkdigits.modeling.networks import NORMAL_SPREAD, Conv, DigitNet, moment_normalised, parameter_count, separable
from inkdigits.modeling.objectives import network_of
from inkdigits.modeling.recipes import RECIPES


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_layer_knows_the_size_of_its_maps(kernel: int, stride: int, padded: bool, pool: bool) -> None:
    layer = Conv(4, kernel, stride, pool, padded=padded)
    for side in range(14, 29):
        maps = layer.module(2)(torch.zeros(2, 2, side, side))
        assert maps.shape == (2, 4, layer.side(side), layer.side(side))


def test_a_separable_convolution_is_a_whole_one_of_fewer_weights() -> None:
    depthwise, pointwise = separable(3, 5)
    alone, across = depthwise.module(3)[0], pointwise.module(3)[0]
    assert parameter_count(alone) + parameter_count(across) == 9 * 3 + 3 * 5
    maps = torch.randn(2, 3, 9, 9)
    whole = across.weight * alone.weight[:, 0][None]  # (5, 3, 1, 1) times (1, 3, 3, 3)
    torch.testing.assert_close(across(alone(maps)), F.conv2d(maps, whole, padding=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_predicts_alike_as_an_onnx_file(name: str, sample: Dataset, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = network_of(RECIPES[name], task("digits")).eval()
    network.temperature.fill_(0.6)
    network.temperature_power.fill_(0.1)
    for layer in network.modules():  # as a trained network has them
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    images = sample.split("test").images[:64].copy()
    with torch.inference_mode():
        wanted = torch.softmax(network(torch.from_numpy(images[:, None]).float()), 1).numpy()
    assert np.ptp(wanted, 0).max() > 0.001  # the probabilities do differ, by far more than the tolerance
    export_classifier(network, task("digits"), tmp_path / "model.onnx")
    np.testing.assert_allclose(load_model(tmp_path / "model.onnx").predict_proba(images), wanted, atol=1e-5)


def test_normalised_digits_have_one_place_slant_and_height(sample: Dataset) -> None:
    images = torch.from_numpy(sample.split("test").images[:200, None].copy()).float()
    deformation = torch.tensor([[1.1, 0.4, 0.2], [0.0, 1.2, -0.1]]).expand(len(images), 2, 3)
    deformed = F.grid_sample(images, F.affine_grid(deformation, list(images.shape), align_corners=False), align_corners=False)
    made_equal = (moment_normalised(deformed) - moment_normalised(images)).abs().mean()
    assert made_equal < 0.25 * (deformed - images).abs().mean()
    ink = moment_normalised(deformed)[:, 0]
    ink = ink / ink.sum((1, 2), keepdim=True)
    x = torch.arange(28.0) - 13.5
    for middle in (ink.sum(1) @ x, ink.sum(2) @ x):
        assert middle.abs().max() < 0.5
    slant = (ink * x * x[:, None]).sum((1, 2))  # in square pixels; about 16 before
    assert slant.abs().mean() < 0.5
    height = (ink.sum(2) @ x**2).sqrt()
    assert (height - NORMAL_SPREAD[1]).abs().max() < 0.3


def test_a_one_stays_narrower_than_other_digits(sample: Dataset) -> None:
    part = sample.split("test")
    ink = moment_normalised(torch.from_numpy(part.images[:, None].copy()).float())[:, 0]
    x = torch.arange(28.0) - 13.5
    width = ((ink.sum(1) @ x**2) / ink.sum((1, 2))).sqrt()
    one = torch.from_numpy(part.labels) == 1
    assert width[one].median() < 0.7 * width[~one].median()


def test_paper_stays_paper() -> None:
    assert not moment_normalised(torch.zeros(2, 1, 28, 28)).any()


def test_mixed_precision_does_not_round_where_digits_are_moved_to(sample: Dataset) -> None:
    images = torch.from_numpy(sample.split("test").images[:20, None].copy()).float()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = moment_normalised(images)
    torch.testing.assert_close(rounded, moment_normalised(images))


def test_a_network_of_two_views_is_the_mean_of_two_that_do_not_know_of_each_other(sample: Dataset) -> None:
    layers = (Conv(8, 5, stride=2, groups=2), Conv(12, stride=2, groups=2))
    network = DigitNet(layers, 10, views=("plain", "deskewed")).eval()
    images = torch.from_numpy(sample.split("test").images[:20, None].copy()).float()
    views = network.view_logits(images)
    torch.testing.assert_close(views.mean(0), network.logits(images))
    with torch.no_grad():
        for weight in (network.blocks[0][0].weight, network.blocks[1][0].weight):
            weight[len(weight) // 2 :] += 1  # the second group's
        network.head.weight[:, network.head.in_features // 2 :] += 1
    changed = network.view_logits(images)
    torch.testing.assert_close(changed[0], views[0])
    assert (changed[1] - views[1]).abs().amin() > 0.1
    alone = DigitNet(
        [replace(layer, channels=layer.channels // 2, groups=1) for layer in layers], 10, views=("deskewed",)
    ).eval()
    with torch.no_grad():
        for own, block in zip(alone.blocks, network.blocks, strict=True):
            own[0].weight.copy_(block[0].weight[len(block[0].weight) // 2 :])
        alone.head.weight.copy_(2 * network.head.weight[:, network.head.in_features // 2 :])
        alone.head.bias.copy_(network.head.bias)
    torch.testing.assert_close(changed[1], alone.logits(images))
