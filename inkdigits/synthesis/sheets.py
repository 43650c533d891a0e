"""Photos of a sheet, a note or a card that lies somewhere, with or without a printed frame on it, and where both are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import paper
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.contents import composed

#: Side of the flat sheet in pixels, before it is laid into the photo.
_FLAT = 256


@dataclass(frozen=True)
class Photo:
    """A photo and what is to be found in it.

    Attributes:
        picture: uint8 (S, S).
        sheet, frame: float64 (4, 2), the corners clockwise from the sheet's own top left, x and y in pixels, some perhaps
            outside the picture; None where there is none.
    """

    picture: NDArray[np.uint8]
    sheet: NDArray[np.float64] | None
    frame: NDArray[np.float64] | None


def photo(strokes: DigitStrokes, rng: np.random.Generator, side: int = 256) -> Photo:
    """A photo: mostly of a sheet on some ground, sometimes of paper that fills it, now and then of no sheet at all."""
    ground = paper.texture((side, side), rng) if rng.random() < 0.8 else np.full((side, side), rng.uniform(0, 1), np.float32)
    kind = rng.choice(["sheet", "filled", "none"], p=[0.78, 0.14, 0.08])
    sheet, frame = None, None
    if kind != "none":
        levels, inner = _flat(strokes, rng)
        corners = _corners(rng, side, filled=kind == "filled")
        square = np.array([(0, 0), (_FLAT, 0), (_FLAT, _FLAT), (0, _FLAT)], np.float32)
        matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
        seen = cv2.warpPerspective(levels, matrix, (side, side))
        mask = cv2.warpPerspective(np.ones_like(levels), matrix, (side, side))
        if rng.random() < 0.5:  # it throws a shadow
            away = rng.uniform(-6, 6, 2)
            moved = cv2.warpAffine(mask, np.array([[1, 0, away[0]], [0, 1, away[1]]]), (side, side))
            ground = ground * (1 - rng.uniform(0.1, 0.6) * cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(1, 6))))
        ground = seen * mask + ground * (1 - mask)
        sheet = corners if kind == "sheet" else None
        if inner is not None:
            frame = cv2.perspectiveTransform(inner[None].astype(np.float32), matrix)[0].astype(np.float64)
    levels = paper.lit(np.clip(ground, 0, 1.2).astype(np.float32), rng)
    picture = paper.photographed(np.clip(levels, 0, 1), rng, 14.0)
    return Photo(picture, sheet, frame)


def _flat(strokes: DigitStrokes, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """A sheet that lies flat, float32 (256, 256), and the corners of the frame on it."""
    shape = (_FLAT, _FLAT)
    sheet = paper.blank(shape, rng) * np.float32(rng.choice([rng.uniform(0.75, 1.0), rng.uniform(0.35, 0.8)], p=[0.75, 0.25]))
    tall = float(np.exp(rng.uniform(np.log(5), np.log(60))))
    inner = None
    printed = np.zeros(shape, np.float32)
    if rng.random() < 0.6:
        left, top = rng.uniform(0.03, 0.3, 2) * _FLAT
        right, bottom = _FLAT * (1 - rng.uniform(0.03, 0.3, 2))
        inner = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        columns, rows = (int(v) for v in rng.choice([1, 2, 3, 4, 6, 9, 9, 10, 12], 2))
        if rng.random() < 0.5:
            rows = columns
        strength, thickness = float(rng.uniform(0.4, 1)), float(rng.uniform(0.7, 2.6))
        within = thickness * float(rng.uniform(0.3, 1.0))
        for i in range(columns + 1):
            x = left + (right - left) * i / columns
            paper.line(printed, (x, top), (x, bottom), thickness if i in (0, columns) else within, strength)
        for i in range(rows + 1):
            y = top + (bottom - top) * i / rows
            paper.line(printed, (left, y), (right, y), thickness if i in (0, rows) else within, strength)
        tall = min(tall, 0.8 * (bottom - top) / rows)
    elif rng.random() < 0.35:
        paper.ruled(printed, max(tall, 8.0), rng)
        printed *= np.float32(rng.uniform(0.2, 0.8))
    ink = np.zeros(shape, np.float32)
    margin = 0.06 * _FLAT
    if inner is None or rng.random() < 0.35:  # around a frame, as in a newspaper, or all over the sheet
        composed(strokes, rng, ink, max(tall if inner is None else float(rng.uniform(4, 10)), 4.0), _inset(margin), plain=True)
    if inner is not None:
        left, top, right, bottom = (float(edge) for edge in (*inner[0], *inner[2]))
        ink[int(top) - 3 : int(bottom) + 4, int(left) - 3 : int(right) + 4] = 0
        if rng.random() < 0.85:
            inside = np.zeros(shape, np.float32)
            composed(strokes, rng, inside, max(tall, 4.0), (left, top, right, bottom), plain=True)
            np.maximum(ink, inside, out=ink)
    darkness = float(rng.uniform(0.35, 0.95))
    return sheet * (1 - darkness * ink) * (1 - darkness * printed), inner


def _inset(margin: float) -> tuple[float, float, float, float]:
    return margin, margin, _FLAT - margin, _FLAT - margin


def _corners(rng: np.random.Generator, side: int, filled: bool) -> NDArray[np.float64]:
    """Where a sheet's corners lie in the photo: turned, and seen from anywhere."""
    wide = side * float(rng.uniform(1.5, 1.9) if filled else rng.uniform(0.3, 1.0))
    high = wide * float(np.exp(rng.normal(0, 0.25)))
    turn = np.radians(rng.choice([rng.normal(0, 6), rng.uniform(-45, 45)], p=[0.65, 0.35]) + 90 * rng.integers(4))
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2 * (wide, high)
    around = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = square @ around
    lean = rng.normal(0, 0.12, 2) / side
    corners = corners / (1 + corners @ lean)[:, None]
    reach = np.abs(corners).max(0)
    room = np.zeros(2) if filled else np.maximum(side / 2 - reach, 0.06 * side)
    return corners + side / 2 + rng.uniform(-1, 1, 2) * room
