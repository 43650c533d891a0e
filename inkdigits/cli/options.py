"""Options that several commands have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from inkdigits.errors import UsageError
from inkdigits.limits import DEFAULTS, Limits
from inkdigits.pages import parsed
from inkdigits.runs import Run

F = TypeVar("F", bound=Callable[..., Any])


def limit(function: F, defaults: Limits = DEFAULTS, show_envvar: bool = False) -> F:
    """``--limit``, which gives ``Limits``; those that are not named stay as they are by default."""
    return click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="NAME=NUMBER",
        show_envvar=show_envvar,
        callback=lambda context, option, values: _limits(values, defaults),
        help="What a file may cost: pages, pixels, seconds, memory in MB, components; e.g. --limit pages=5000.",
    )(function)


def _limits(values: tuple[str, ...], defaults: Limits) -> Limits:
    names = defaults.__dataclass_fields__
    given: dict[str, float] = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in names:
            raise UsageError(f"--limit {value}: there is no limit {name!r}: use {', '.join(names)}")
        try:
            given[name] = int(number)
        except ValueError:
            raise UsageError(f"--limit {value}: {number!r} is no whole number: write it as {name}=1000") from None
    return dataclasses.replace(defaults, **given)  # type: ignore[arg-type]


def pages(function: F) -> F:
    """``--pages``, which gives their numbers; None: all."""
    return click.option(
        "--pages",
        metavar="NUMBERS",
        callback=lambda context, option, value: None if value is None else parsed(value),
        help="Of each TIFF or PDF these pages alone, such as 2 or 1-3,7.",
    )(function)


def transpose(function: F) -> F:
    """``--transpose``."""
    return click.option(
        "--transpose", is_flag=True, help="Swap rows and columns of the images, as EMNIST's IDX files need it."
    )(function)


def model(function: F) -> F:
    """``--model``, of a classifier."""
    return click.option(
        "--model",
        metavar="MODEL",
        help="A run's name, its folder or an ONNX file.  [default: the run trained last, else the shipped model]",
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
    return click.option("--model", "name", metavar="RUN", help="A run's name.  [default: the run trained last]")(function)


def run_or_last(name: str | None) -> str:
    """A run that was named, or the one trained last, which is then said.

    Raises:
        UsageError: There is none.
    """
    found = model_or_last(name)
    if found is None:
        raise UsageError("there are no runs here yet: inkdigits train --recipe fast makes one in seconds")
    return found


def model_or_last(model: str | None) -> str | None:
    """A model that was named, or the run trained last, which is then said; None where there are no runs: the shipped model."""
    if model is not None or (last := Run.latest()) is None:
        return model
    click.echo(f"inkdigits: the model is {last.name}, which was trained last (--model names another)", err=True)
    return last.name
