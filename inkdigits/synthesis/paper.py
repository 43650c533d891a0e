"""Paper: its shade, grain, rulings and security print, and what a camera or scanner makes of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def smooth_noise(shape: tuple[int, int], knots: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Slow random changes over a picture, float32 (H, W), of standard deviation about 1."""
    coarse = rng.normal(0, 1, (max(2, min(knots, shape[0])), max(2, min(knots, shape[1])))).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def blank(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Paper under some light, float32 (H, W), around 1."""
    paper = np.full(shape, rng.uniform(0.75, 1.0), np.float32)
    if rng.random() < 0.6:  # light from one side, and shadows
        paper *= 1 + rng.uniform(0, 0.15) * smooth_noise(shape, 2, rng)
    if rng.random() < 0.3:  # grain
        paper *= 1 + rng.uniform(0, 0.05) * smooth_noise(shape, int(rng.integers(8, 40)), rng)
    if rng.random() < 0.08:  # the edge of a shadow
        across = np.arange(shape[1], dtype=np.float32) - rng.uniform(0, shape[1])
        down = (np.arange(shape[0], dtype=np.float32) - shape[0] / 2)[:, None] * rng.normal(0, 1)
        paper *= 1 - rng.uniform(0.1, 0.4) * (0.5 + 0.5 * np.tanh((across + down) / rng.uniform(0.5, 8)))
    return paper


def edges(paper: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Make strips along some sides of the paper, float32 (H, W), lighter or darker: the next cell, the table's edge."""
    height, width = paper.shape
    level = float(rng.choice([rng.uniform(0.2, 0.9), rng.uniform(1.1, 2.5)]))
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        reach = max(1, int(abs(rng.normal(0, 0.06)) * height))
        window = (np.s_[:reach], np.s_[height - reach :], np.s_[:, :reach], np.s_[:, width - reach :])[side]
        paper[window] *= level


def security_print(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Fine lines as cheques have them, float32 (H, W) in 0 to 1: families of straight, waved or crossed lines."""
    height, width = shape
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    pattern = np.zeros(shape, np.float32)
    for _ in range(int(rng.choice([1, 1, 2]))):
        angle = rng.choice([rng.normal(0, 0.25), rng.uniform(-1.5, 1.5)])
        period = height * rng.uniform(0.045, 0.16)
        along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        wave = rng.uniform(0, 0.8) * period * np.sin(along * (2 * np.pi / (height * rng.uniform(0.4, 2))) + rng.uniform(0, 6))
        bend = period * rng.uniform(0, 1.2) * smooth_noise(shape, 2, rng)
        lines = np.cos((across + wave + bend) * (2 * np.pi / period)).astype(np.float32)
        sharpness = rng.uniform(0, 0.8)
        np.maximum(pattern, np.clip((lines - sharpness) / (1 - sharpness), 0, 1), out=pattern)
    return pattern


def rulings(layer: NDArray[np.float32], rng: np.random.Generator, pitch_px: float) -> None:
    """Draw the lines of a form, of ruled or squared paper into a layer of ink, float32 (H, W), in place.

    Args:
        pitch_px: Usual distance of the lines.
    """
    height, width = layer.shape
    kind = rng.choice(["under", "cell", "ruled", "squared", "upright"], p=[0.25, 0.4, 0.1, 0.1, 0.15])
    slope = rng.normal(0, 0.012)
    strength = rng.uniform(0.1, 1.0)
    thickness = float(np.exp(rng.uniform(np.log(0.5), np.log(max(0.6, min(height / 16, pitch_px / 6))))))

    def level(at: float) -> None:
        line(layer, (-1, at - slope * width / 2), (width + 1, at + slope * width / 2), thickness, strength)

    def upright(at: float) -> None:
        line(layer, (at + slope * height / 2, -1), (at - slope * height / 2, height + 1), thickness, strength)

    if kind == "under":
        level(height * rng.uniform(0.75, 1.0))
    elif kind == "cell":
        for side in rng.permutation(4)[: int(rng.integers(1, 5))]:
            inset = height * abs(rng.normal(0, 0.07))
            (level if side < 2 else upright)((inset, height - inset, inset, width - inset)[side])
    elif kind == "upright":
        for _ in range(int(rng.integers(1, 3))):
            upright(rng.choice([rng.uniform(0, 0.06), rng.uniform(0.94, 1.0)]) * width)
    else:
        for at in np.arange(rng.uniform(0, pitch_px), height, pitch_px):
            level(at)
        if kind == "squared":
            for at in np.arange(rng.uniform(0, pitch_px), width, pitch_px):
                upright(at)


def line(
    layer: NDArray[np.float32], start: tuple[float, float], end: tuple[float, float], thickness: float, strength: float
) -> None:
    """Draw a line of any width, also below a pixel, into a layer of ink, float32 (H, W), in place."""
    canvas = np.zeros(layer.shape, np.uint8)
    points = [np.rint(np.array(point) * 16).astype(int).tolist() for point in (start, end)]
    cv2.line(canvas, points[0], points[1], 255, max(1, round(thickness)), cv2.LINE_AA, shift=4)
    np.maximum(layer, canvas * np.float32(strength * min(1.0, thickness) / 255), out=layer)


def texture(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A desk, a cloth, a wall, wood, or anything: float32 (H, W) in about 0 to 1."""
    level = float(rng.choice([rng.uniform(0.02, 0.4), rng.uniform(0.3, 1.0)]))
    ground = np.full(shape, level, np.float32)
    for knots in (3, int(rng.integers(4, 20)), int(rng.integers(20, 90))):
        if rng.random() < 0.6:
            ground += rng.uniform(0, 0.18) * smooth_noise(shape, knots, rng)
    if rng.random() < 0.35:  # wood, stripes
        x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
        angle, period = rng.uniform(0, np.pi), rng.uniform(5, 60)
        along = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(0, 15) * smooth_noise(shape, 4, rng)
        ground += rng.uniform(0.03, 0.2) * np.sin(along * (2 * np.pi / period)).astype(np.float32)
    if rng.random() < 0.25:  # shapes: keys, cables, a pattern
        for _ in range(int(rng.integers(1, 25))):
            column, row = (int(v) for v in rng.integers(0, shape[0], 2))
            wide, high = (int(v) for v in np.exp(rng.uniform(0.7, 4.5, 2)))
            shade = float(rng.uniform(0, 1))
            if rng.random() < 0.5:
                # Filled: the outline of one might be a zero.
                cv2.ellipse(ground, (column, row), (wide, high), float(rng.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)
            else:
                cv2.rectangle(ground, (column, row), (column + wide, row + high), shade, int(rng.choice([-1, 1, 2, 4])))
    return ground


def ruled(layer: NDArray[np.float32], tall: float, rng: np.random.Generator) -> None:
    """Ruled, squared or dotted paper, of any pitch."""
    size = layer.shape[0]
    pitch = tall * float(rng.uniform(0.4, 2.5))
    thickness, strength = float(rng.uniform(0.5, max(0.8, tall / 14))), float(rng.uniform(0.3, 1.0))
    kind = rng.choice(["ruled", "squared", "dotted"], p=[0.4, 0.5, 0.1])
    start = rng.uniform(0, pitch, 2)
    if kind == "dotted":
        for x in np.arange(start[0], size, pitch):
            for y in np.arange(start[1], size, pitch):
                cv2.circle(layer, (int(x), int(y)), max(1, round(thickness)), strength, -1, cv2.LINE_AA)
        return
    canvas = np.zeros(layer.shape, np.uint8)
    for y in np.arange(start[1], size, pitch):
        cv2.line(canvas, (0, round(16 * y)), (16 * size, round(16 * y)), 255, max(1, round(thickness)), cv2.LINE_AA, 4)
    if kind == "squared":
        for x in np.arange(start[0], size, pitch):
            cv2.line(canvas, (round(16 * x), 0), (round(16 * x), 16 * size), 255, max(1, round(thickness)), cv2.LINE_AA, 4)
    layer += canvas * np.float32(strength * min(1.0, thickness) / 255)


def lit(levels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same, float32 (H, W) in 0 to 1, under a lamp, in the shadow of a hand or a phone, with a glare."""
    shape = levels.shape
    light = np.ones(shape, np.float32)
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    if rng.random() < 0.5:  # from one side
        angle = rng.uniform(0, 2 * np.pi)
        light *= 1 - rng.uniform(0.1, 0.6) * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle)))
    if rng.random() < 0.2:  # vignette
        light *= 1 - rng.uniform(0.1, 0.5) * np.minimum(x * x + y * y, 1.5)
    if rng.random() < 0.2:  # a shadow with an edge, hard or soft
        angle, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
        across, along = x * np.cos(angle) + y * np.sin(angle), x * np.sin(angle) - y * np.cos(angle)
        away = across + bend * along**2 + rng.uniform(-0.6, 0.6)
        light *= 1 - rng.uniform(0.2, 0.7) / (1 + np.exp(-away / rng.uniform(0.004, 0.3)))
    levels = levels * light
    if rng.random() < 0.12:  # glare
        cx, cy, spread = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.2, 0.9)
        glare = rng.uniform(0.2, 0.85) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / spread**2)
        levels = levels + (1 - levels) * glare.astype(np.float32)
    return levels * np.float32(rng.uniform(0.55, 1.0))


def photographed(
    levels: NDArray[np.float32], rng: np.random.Generator, scale_px: float, harm: float = 1.0
) -> NDArray[np.uint8]:
    """What a scanner or camera makes of a picture: blur, a low resolution, noise, contrast and JPEG.

    Args:
        levels: float32 (H, W) in 0 to 1.
        scale_px: Height of a digit in pixels: blur goes by it, and by it alone.
        harm: How much of everything; 1 is what is found in practice.

    Returns:
        uint8 (H, W).
    """
    height, width = levels.shape
    if rng.random() < 0.6:
        sigma = 0.05 + harm * scale_px / 28 * abs(rng.normal(0, 0.55))
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), sigma), np.float32)
    if rng.random() < 0.4:
        share = rng.uniform(0.45, 0.95)
        small = cv2.resize(levels, (max(8, round(width * share)), max(8, round(height * share))), interpolation=cv2.INTER_AREA)
        method = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_LINEAR
        levels = np.asarray(cv2.resize(small, (width, height), interpolation=method), np.float32)
    if rng.random() < 0.6:
        noise = rng.standard_normal(levels.shape, np.float32)
        if rng.random() < 0.4:
            noise = 1.8 * cv2.GaussianBlur(noise, (0, 0), 0.8)
        levels = levels + harm * abs(rng.normal(0, 0.025)) * noise
    picture = np.clip(255 * levels, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.uniform(25, 95))
        file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)
    return picture
