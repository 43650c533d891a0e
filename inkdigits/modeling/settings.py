"""What to train: a recipe, a task, a data set, a seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from inkdigits import dataset
from inkdigits.errors import UsageError
from inkdigits.modeling.recipes import Recipe, recipe

#: The file beside a run's ``model.onnx`` that has it in 8 bits.
QUANTIZED = "model-int8.onnx"


@dataclass(frozen=True)
class TrainSettings:
    """What to train. None stands for the recipe's own value.

    Attributes:
        recipe: Its name; see ``inkdigits.modeling.recipes``.
        task: ``digits``, ``is:D`` or ``pair:D,E``.
        data: A source; see ``inkdigits.sources``.
        epochs, batch_size, lr: In place of the recipe's.
        seed: The same seed on the same machine gives the same bytes.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        run: Name of the folder below ``models/``; by default made from recipe, task, data and seed.
        transpose: Swap rows and columns of the images (EMNIST's IDX files).
        teachers: Runs in ``models/`` whose mean answers are learnt in place of the labels.
    """

    recipe: str = "default"
    task: str = "digits"
    data: str = "mnist"
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    seed: int = 0
    device: str = "auto"
    run: str | None = None
    transpose: bool = False
    teachers: tuple[str, ...] = ()

    def resolved_recipe(self) -> Recipe:
        """The recipe with this run's own values in it.

        Raises:
            UsageError: there is no such recipe, or a value lies outside its range.
        """
        limits = {"epochs": (1, 10_000), "batch_size": (2, 60_000), "lr": (1e-8, 10.0), "seed": (0, 2**31 - 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name} is {value}: choose it between {low} and {high}")
        changes = {name: getattr(self, name) for name in ("epochs", "batch_size", "lr") if getattr(self, name) is not None}
        return replace(recipe(self.recipe), **changes)

    def run_name(self) -> str:
        """The folder's name below ``models/``.

        Raises:
            UsageError: the name that was given would lie elsewhere.
        """
        if self.run is not None:
            return checked_run_name(self.run)
        words = [self.recipe]
        words += [self.task.replace(":", "-").replace(",", "-")] if self.task != "digits" else []
        words += [dataset.slug(self.data, self.transpose)] if self.data != "mnist" else []
        words += [f"seed{self.seed}"] if self.seed else []
        return "-".join(words)


def checked_run_name(name: str) -> str:
    """The name of a run's folder, if it can be one.

    Raises:
        UsageError: the folder would lie elsewhere.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"{name!r} cannot name a run: use letters, digits, '.', '_' and '-'")
    return name
