"""Scenes: pictures of one digit, of a line, of a page, with the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.geometry import Box
from inkdigits.inference.ctc import symbol_of
from inkdigits.synthesis import fonts, marks, numbers, paper
from inkdigits.synthesis.allographs import DigitStrokes, OwnForms, segments
from inkdigits.synthesis.strokes import HEIGHT, Glyph, Placement, draw
from inkdigits.synthesis.writers import Hand, Writer


@dataclass(frozen=True)
class Scene:
    """A synthetic picture.

    Attributes:
        picture: uint8 (H, W), as the eye sees it: 0 = black.
        characters: Line by line, from left to right: digits, signs, and x for other writing, with their boxes: left, top,
            right, bottom in pixels.
    """

    picture: NDArray[np.uint8]
    characters: tuple[tuple[tuple[str, Box], ...], ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The digits' labels, line by line."""
        return tuple("".join(character for character, _ in line if character.isdigit()) for line in self.characters)

    @property
    def signed_lines(self) -> tuple[str, ...]:
        """The same with the signs that the reader tells apart."""
        return tuple("".join(symbol_of(character) for character, _ in line).replace("x", "") for line in self.characters)

    @property
    def text(self) -> str:
        """The digits, the lines separated by line ends."""
        return "\n".join(self.lines)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The digits' boxes, in the order of their labels."""
        return tuple(box for line in self.characters for character, box in line if character.isdigit())


#: Share of the lines without a digit.
_EMPTY = 0.06
#: Share of the lines whose digits stand in cells.
_CELLS = 0.12
#: Share of the lines that are set in a font, and of those that a display of seven segments shows.
_TYPESET, _DISPLAY = 0.08, 0.02
#: Share of the pictures that are hard to read: faint ink, strong print, noise. With more of them, clean ones are read worse.
_HARD = 0.25


def line(
    strokes: DigitStrokes,
    rng: np.random.Generator,
    height: int = 40,
    longest: int = 8,
    text: str | None = None,
    faces: Sequence[Path] = (),
) -> Scene:
    """A line of digits, as it is cut out of a cheque, a form or a log book.

    Args:
        height: Of the picture, in pixels; its width follows from the text.
        longest: Most digits.
        text: The number, in place of a random one; spaces stay gaps.
        faces: Fonts, of which some lines are set in one.
    """
    if text is None:
        text = "" if rng.random() < _EMPTY else numbers.number(rng, longest)
    hand = Hand.of(rng)
    tall = height * float(rng.choice([rng.uniform(0.55, 0.95), rng.uniform(0.28, 0.6)], p=[0.58, 0.42]))
    room = height * float(abs(rng.normal(0, 0.35)))
    reach = tall
    if "½" in text:  # it is higher than a digit
        tall *= 0.6
    baseline = reach / 2 + (height - reach) * float(rng.uniform(0, 1)) + 0.02 * height * float(rng.normal())
    # Digits are set along a strip that is long enough for any of them, and cut to length afterwards.
    strip = np.zeros((height, int(tall * (2.2 * max(1, len(text)) + 6) + 2 * room)), np.float32)
    writer = Writer(strip, OwnForms(strokes, rng), hand, tall, baseline, room, rng, display=rng.random() < _DISPLAY)
    drawn: list[tuple[str, Box]] = []
    if not text:
        drawn = [writer.stray() for _ in range(int(rng.integers(0, 6)))]
    elif faces and rng.random() < _TYPESET:
        drawn = writer.typeset(text, faces[int(rng.integers(len(faces)))])
    elif text.isdigit() and rng.random() < _CELLS:
        drawn = _in_cells(writer, text)
    else:
        drawn += [writer.stray("sign letter")] if rng.random() < 0.1 else []
        drawn += writer.number(text)
        drawn += [writer.suffix()] if rng.random() < 0.25 else []
    end = int(max([writer.x + room * rng.uniform(0, 1.5), *(box[2] for _, box in drawn), 8]))
    layer = strip[:, :end]
    _neighbours(layer, strokes, hand, tall, rng)
    picture = _on_paper(layer, hand.strength, tall, rng, security_print=0.35)
    if text and rng.random() < 0.25:
        picture, drawn = _cut(picture, drawn, rng)
    return Scene(picture, (_placed(drawn, picture),))


def _placed(drawn: Sequence[tuple[str, Box]], picture: NDArray[np.uint8]) -> tuple[tuple[str, Box], ...]:
    """What is to be seen of what was drawn on a line, from left to right, with the parts of the boxes in the picture."""
    boxes = ((character, _within(box, picture)) for character, box in drawn)
    seen = [(character, box) for character, box in boxes if box[0] < box[2] and box[1] < box[3]]
    return tuple(sorted(seen, key=lambda one: one[1][0] + one[1][2]))


def _in_cells(writer: Writer, text: str) -> list[tuple[str, Box]]:
    """Digits in the cells of a form or a score card, or above the teeth of a comb."""
    rng, tall, height = writer.rng, writer.tall, writer.layer.shape[0]
    pitch, start = tall * float(rng.uniform(0.9, 1.7)), writer.x
    top = 0.0 if rng.random() < 0.7 else height * float(rng.uniform(0.6, 0.8))
    thickness, strength = float(np.exp(rng.uniform(np.log(0.5), np.log(max(0.6, tall / 9))))), float(rng.uniform(0.15, 1.0))
    drawn = []
    for number, character in enumerate(text):
        writer.x = start + pitch * (number + float(rng.uniform(0.05, 0.3)))
        drawn += writer.number(character)
    writer.x = start + pitch * len(text)
    for number in range(len(text) + 1):
        x = start + number * pitch
        paper.line(writer.layer, (x, top), (x, float(height)), thickness, strength)
    return drawn


def _cut(
    picture: NDArray[np.uint8], drawn: list[tuple[str, Box]], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[tuple[str, Box]]]:
    """A line cut out along its digits, or so tightly that a part of the outer ones, of all heads or all feet is missing.

    The picture keeps its height: what is left is enlarged.
    """
    height, width = picture.shape
    boxes = [box for _, box in drawn]
    digits = [box for character, box in drawn if character.isdigit()] or boxes  # ½ may stand alone
    (first, _, first_end, _), (last, _, last_end, _) = boxes[0], boxes[-1]
    head, foot = min(box[1] for box in digits), max(box[3] for box in digits)
    lost = rng.uniform(-0.3, 0.25, 4) * (first_end - first, foot - head, last_end - last, foot - head)
    lost[rng.random(4) < 0.5] = -np.inf
    left, top = int(max(0, first + lost[0])), int(max(0, head + lost[1]))
    right, bottom = int(min(width, last_end - lost[2])), int(min(height, foot - lost[3]))
    if right - left < 8 or bottom - top < 8:
        return picture, drawn
    zoom = height / (bottom - top)
    size = round((right - left) * zoom), height
    left_over = Image.fromarray(picture[top:bottom, left:right]).resize(size, Image.Resampling.BICUBIC)
    moved = zoom * (np.array(boxes) - (left, top, left, top))
    outwards = np.concatenate([np.floor(moved[:, :2]), np.ceil(moved[:, 2:])], 1).astype(int)
    characters, moved_boxes = [character for character, _ in drawn], [tuple(box) for box in outwards.tolist()]
    return np.asarray(left_over), list(zip(characters, moved_boxes, strict=True))


def page(
    strokes: DigitStrokes, rng: np.random.Generator, size: tuple[int, int] = (1000, 1400), text: str | None = None
) -> Scene:
    """A sheet with lines of digits, words and scribbles between them, under uneven light.

    Args:
        size: Width and height in pixels.
        text: The lines, in place of random ones, separated by line ends.
    """
    width, height = size
    lines = text.split("\n") if text is not None else [numbers.digits(rng, 12) for _ in range(int(rng.integers(1, 12)))]
    hand = Hand.of(rng)
    pitch = height / (len(lines) + 1)
    tall = min(pitch * float(rng.uniform(0.3, 0.6)), 0.8 * width / (1.9 * max(1, *map(len, lines))), height / 8)
    slope = float(rng.normal(0, 0.02))
    layer = np.zeros((height, width), np.float32)
    written: list[list[tuple[str, Box]]] = []
    for number, content in enumerate(lines):
        left = float(rng.uniform(0.04, 0.15)) * width
        baseline = (number + 0.8) * pitch + 0.05 * pitch * float(rng.normal())
        writer = Writer(layer, strokes, hand, tall, baseline, left, rng, slope)
        written.append(writer.number(content))
        if text is None and rng.random() < 0.25 and writer.x < 0.6 * width:
            writer.advance(1.5)
            for _ in range(int(rng.integers(3, 8))):
                writer.stray("letter")
    if text is None and rng.random() < 0.3:
        place = Placement(0.8 * width, 0.9 * height, 0.1 * height / HEIGHT, 0.05 * height / HEIGHT)
        draw(layer, marks.scribble(rng), place, max(0.7, hand.pen * tall), hand.strength, rng)
    picture = _on_paper(layer, hand.strength, tall, rng, security_print=0.0)
    return Scene(picture, tuple(_placed(line, picture) for line in written))


def _within(box: Box, picture: NDArray[np.generic]) -> Box:
    """The part of a box that lies in the picture."""
    height, width = picture.shape
    return max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)


def _neighbours(layer: NDArray[np.float32], strokes: DigitStrokes, hand: Hand, tall: float, rng: np.random.Generator) -> None:
    """Feet and heads of the lines above and below that a tight cut leaves."""
    height, width = layer.shape
    if rng.random() < 0.12:  # faint small writing, a rubbed-out word
        size = tall * float(rng.uniform(0.25, 0.6))
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0.3, 1)) * height
        strength = float(rng.uniform(0.1, 0.45)) * hand.strength
        for _ in range(int(rng.integers(2, 8))):
            glyph = marks.letter(rng) if rng.random() < 0.6 else marks.scribble(rng)
            draw(layer, glyph, Placement(x, y, size / HEIGHT, size / HEIGHT, hand.shear), max(0.7, 0.1 * size), strength, rng)
            x += 0.6 * size
    if rng.random() > 0.08:
        return
    above = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 4))):
        glyph = marks.letter(rng) if rng.random() < 0.5 else strokes.pick(int(rng.integers(10)), rng)
        shown = float(rng.uniform(0.05, 0.22)) * tall
        y = shown - tall / 2 if above else height - shown + tall / 2
        place = Placement(float(rng.uniform(0, width)), y, tall / HEIGHT, tall / HEIGHT, hand.shear)
        draw(layer, glyph, place, max(0.7, hand.pen * tall), hand.strength, rng)


def _on_paper(
    layer: NDArray[np.float32], strength: float, tall: float, rng: np.random.Generator, security_print: float = 0.45
) -> NDArray[np.uint8]:
    """Ink, rulings and paper together, as a camera sees them: uint8 (H, W)."""
    shape = layer.shape
    ground = paper.blank(shape, rng)
    if rng.random() < 0.12:
        paper.edges(ground, rng)
    hard = rng.random() < _HARD
    darkness = float(rng.uniform(0.25, 0.6) if hard else rng.uniform(0.45, 0.95))
    if rng.random() < security_print:  # paler than the ink, or nobody could read it
        ground *= 1 - darkness * strength * rng.uniform(0.05, 0.6 if hard else 0.3) * paper.security_print(shape, rng)
    lines = np.zeros(shape, np.float32)
    if rng.random() < 0.45:
        paper.rulings(lines, rng, tall * rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:  # a ball pen's uneven ink
        layer = layer * np.clip(1 - 0.25 * np.abs(paper.smooth_noise(shape, 12, rng)), 0, 1)
    levels = ground * (1 - darkness * layer) * (1 - darkness * float(rng.uniform(0.2, 1.1)) * lines * 0.9)
    return paper.photographed(
        np.clip(levels, 0, 1) * np.float32(rng.uniform(0.6, 1.0)), rng, scale_px=tall, harm=1.0 if hard else 0.35
    )


# --- One digit, or what is none --------------------------------------------------------------------------------------


#: Share of the single digits that are set in a font, and of those that a display shows; the rest is written by hand, a quarter
#: of it as thick as MNIST has it.
_PRINTED_DIGIT, _DISPLAYED_DIGIT = 0.12, 0.04


def digit(strokes: DigitStrokes, rng: np.random.Generator, none: float = 0.3, faces: Sequence[Path] = ()) -> Scene:
    """A picture that shows one digit, or something else that might be taken for one.

    Args:
        none: Share of the pictures without a digit; their text is empty.
        faces: Fonts, of which some digits are set in one.
    """
    if rng.random() < none:
        return Scene(_no_digit(strokes, rng), ((),))
    label, kind = int(rng.integers(10)), rng.random()
    if faces and kind < _PRINTED_DIGIT:
        glyph = fonts.glyph(str(label), faces[int(rng.integers(len(faces)))])
    elif kind > 1 - _DISPLAYED_DIGIT:
        glyph = segments(label, rng)
    else:
        glyph = strokes.pick(label, rng) if rng.random() < 0.75 else strokes.pick_solid(label, rng)
    picture, box = _single(glyph, rng, strokes)
    return Scene(picture, (((str(label), box),),))


def _single(glyph: Glyph, rng: np.random.Generator, strokes: DigitStrokes | None = None) -> tuple[NDArray[np.uint8], Box]:
    """A glyph alone in a picture: drawn on a screen, cut out of a form, or stretched as some data sets are.

    Args:
        strokes: Where they are given, parts of a neighbour reach into some pictures of paper.
    """
    kind = rng.choice(["screen", "stretched", "paper"], p=[0.3, 0.3, 0.4])
    side = int(np.exp(rng.uniform(np.log(28), np.log(120))))
    height, width = side, max(16, int(side * np.exp(rng.normal(0, 0.12))))
    layer = np.zeros((height, width), np.float32)
    tall = min(height, width) * float(rng.uniform(0.5, 0.85))
    pen = max(0.9, tall * min(float(np.exp(rng.normal(np.log(0.1), 0.55))), 0.3))
    if kind == "stretched":
        pen = max(pen, 0.06 * tall)  # a hairline would fall to pieces
    if glyph.solid:
        pen = max(0.5, 0.03 * tall)
    scale = tall / HEIGHT
    place = Placement(
        x=width / 2 + float(rng.normal(0, 0.06)) * width,
        y=height / 2 + float(rng.normal(0, 0.06)) * height,
        scale_x=scale * float(np.exp(rng.normal(0, 0.16))),
        scale_y=scale,
        shear=float(rng.normal(0.08, 0.24)),
        rotate_deg=float(rng.normal(0, 8)),
        wobble=float(rng.uniform(0, 0.045)),
    )
    strength = float(rng.uniform(0.6, 1.0)) if kind == "paper" else 1.0
    box = _within(draw(layer, glyph, place, pen, strength, rng), layer)
    if kind == "stretched":
        return _stretched(layer, rng)
    if kind == "screen":
        levels = layer if rng.random() < 0.5 else (layer > 0.5).astype(np.float32)
        return (255 * (levels if rng.random() < 0.5 else 1 - levels)).astype(np.uint8), box
    if strokes and rng.random() < _NEIGHBOUR:
        _beside(layer, strokes, place, box, pen, strength, rng)
    return _in_a_cell(layer, tall, rng), box


#: Share of the digits on paper beside which a part of another one is to be seen.
_NEIGHBOUR = 0.2


def _beside(
    layer: NDArray[np.float32],
    strokes: DigitStrokes,
    place: Placement,
    box: Box,
    pen: float,
    strength: float,
    rng: np.random.Generator,
) -> None:
    """Draw a digit that hardly reaches into the picture, left or right of the one that stands there."""
    shown = float(rng.uniform(0.02, 0.14)) * layer.shape[1]
    left = rng.random() < 0.5
    width = 0.6 * HEIGHT * place.scale_x
    x = shown - width / 2 if left else layer.shape[1] - shown + width / 2
    if box[0] < shown if left else box[2] > layer.shape[1] - shown:
        return  # there is no room for it
    other = replace(place, x=x, y=place.y + float(rng.normal(0, 0.1)) * layer.shape[0])
    draw(layer, strokes.pick(int(rng.integers(10)), rng), other, pen, strength, rng)


def _in_a_cell(layer: NDArray[np.float32], tall: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ink on paper, with what is left of a form's lines, photographed: uint8 (H, W)."""
    shape = layer.shape
    lines = np.zeros(shape, np.float32)
    if rng.random() < 0.4:
        paper.rulings(lines, rng, tall * rng.uniform(0.3, 1.2))
    darkness = float(rng.uniform(0.25, 0.95))
    levels = paper.blank(shape, rng) * (1 - darkness * layer) * (1 - darkness * float(rng.uniform(0.2, 1.0)) * lines)
    picture = paper.photographed(levels * np.float32(rng.uniform(0.6, 1.0)), rng, tall, harm=0.6)
    return picture if rng.random() < 0.9 else 255 - picture


def _stretched(layer: NDArray[np.float32], rng: np.random.Generator) -> tuple[NDArray[np.uint8], Box]:
    """The ink alone, stretched to a small square or oblong whatever its proportions, often in two levels."""
    inked = layer > 0.3
    if not inked.any():
        inked[layer.shape[0] // 2, layer.shape[1] // 2] = True
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    crop = layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = int(rng.choice([16, 16, 20, 24, 32]))
    width = side if rng.random() < 0.6 else max(5, round(side * float(rng.uniform(0.4, 1.0))))
    levels = np.clip(cv2.resize(crop, (width, side), interpolation=cv2.INTER_AREA), 0, 1)
    if rng.random() < 0.65:
        levels = (levels > rng.uniform(0.25, 0.6)).astype(np.float32)
    border = int(rng.choice([0, 0, 1, 2]))
    picture = np.pad((255 * levels).astype(np.uint8), border)
    return picture, (border, border, border + width, border + side)


def _no_digit(strokes: DigitStrokes, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A letter, a sign, a scribble, two digits at once, a blot, lines of a form, or nothing at all."""
    kinds = ["printed", "letter", "old letter", "sign", "scribble", "two", "blot", "lines", "blank"]
    kind = rng.choice(kinds, p=[0.26, 0.24, 0.04, 0.08, 0.1, 0.08, 0.06, 0.08, 0.06])
    if kind == "printed":
        return _single(marks.printed_letter(rng), rng)[0]
    if kind == "letter":
        return _single(marks.letter(rng), rng)[0]
    if kind == "old letter":
        return _single(marks.written_sign("d", rng)[0], rng)[0]
    if kind == "sign":
        return _single(marks.sign(rng)[1], rng)[0]
    if kind == "scribble":
        return _single(marks.scribble(rng), rng)[0]
    if kind == "two":
        return _single(marks.joined(*(strokes.pick(int(rng.integers(10)), rng) for _ in range(2))), rng)[0]
    side = int(rng.integers(20, 80))
    layer = np.zeros((side, side), np.float32)
    if kind == "blank":
        return _in_a_cell(layer, side, rng)
    if kind == "lines":
        for _ in range(int(rng.integers(1, 4))):
            paper.rulings(layer, rng, side * rng.uniform(0.2, 1.0))
        return _in_a_cell(layer, side, rng)
    blot = paper.smooth_noise((side, side), int(rng.integers(3, 12)), rng)
    if rng.random() < 0.5:
        return np.clip(128 + 60 * blot, 0, 255).astype(np.uint8)
    return _in_a_cell((blot > rng.uniform(0.3, 1.5)).astype(np.float32), side, rng)
