"""What to train: a recipe, a task, a data set, a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from inkdigits import sources
from inkdigits.modeling.recipes import Recipe, recipe
from inkdigits.settings import settings

Device = Literal["auto", "cpu", "cuda"]


@settings
class TrainSettings:
    """What to train. None stands for the recipe's own value.

    Attributes:
        recipe: Its name; see ``inkdigits.modeling.recipes``.
        task: ``digits``, ``is:D`` or ``pair:D,E``.
        data: A source; see ``inkdigits.sources``.
        epochs: In place of the recipe's.
        batch_size: In place of the recipe's.
        lr: Highest learning rate, in place of the recipe's.
        seed: The same seed on the same machine gives the same bytes.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        run: Name of the folder below ``models/``; by default made from recipe, task, data and seed.
        transpose: Swap rows and columns of the images (EMNIST's IDX files).
        teachers: Runs in ``models/`` whose mean probabilities are learnt in place of the labels.
        start: A run in ``models/`` whose weights to start from, in place of random ones.

    Raises:
        UsageError: A value lies outside its range.
    """

    recipe: str = "default"
    task: str = "digits"
    data: str = "mnist"
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    batch_size: Annotated[int, Field(ge=2, le=60_000)] | None = None
    lr: Annotated[float, Field(ge=1e-8, le=10.0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    device: Device = "auto"
    run: str | None = None
    transpose: bool = False
    teachers: tuple[str, ...] = ()
    start: str | None = None

    def resolved_recipe(self) -> Recipe:
        """The recipe with this run's own values in it.

        Raises:
            UsageError: There is no such recipe.
        """
        changes = {name: getattr(self, name) for name in ("epochs", "batch_size", "lr") if getattr(self, name) is not None}
        return replace(recipe(self.recipe), **changes)

    def run_name(self) -> str:
        """The folder's name below ``models/``.

        Raises:
            UsageError: There is no such source.
        """
        if self.run is not None:
            return self.run
        words = [self.recipe]
        words += [self.task.replace(":", "-").replace(",", "-")] if self.task != "digits" else []
        words += [sources.find(self.data, self.transpose).slug] if self.data != "mnist" else []
        words += [f"seed{self.seed}"] if self.seed else []
        return "-".join(words)
