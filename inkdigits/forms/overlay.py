"""A form with what was read in its fields."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkdigits.forms.results import FieldReading
from inkdigits.forms.template import Template
from inkdigits.reading.overlay import IGNORED, SURE, UNSURE, canvas_of, tag


def draw(sheet: NDArray[np.uint8], template: Template, fields: Mapping[str, FieldReading]) -> Image.Image:
    """As ``FormReading.draw``.

    Args:
        sheet: uint8 (H, W).
        template: Where its fields are.
        fields: What was read in them, by name.
    """
    canvas, scale = canvas_of(Image.fromarray(sheet).convert("RGB"), (sheet.shape[1], sheet.shape[0]))
    pen = ImageDraw.Draw(canvas)
    line = max(2, round(max(canvas.size) / 400))
    sides = (canvas.width, canvas.height, canvas.width, canvas.height)
    order = (IGNORED, SURE, UNSURE)  # what is to be looked at lies on top
    for field in sorted(template.fields, key=lambda field: order.index(_colour(fields[field.name]))):
        found, box = fields[field.name], [share * side for share, side in zip(field.box, sides, strict=True)]
        for digit in found.digits:
            pen.rectangle([edge * scale for edge in digit.box], outline=UNSURE if digit.label is None else SURE, width=1)
        pen.rectangle(box, outline=_colour(found), width=line)
        size = min(24.0, max(11.0, (box[3] - box[1]) / 4))
        tag(pen, (box[0], box[1]), " ".join([field.name, *_told(found)]), _colour(found), size)
    return canvas


def _colour(found: FieldReading) -> tuple[int, int, int]:
    return UNSURE if found.text is None else SURE if found.text else IGNORED


def _told(found: FieldReading) -> list[str]:
    return [found.text] if found.text is not None else [found.shown, found.best_text or ""]
