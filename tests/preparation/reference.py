"""A port of the preparation, written after docs/preparation.md alone: plain Python and arrays, no Pillow, no cc3d.

It is slow, and is there to prove that the specification is complete; start from it to port the preparation elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Picture = np.ndarray

# --- Primitives -------------------------------------------------------------------------------------------------------


def box(x: float) -> float:
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def bilinear(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def bicubic(x: float) -> float:
    a, x = -0.5, abs(x)
    if x < 1:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


SUPPORT = {box: 0.5, bilinear: 1.0, bicubic: 2.0}


def resized(picture: Picture, width: int, height: int, kernel: Callable[[float], float]) -> Picture:
    if picture.shape[1] != width:
        picture = _resampled(picture, width, kernel)
    return _resampled(picture.T, height, kernel).T if picture.shape[0] != height else picture


def _resampled(picture: Picture, size: int, kernel: Callable[[float], float]) -> Picture:
    """Along the second axis."""
    count = picture.shape[1]
    scale = count / size
    stretch = max(scale, 1.0)
    support = SUPPORT[kernel] * stretch
    out = np.zeros((picture.shape[0], size), np.uint8)
    for i in range(size):
        centre = (i + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), count)
        weights = [kernel((x + first - centre + 0.5) * (1.0 / stretch)) for x in range(last - first)]
        total = sum(weights)
        whole = [int(w / total * 2**22 + (0.5 if w / total >= 0 else -0.5)) for w in weights]
        sums = 2**21 + picture[:, first:last].astype(np.int64) @ np.array(whole)
        out[:, i] = np.clip(sums >> 22, 0, 255)
    return out


def reduced_by(picture: Picture, factor: int) -> Picture:
    height, width = (-(-side // factor) for side in picture.shape)
    out = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            block = picture[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            out[y, x] = (int(block.sum()) + block.size // 2) * (2**24 // block.size) >> 24
    return out


def ranked(picture: Picture, window: int, choose: Callable[..., Picture]) -> Picture:
    padded = np.pad(picture, window // 2, mode="edge")
    return choose(np.lib.stride_tricks.sliding_window_view(padded, (window, window)), axis=(2, 3))


#: Window → whole radius, weight of the pixels within it, weight of the two beyond; docs/preparation.md has the same table.
BLUR = {
    3: (0, 13631487, 1572864),
    5: (0, 8039082, 4369067),
    7: (1, 4998212, 891290),
    9: (1, 3879731, 2569011),
    11: (2, 3105782, 624153),
    13: (2, 2626433, 1822525),
    15: (3, 2259431, 480599),
    17: (3, 1993126, 1412667),
    19: (4, 1777283, 390834),
    21: (4, 1607816, 1153436),
    23: (5, 1465317, 329364),
}


def blurred(picture: Picture, window: int) -> Picture:
    radius, inner, outer = BLUR[window]
    for _ in range(2):  # along the rows, then along the columns
        for _ in range(3):
            wide = np.pad(picture.astype(np.int64), ((0, 0), (radius + 1, radius + 1)), mode="edge")
            count = picture.shape[1]
            middle = sum(wide[:, d : d + count] for d in range(1, 2 * radius + 2))
            ends = wide[:, :count] + wide[:, 2 * radius + 2 :]
            picture = ((middle * inner + ends * outer + 2**23) >> 24).astype(np.uint8)
        picture = picture.T
    return picture


def median2(values: list[int]) -> int:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]


def percentile100(values: list[int], percent: int) -> int:
    ordered = sorted(values)
    place, share = divmod(percent * (len(ordered) - 1), 100)
    return ordered[place] * (100 - share) + ordered[min(place + 1, len(ordered) - 1)] * share


def border_of(picture: Picture) -> list[int]:
    return [*picture[0].tolist(), *picture[-1].tolist(), *picture[1:-1, 0].tolist(), *picture[1:-1, -1].tolist()]


def components_of(mask: Picture) -> list[list[tuple[int, int]]]:
    """Pixels that hang together, corners included."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    found = []
    while left:
        stack, component = [left.pop()], []
        while stack:
            y, x = stack.pop()
            component.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            stack += near
        found.append(component)
    return found


def tight(picture: Picture) -> Picture:
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


# --- Ink --------------------------------------------------------------------------------------------------------------


def ink(picture: Picture) -> Picture:
    levels = picture.astype(int)
    middle = median2([*levels.ravel().tolist(), *border_of(levels) * 4])
    if int((middle - 2 * levels).sum()) > 0:
        levels, middle = 255 - levels, 510 - middle
    if 100 * int((abs(2 * levels - middle) <= 6).sum()) >= 30 * levels.size:
        depth2 = np.maximum(2 * levels - middle, 0)
    else:
        depth2 = 2 * np.maximum(levels - paper_of(levels.astype(np.uint8)).astype(int), 0)
    depths = depth2.ravel().tolist()
    threshold = otsu([v // 2 for v in depths])
    strokes = [v for v in depths if v > 2 * threshold]
    full = percentile100(strokes, 60) if strokes else 0
    least = 6
    if picture.shape[1] > 1:
        steps = abs(np.diff(picture.astype(int), axis=1))
        least = min(max(4 * median2(steps.ravel().tolist()), 6), 16)
    if full < 200 * least:
        return np.zeros(picture.shape, np.uint8)
    return np.clip(34_000 * depth2 // full - 85, 0, 255).astype(np.uint8)


def otsu(values: list[int]) -> int:
    counts = [0] * 256
    for value in values:
        counts[value] += 1
    total, mass = float(sum(counts)), float(sum(i * c for i, c in enumerate(counts)))
    below = below_mass = 0.0
    best, level = 0.0, 0
    for i, count in enumerate(counts):
        below, below_mass = below + count, below_mass + i * count
        if below and total - below:
            difference = mass * below / total - below_mass
            between = difference * difference / (below * (total - below))
            if between > best:
                best, level = between, i
    return level


def paper_of(picture: Picture) -> Picture:
    height, width = picture.shape
    longest, small = max(picture.shape), picture
    if longest > 64:
        sides = [max(1, (128 * side + longest) // (2 * longest)) for side in (width, height)]
        small = resized(picture, *sides, box)
    window = max(3, 35 * max(small.shape) // 100 | 1)
    opened = ranked(ranked(small, window, np.min), window, np.max)
    return resized(blurred(opened, window), width, height, bilinear)


# --- Components ---------------------------------------------------------------------------------------------------------


def without(inked: Picture, frames: bool) -> Picture:
    components = components_of(inked > 0)
    weights = [sum(int(inked[p]) for p in component) for component in components]
    out = np.zeros_like(inked)
    drop = frame_numbers(components, weights, inked) if frames else set()
    for number, (component, weight) in enumerate(zip(components, weights, strict=True)):
        if 1000 * weight >= 15 * sum(weights) and number not in drop:
            for p in component:
                out[p] = inked[p]
    return out


def frame_numbers(components: list[list[tuple[int, int]]], weights: list[int], inked: Picture) -> set[int]:
    height, width = inked.shape
    if min(height, width) < 32:
        return set()
    margin = 15 * min(height, width) // 100

    def touches(p: tuple[int, int]) -> bool:
        return p[0] in (0, height - 1) or p[1] in (0, width - 1)

    at_border = [n for n, component in enumerate(components) if any(map(touches, component))]
    free = sum(weights) - sum(weights[n] for n in at_border)
    found = set()
    for n in at_border:
        within = sum(
            int(inked[y, x]) for y, x in components[n] if margin <= y < height - margin and margin <= x < width - margin
        )
        ends = [p for p in components[n] if touches(p)]
        reach = max(max(p[axis] for p in ends) - min(p[axis] for p in ends) + 1 for axis in (0, 1))
        if 100 * within < 15 * weights[n] or (100 * free >= 8 * sum(weights) and 100 * reach >= 40 * max(height, width)):
            found.add(n)
    return found


# --- 28×28 --------------------------------------------------------------------------------------------------------------


def is_prepared(picture: Picture) -> bool:
    if picture.shape != (28, 28) or picture.max() < 254:
        return False
    longest = 0
    for axis in (0, 1):
        profile = picture.sum(axis, dtype=int).tolist()
        used = [i for i, v in enumerate(profile) if v]
        longest = max(longest, used[-1] - used[0] + 1)
        centre = sum(i * v for i, v in enumerate(profile)) / sum(profile)
        held = (used[0] == 0 and centre > 14) or (used[-1] == 27 and centre < 14)
        if not (abs(centre - 14) <= 0.52 or held):
            return False
    return 19 <= longest <= 20


def prepare(picture: Picture) -> Picture:
    return picture.copy() if is_prepared(picture) else normalise(without(ink(picture), frames=True))


def crops(picture: Picture) -> list[Picture]:
    if is_prepared(picture):
        return [picture.copy()]
    inked = ink(picture)
    found = [normalise(without(inked, frames=True))]
    if min(picture.shape) < 32 or not any(border_of(inked)):
        return found
    top, bottom = within_rulings(inked)
    left, right = within_rulings(inked.T)
    others = (without(inked, frames=False), without(ink(picture[top:bottom, left:right]), frames=True))
    return found + [normalise(other) for other in others if other.any()]


def within_rulings(inked: Picture) -> tuple[int, int]:
    height, width = inked.shape
    length = width // 2
    ruled = [y for y in range(height) if any((inked[y, x : x + length] >= 64).all() for x in range(width - length + 1))]
    above = [y for y in ruled if 100 * y < 35 * height]
    below = [y for y in ruled if 100 * y >= 65 * height]
    margin = 13 * height // 100
    first = max(above) + 2 if above else 0 if below else margin
    last = min(below) - 1 if below else height if above else height - margin
    return first, last


def stroke_width(inked: Picture) -> float:
    mask = np.pad(inked >= 128, 1)
    crossings = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return 2 * int(mask.sum()) / (math.pi / 4 * crossings) if crossings else 1.0


def normalise(inked: Picture) -> Picture:
    field = np.zeros((28, 28), np.uint8)
    if not inked.any():
        return field
    digit = scaled(tight(inked))
    if not digit.any():
        return field
    start = []
    for axis in (1, 0):
        profile = digit.sum(axis, dtype=int).tolist()
        centre = sum(i * v for i, v in enumerate(profile)) / sum(profile)
        start.append(min(max(round(14 - centre), 0), 28 - len(profile)))
    top, left = start
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field


def scaled(crop: Picture) -> Picture:
    while max(crop.shape) > 160:
        if stroke_width(crop) < 4:
            crop = ranked(crop, 3, np.max)
        crop = reduced_by(crop, 2)
    pixel = max(crop.shape) / 20
    width = stroke_width(crop) / pixel
    missing = min(max(width, 1.7), 4.5) - width
    steps = round(abs(missing) * pixel / 2)
    if steps:
        grown = ranked(np.pad(crop, steps), 2 * steps + 1, np.max if missing > 0 else np.min)
        crop = tight(grown) if grown.any() else crop
    longest = max(crop.shape)
    sides = [max(1, round(side * 20 / longest)) for side in (crop.shape[1], crop.shape[0])]
    digit = resized(crop, *sides, box if longest > 20 else bicubic)
    darkest = max(int(digit.max()), 1)
    digit = ((510 * digit.astype(int) + darkest) // (2 * darkest)).astype(np.uint8)
    if not digit.any():
        return digit
    seen = tight(digit)
    return digit if max(seen.shape) >= 19 else scaled(seen)


# --- A strip ------------------------------------------------------------------------------------------------------------


def strip(picture: Picture) -> Picture:
    height, width = picture.shape
    columns = min(max(round(width * 40 / height), 8), 4096)
    levels = resized(picture, columns, 40, bicubic if height < 40 else box).astype(int)
    depth = median2(levels.ravel().tolist()) - 2 * levels
    inner = depth[5:-5, columns // 12 : columns - columns // 12]
    if sum(v**3 for v in inner.ravel().tolist()) < 0:
        depth = -depth
    full = max(percentile100(depth.ravel().tolist(), 98), 3200)
    stretched = np.clip(64 + 16_000 * depth // full, 0, 255).astype(np.uint8)
    return np.pad(stretched, ((0, 0), (0, -columns % 32)), constant_values=64)
