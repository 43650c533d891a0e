"""Marks that are no digits: letters, punctuation, signs and scribbles, as strokes that any pen can draw."""

from __future__ import annotations

import functools
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.synthesis.strokes import HEIGHT, SIDE, Glyph, curve, from_lines, from_mask, from_shape

#: Letters that nobody takes for a digit. I, l, O, S, Z, b, g, p, q, z and their like are missing: they are digits' twins.
LETTERS = "ABCDEFGHJKLMNQRTUVWXYacdefhkmnrtuvwxyÄÅÉÑΔΓΣΨΩαεμπψω"
_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol", "STIXGeneralBolIta", "cmr10", "cmb10", "cmtt10", "cmss10"),
)


@functools.cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


def _has(font: str, text: str) -> bool:
    """Whether a font has a letter; a missing one is drawn as an empty box or not at all."""
    return text.isascii() or font.startswith("DejaVu")


@functools.cache
def printed(text: str, font: str) -> NDArray[np.uint8]:
    """A letter or sign in print, uint8 (84, 84), 255 = ink, its longer side 60 pixels."""
    canvas = Image.new("L", (3 * SIDE, 3 * SIDE))
    ImageDraw.Draw(canvas).text((SIDE, SIDE), text, fill=255, font=_font(font, SIDE))
    box = canvas.getbbox()
    if box is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    crop = canvas.crop(box)
    scale = HEIGHT / max(crop.size)
    crop = crop.resize((max(1, round(crop.width * scale)), max(1, round(crop.height * scale))), Image.Resampling.BILINEAR)
    field = Image.new("L", (SIDE, SIDE))
    field.paste(crop, ((SIDE - crop.width) // 2, (SIDE - crop.height) // 2))
    return np.asarray(field)


@functools.cache
def _letter(text: str, font: str) -> Glyph:
    return from_mask(np.where(printed(text, font) > 127, 255, 0).astype(np.uint8))


def letter(rng: np.random.Generator) -> Glyph:
    """A letter, its strokes taken from a printed one."""
    return _letter(*_choice(rng))


@functools.cache
def _printed_letter(text: str, font: str) -> Glyph:
    return from_shape(np.where(printed(text, font) > 127, 255, 0).astype(np.uint8), solid=True)


def printed_letter(rng: np.random.Generator) -> Glyph:
    """A letter in print, as fat as its font has it."""
    return _printed_letter(*_choice(rng))


def _choice(rng: np.random.Generator) -> tuple[str, str]:
    text, font = LETTERS[rng.integers(len(LETTERS))], _FONTS[rng.integers(len(_FONTS))]
    return (text, font) if _has(font, text) else (text, _FONTS[0])


def sign(rng: np.random.Generator) -> tuple[str, Glyph]:
    """A dash, an equals sign, a plus, a number sign, a tick, a wave or a currency sign, by hand, and what it is.

    Brackets and slashes are missing: many people's 1s look like them.
    """
    middle, reach = SIDE / 2, HEIGHT / 2
    a, b, c, d = rng.normal(0, 3, 4)
    dash = [(middle - reach + a, middle + b), (middle + reach + c, middle + d)]
    kind = rng.choice(["dash", "equals", "plus", "hash", "tick", "currency", "wave"])
    if kind == "dash":
        return "-", from_lines([dash])
    if kind == "equals":
        return "=", from_lines([[(x, y - 8) for x, y in dash], [(x, y + 8) for x, y in dash]])
    if kind == "plus":
        return "+", from_lines([dash, [(middle + a, middle - reach), (middle + d, middle + reach)]])
    if kind == "hash":
        bars = [[(middle + s - 8 + a, middle - reach), (middle + s + 2 + a, middle + reach)] for s in (-8, 8)]
        return "#", from_lines([[(x, y - 9) for x, y in dash], [(x, y + 9) for x, y in dash], *bars])
    if kind == "tick":
        return "✓", from_lines(
            [[(middle - 18, middle + 5 + a), (middle - 6, middle + reach), (middle + 22 + b, middle - reach)]]
        )
    if kind == "wave":
        return "~", from_lines([curve([(middle + x, middle + 7 * float(rng.normal())) for x in range(-30, 31, 12)])])
    character = str(rng.choice(["€", "£", "$", "¥", "%", "*", "+", "×", "÷", "?", "!"]))
    return character, _letter(character, _FONTS[0])


def closing(rng: np.random.Generator) -> tuple[str, Glyph]:
    """What people close an amount with: =, in two strokes or without lifting the pen, a dash, or a dash through two bars."""
    middle, reach = SIDE / 2, HEIGHT / 2
    a, b, c, d = rng.normal(0, 3, 4)
    upper, lower = float(rng.uniform(-16, -7)), float(rng.uniform(5, 14))
    bars = [[(middle - reach + a, middle + y + b), (middle + reach + c, middle + y + d)] for y in (upper, lower)]
    kind = rng.choice(["dash", "equals", "one stroke", "barred"], p=[0.25, 0.3, 0.25, 0.2])
    if kind == "dash":
        return "-", from_lines([bars[0]])
    if kind == "equals":
        return "=", from_lines(bars)
    if kind == "one stroke":
        points = [*bars[0], *bars[1]]
        return "=", from_lines([curve(points) if rng.random() < 0.5 else points])
    apart = float(rng.uniform(5, 12))
    upright = [
        [(middle + x + a / 2, middle - 0.7 * reach), (middle + x + c / 2, middle + 0.7 * reach)] for x in (-apart, apart)
    ]
    return "#", from_lines([[(middle - 1.3 * reach, middle + b), (middle + 1.3 * reach, middle + d)], *upright])


def written_sign(character: str, rng: np.random.Generator) -> tuple[Glyph, float]:
    """The strokes of a sign among digits, and its size as a share of theirs."""
    middle, reach = SIDE / 2, HEIGHT / 2
    a, b, c, d = rng.normal(0, 3, 4)
    if character == "/":
        lean = float(rng.uniform(6, 24))
        return from_lines([[(middle + lean + a, middle - reach), (middle - lean + b, middle + reach)]]), float(
            rng.uniform(0.9, 1.4)
        )
    if character in "-–":
        return from_lines([[(middle - reach + a, middle + b), (middle + reach + c, middle + d)]]), float(rng.uniform(0.3, 0.7))
    if character == "=":
        bars = [[(middle - reach + a, middle + y + b), (middle + reach + c, middle + y + b)] for y in (-9, 9)]
        return from_lines(bars), float(rng.uniform(0.4, 0.7))
    if character == "+":
        lines = [
            [(middle - reach + a, middle + b), (middle + reach, middle + b)],
            [(middle + c, middle - reach), (middle + d, middle + reach)],
        ]
        return from_lines(lines), float(rng.uniform(0.5, 0.9))
    if character in "×x":
        lines = [
            [(middle - reach + a, middle - reach + b), (middle + reach, middle + reach)],
            [(middle + reach + c, middle - reach), (middle - reach, middle + reach + d)],
        ]
        return from_lines(lines), float(rng.uniform(0.4, 0.9))
    if character == "d":
        return _old_d(rng), float(rng.uniform(0.7, 1.2))
    if character == ":":
        dots = [[(middle + a / 2, middle + y), (middle + a / 2 + 2, middle + y + 2)] for y in (-14, 14)]
        return from_lines(dots), 0.7
    if character in "()":
        side = -1 if character == "(" else 1
        bow = float(rng.uniform(6, 14)) * side
        arc = [(middle - bow, middle - reach), (middle + bow * 0.6, middle - reach / 2), (middle + bow, middle)]
        arc += [(middle + bow * 0.6, middle + reach / 2), (middle - bow, middle + reach)]
        return from_lines([curve(arc)]), float(rng.uniform(1.0, 1.4))
    if character == "%":
        return _letter("%", _FONTS[0]), float(rng.uniform(0.7, 1.1))
    raise ValueError(f"nobody has drawn a {character!r}")


def _old_d(rng: np.random.Generator) -> Glyph:
    """The d of old hands, whose stem bends back to the left, which many a program reads as a 2."""
    bowl = [(52.0, 52.0), (42.0, 46.0), (31.0, 57.0), (38.0, 71.0), (52.0, 66.0), (58.0, 48.0), (54.0, 27.0)]
    stem = [(42.0, 14.0), (29.0, 20.0), (26.0, 30.0)][: int(rng.integers(1, 4))]
    points = np.array(bowl[int(rng.integers(0, 3)) :] + stem)
    points += rng.normal(0, 1.6, points.shape)
    return from_lines([curve([(float(x), float(y)) for x, y in points])])


def prime(rng: np.random.Generator) -> Glyph:
    """The short stroke after the number of a day."""
    lean = float(rng.uniform(-4, 14))
    return from_lines([[(SIDE / 2 + lean, SIDE / 2 - HEIGHT / 2), (SIDE / 2 - lean, SIDE / 2 + HEIGHT / 2)]])


def dot(rng: np.random.Generator, tailed: bool) -> Glyph:
    """A dot, or, with a tail, a comma."""
    middle = SIDE / 2
    tail = rng.uniform(4, 14) if tailed else rng.uniform(0, 1.5)
    return from_lines([[(middle, middle), (middle - tail * 0.5 + 0.1, middle + tail)]])


def scribble(rng: np.random.Generator) -> Glyph:
    """A stroke that goes anywhere."""
    points = [(float(x), float(y)) for x, y in rng.uniform((SIDE - HEIGHT) / 2, (SIDE + HEIGHT) / 2, (rng.integers(4, 14), 2))]
    return from_lines([curve(points) if rng.random() < 0.7 else points])


def joined(first: Glyph, second: Glyph) -> Glyph:
    """Two glyphs side by side, touching, squeezed into one map: what a careless cut leaves."""
    halves = []
    for glyph in (first, second):
        left, _, right, _ = glyph.bounds
        strokes = Image.fromarray(np.where(glyph.distance < 12, 255, 0).astype(np.uint8)).crop((left - 1, 0, right + 1, SIDE))
        halves.append(np.asarray(strokes.resize((min(strokes.width, SIDE // 2), SIDE))))
    both = np.zeros((SIDE, SIDE), np.uint8)
    start = (SIDE - halves[0].shape[1] - halves[1].shape[1]) // 2
    for half in halves:
        both[:, start : start + half.shape[1]] |= np.where(half > 127, 255, 0).astype(np.uint8)
        start += half.shape[1]
    return from_mask(both)
