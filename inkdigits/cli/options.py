"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def transpose(function: F) -> F:
    """``--transpose``."""
    return click.option(
        "--transpose", is_flag=True, help="Swap rows and columns of the images, as EMNIST's IDX files need it."
    )(function)


def model(function: F) -> F:
    """``--model``, of a classifier."""
    return click.option(
        "--model", metavar="MODEL", help="A run's name, its folder or an ONNX file.  [default: the shipped model]"
    )(function)


def source(function: F) -> F:
    """``--data``, of a step that takes any source."""
    return click.option("--data", default="mnist", show_default=True, help="A source, as for 'inkdigits data'.")(function)


def strokes(function: F) -> F:
    """``--data``, of a step that synthesizes pictures."""
    return click.option(
        "--data", default="mnist", show_default=True, help="The source of the strokes, as for 'inkdigits data'."
    )(function)


def run(function: F) -> F:
    """``--model``, of a step that needs a run of this project."""
    return click.option("--model", "name", default="fast", show_default=True, metavar="RUN", help="A run's name.")(function)
