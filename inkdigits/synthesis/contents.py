"""What people write on sheets: lines of numbers and words, tables, forms, boxes, drawings."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis import marks, numbers, paper
from inkdigits.synthesis.allographs import DigitStrokes
from inkdigits.synthesis.canvas import MONTHS, UNCLEAR, Canvas, polyline
from inkdigits.synthesis.strokes import HEIGHT, Placement, draw


def composed(
    strokes: DigitStrokes,
    rng: np.random.Generator,
    ink: NDArray[np.float32],
    tall: float,
    area: tuple[float, float, float, float],
    plain: bool = False,
) -> Canvas:
    """Something written on a sheet: numbers, words, a table, a form, a drawing.

    Args:
        ink: float32 (S, S), which is written into.
        tall: Usual height of a digit in pixels.
        area: left, top, right, bottom of what may be written on.
        plain: Nothing but lines of numbers and words: no rules, boxes or drawings.
    """
    canvas = Canvas(strokes, rng, ink, np.zeros_like(ink), tall, area)
    if plain:
        _lines(canvas)
        return canvas
    shares = np.array([share for _, share in _LAYOUTS])
    _LAYOUTS[int(rng.choice(len(_LAYOUTS), p=shares / shares.sum()))][0](canvas)
    return canvas


def _lines(canvas: Canvas) -> None:
    """Lines of numbers, of words, or of both."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    words = float(rng.choice([0.0, rng.uniform(0.1, 0.7), 0.95], p=[0.45, 0.4, 0.15]))
    pitch = tall * float(rng.choice([rng.uniform(1.15, 1.8), rng.uniform(1.6, 4)]))
    wide_gaps = rng.random() < 0.3
    y = top + tall * float(rng.uniform(0.6, 1.2))
    while y < bottom - 0.3 * tall:
        x = left + tall * float(rng.uniform(0.1, 1.5)) + (rng.uniform(0, 0.5) * (right - left) if rng.random() < 0.15 else 0)
        first = True
        while x < right - 0.6 * tall and (first or rng.random() < 0.75):
            first = False
            if rng.random() < words:
                x = canvas.word(x, y, tall)
            else:
                text = numbers.number(rng)
                room = max(1, int((right - x) / (0.7 * tall)))
                x = canvas.number(text[:room], x, y, tall * float(rng.uniform(0.92, 1.08)))
            x += tall * float(rng.uniform(0.5, 3.5) if wide_gaps else rng.uniform(0.4, 1.2))
        if rng.random() < 0.06:
            _strike(canvas, left, x, y)
        y += pitch * float(rng.uniform(0.9, 1.1))


def _amounts(canvas: Canvas) -> None:
    """Amounts as on cheques: digits close together or joined, dots between thousands, and a closing dash."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    canvas.hand = replace(
        canvas.hand,
        spacing=float(rng.uniform(-0.12, 0.05)),
        joined=float(rng.choice([canvas.hand.joined, rng.uniform(0.2, 0.9)])),
    )
    canvas.manner = "strokes"
    y = top + tall * float(rng.uniform(0.6, 1.5))
    while y < bottom - 0.5 * tall:
        text = numbers.digits(rng)
        if rng.random() < 0.3:
            text = f"{int(text):,}".replace(",", str(rng.choice([".", ","])))
        text += str(rng.choice(["", "-", "=", ".", ",-", "--"], p=[0.45, 0.15, 0.15, 0.1, 0.1, 0.05]))
        room = max(0.2 * tall, right - left - 0.6 * tall * len(text))
        canvas.number(text, left + float(rng.uniform(0.1 * tall, room)), y, tall * float(rng.uniform(0.92, 1.08)))
        y += tall * float(rng.uniform(1.3, 3))


def _register(canvas: Canvas) -> None:
    """Columns of an old register: a year, a day and a month below each other, or short numbers far apart."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    if rng.random() < 0.6:
        canvas.lean()
    if rng.random() < 0.8:
        canvas.manner = "strokes"
    wide = tall * float(rng.uniform(3.5, 9))
    xs = np.arange(left + rng.uniform(0, 0.5) * wide, right, wide)
    _rules(canvas, xs, np.array([top, bottom - 1]))
    dates, d, closing = rng.random() < 0.6, "d" if rng.random() < 0.6 else "", str(rng.choice(["", "'", "."]))
    for x in xs:
        y = top + tall * float(rng.uniform(0.6, 3))
        while y < bottom - 0.5 * tall:
            start = x + tall * float(rng.uniform(0.2, 1.2))
            if not dates:
                canvas.number(numbers.digits(rng, 3), start, y, tall)
                y += tall * float(rng.uniform(1.2, 6))
                continue
            day = f"{rng.integers(1, 32)}{closing}"
            blank = str(rng.choice(["", " ", ". ", ".  "]))
            rows = str(rng.integers(1650, 1960)), f"{d}{blank}{day}" if d else day, None
            for text in rows:
                if rng.random() < 0.1:
                    continue
                if text is None:
                    canvas.word(start, y, tall, printed=False, text=MONTHS[rng.integers(len(MONTHS))])
                else:
                    canvas.number(text, start + tall * float(rng.uniform(-0.1, 0.8)), y, tall)
                y += tall * float(rng.uniform(1.1, 1.9))
            y += tall * float(rng.uniform(0, 4))


def _strike(canvas: Canvas, left: float, right: float, y: float) -> None:
    """Cross out a line: nothing is learnt from what stands there."""
    rng, tall = canvas.rng, canvas.tall
    for _ in range(int(rng.integers(1, 4))):
        points = [(left, y + tall * rng.normal(0, 0.15)), ((left + right) / 2, y + tall * rng.normal(0, 0.15)), (right, y)]
        polyline(canvas.ink, [(float(a), float(b)) for a, b in points], max(0.8, canvas.hand.pen * tall), canvas.hand.strength)
    for i, (x0, y0, x1, y1) in enumerate(canvas.boxes):
        if y0 < y < y1 and x1 > left and x0 < right:
            canvas.labels[i] = UNCLEAR


def _table(canvas: Canvas) -> None:
    """A table, with or without rules: numbers, words and empty cells."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    high, wide = tall * float(rng.uniform(1.15, 2.2)), tall * float(rng.uniform(1.2, 5))
    xs = np.arange(left + rng.uniform(0, 0.5) * wide, right, wide) + rng.normal(0, 0.02 * tall)
    ys = np.arange(top + rng.uniform(0, 0.5) * high, bottom, high)
    if rng.random() < 0.75:
        _rules(canvas, xs, ys)
    filled = float(rng.choice([1.0, rng.uniform(0.2, 0.9)]))
    words = float(rng.choice([0.0, 0.15, 0.6], p=[0.6, 0.3, 0.1]))
    longest = max(1, int(wide / (0.75 * tall)) - (rng.random() < 0.5))
    aligned_right = rng.random() < 0.3
    for i, y in enumerate(ys[:-1]):
        for x, end in itertools.pairwise(xs):
            if rng.random() > filled:
                if rng.random() < 0.05:
                    canvas.number("-", (x + end) / 2 - 0.3 * tall, y + high / 2, tall)
                continue
            start = x + tall * float(rng.uniform(0.08, 0.3))
            if rng.random() < words or (i == 0 and words):
                canvas.word(start, y + high * 0.55, tall * 0.7)
                continue
            text = (
                numbers.digits(rng, longest)
                if rng.random() < 0.85 or longest < 3
                else f"{numbers.digits(rng, longest - 2)}.{rng.integers(10)}"
            )
            if aligned_right:
                start = max(start, end - 0.72 * tall * len(text) - 0.1 * tall)
            canvas.number(text, start, y + high * float(rng.uniform(0.45, 0.58)), tall)


def _rules(canvas: Canvas, xs: NDArray[np.float64], ys: NDArray[np.float64], both: bool = True) -> None:
    rng = canvas.rng
    if not (len(xs) and len(ys)):
        return
    strength = float(rng.uniform(0.2, 1.0))
    thickness = float(np.exp(rng.uniform(np.log(0.6), np.log(max(0.8, canvas.tall / 7)))))
    every = int(rng.choice([0, 0, 3]))
    which = rng.random()
    if which < 0.85 or not both:
        for i, y in enumerate(ys):
            fat = 2.5 if every and i % every == 0 else 1
            paper.line(canvas.printed, (xs[0], y), (xs[-1], y), thickness * fat, strength)
    if which > 0.15 and both:
        for i, x in enumerate(xs):
            fat = 2.5 if every and i % every == 0 else 1
            paper.line(canvas.printed, (x, ys[0]), (x, ys[-1]), thickness * fat, strength)


def _boxes(canvas: Canvas) -> None:
    """Rows of boxes or combs with a digit each, beside print: a form. Or a sudoku."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    side = tall * float(rng.uniform(1.05, 1.7))
    sudoku = rng.random() < 0.35
    comb = not sudoku and rng.random() < 0.3
    filled = float(rng.choice([1.0, rng.uniform(0.3, 0.95)]))
    gap = 0.0 if sudoku or rng.random() < 0.7 else side * float(rng.uniform(0.05, 0.4))
    y = top + side * float(rng.uniform(0, 0.7))
    if sudoku:
        xs, ys = np.arange(left + rng.uniform(0, side), right, side), np.arange(y, bottom, side)
        _rules(canvas, xs, ys)
        for row in ys[:-1]:
            for column in xs[:-1]:
                if rng.random() < filled:
                    manner = "print" if rng.random() < 0.4 else "strokes"
                    _in_box(canvas, str(rng.integers(1, 10)), column, row, side, manner)
        return
    thickness = float(np.exp(rng.uniform(np.log(0.6), np.log(max(0.8, tall / 6)))))
    strength = float(rng.uniform(0.3, 1.0))
    while y + side < bottom + 0.3 * side:
        x = left + side * float(rng.uniform(0, 1.5))
        if rng.random() < 0.4:
            x = canvas.word(x, y + side / 2, tall * 0.7, printed=True) + 0.3 * tall
        if rng.random() < 0.25:  # a filler before the first digit
            canvas.number("-" * int(rng.integers(1, 3)), x - side, y + side / 2, tall, "strokes")
        for _ in range(int(rng.integers(1, 12))):
            if x + side > right:
                break
            height = (side * 0.3) if comb else side
            for a, b in (
                ((x, y + side - height), (x, y + side)),
                ((x + side, y + side - height), (x + side, y + side)),
                ((x, y + side), (x + side, y + side)),
            ):
                paper.line(canvas.printed, a, b, thickness, strength)
            if not comb:
                paper.line(canvas.printed, (x, y), (x + side, y), thickness, strength)
            if rng.random() < filled:
                _in_box(canvas, str(rng.integers(10)), x, y, side, canvas.manner)
            x += side + gap
        y += side * float(rng.uniform(1.1, 2.2))


def _in_box(canvas: Canvas, digit: str, x: float, y: float, side: float, manner: str) -> None:
    rng = canvas.rng
    tall = canvas.tall * float(rng.uniform(0.75, 1.05))
    start = x + (side - 0.6 * tall) * float(rng.uniform(0.2, 0.8))
    canvas.number(digit, start, y + side * float(rng.uniform(0.42, 0.58)), tall, manner)


def _form(canvas: Canvas) -> None:
    """Ruled rows with print on the left, dashes as fillers and a number at the end."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    pitch = tall * float(rng.uniform(1.0, 1.9))
    ys = np.arange(top + rng.uniform(0, pitch), bottom, pitch)
    xs = np.sort(rng.uniform(left, right, int(rng.integers(1, 4))))
    _rules(canvas, np.concatenate([[left], xs, [right]]), ys, both=rng.random() < 0.6)
    for y in ys[:-1]:
        if rng.random() < 0.35:
            continue
        x = left + tall * float(rng.uniform(0.2, 2))
        if rng.random() < 0.5:
            x = canvas.word(x, y + pitch / 2, tall * 0.7)
        text = numbers.digits(rng, 5)
        start = max(x + 0.3 * tall, right - tall * (0.75 * len(text) + float(rng.uniform(0.2, 2))))
        if rng.random() < 0.5:
            for _ in range(int(rng.integers(1, 4))):
                start = canvas.number("-", start, y + pitch / 2, tall, "strokes") + 0.1 * tall
        canvas.number(text, start, y + pitch * float(rng.uniform(0.4, 0.6)), tall)


def _sparse(canvas: Canvas) -> None:
    """One number, or one digit, and nothing else."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    text = str(rng.integers(10)) if rng.random() < 0.35 else numbers.number(rng)
    x = float(rng.uniform(left, max(left + 1, right - 0.7 * tall * len(text))))
    canvas.number(text, x, float(rng.uniform(top + 0.5 * tall, max(top + 0.6 * tall, bottom - 0.5 * tall))), tall)


def _drawings(canvas: Canvas) -> None:
    """No digit at all: doodles, shapes, a bar code, hatching, letters, a signature, stamps."""
    rng, tall = canvas.rng, canvas.tall
    left, top, right, bottom = canvas.area
    pen, strength = max(0.8, canvas.hand.pen * tall), canvas.hand.strength
    for _ in range(int(rng.integers(2, 14))):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        kind = rng.random()
        if kind < 0.2:
            draw(
                canvas.ink,
                marks.scribble(rng),
                Placement(x, y, *(rng.uniform(0.3, 2.5, 2) * tall / HEIGHT)),
                pen,
                strength,
                rng,
            )
        elif kind < 0.35:
            canvas.scrawl(x, y, tall)
        elif kind < 0.5:
            size = tall * rng.uniform(0.3, 3, 2)
            angle = float(rng.uniform(0, 180))
            shape = np.zeros(canvas.ink.shape, np.uint8)
            thick = -1 if rng.random() < 0.2 else max(1, round(pen))
            cv2.ellipse(
                shape,
                (int(x), int(y)),
                (int(size[0]), int(size[1])),
                angle,
                0,
                float(rng.choice([360, rng.uniform(60, 300)])),
                255,
                thick,
                cv2.LINE_AA,
            )
            # Rings of a digit's size are zeros to anyone.
            if not (thick > 0 and 0.35 * tall < size.max() < 1.2 * tall):
                np.maximum(canvas.ink, shape * np.float32(strength / 255), out=canvas.ink)
        elif kind < 0.65:
            points = [(x + tall * float(a), y + tall * float(b)) for a, b in rng.uniform(-2, 2, (int(rng.integers(2, 6)), 2))]
            polyline(canvas.ink, [*points, points[0]] if rng.random() < 0.5 else points, pen, strength)
        elif kind < 0.75:
            step, high = max(2.0, tall * float(rng.uniform(0.08, 0.3))), tall * float(rng.uniform(0.8, 3))
            for i in range(int(rng.integers(6, 30))):
                width = step * float(rng.uniform(0.2, 0.7))
                paper.line(canvas.ink, (x + i * step, y), (x + i * step, y + high), width, strength)
        elif kind < 0.9:
            canvas.word(x, y, tall * float(rng.uniform(0.6, 1.4)))
        else:
            draw(canvas.ink, marks.sign(rng)[1], Placement(x, y, tall / HEIGHT, tall / HEIGHT), pen, strength, rng)


_LAYOUTS: tuple[tuple[Callable[[Canvas], None], float], ...] = (
    (_lines, 0.32),
    (_table, 0.15),
    (_boxes, 0.16),
    (_form, 0.09),
    (_amounts, 0.06),
    (_register, 0.08),
    (_sparse, 0.13),
    (_drawings, 0.1),
)
