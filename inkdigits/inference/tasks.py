"""The three levels of the exercise: is it a 5? – 5 or 3? – which digit?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.dataset import Split
from inkdigits.errors import UsageError
from inkdigits.formats import DIGITS

#: The reader's own task: which digit, or none. MNIST has no examples of "none"; ``inkdigits.synthesis`` makes them.
READER = "digits-or-none"
#: Index of "no digit" among that task's eleven classes.
NON_DIGIT = 10


@dataclass(frozen=True)
class Task:
    """What a classifier tells apart.

    Attributes:
        name: ``digits``, ``is:5`` (any digit) or ``pair:5,3`` (any two).
        classes: What each output means, in order. Of a binary task the second is the positive class.
        digits: For each digit 0 to 9 the index of its class, or -1 where the task leaves that digit out.
    """

    name: str
    classes: tuple[str, ...]
    digits: tuple[int, ...]

    @property
    def labels(self) -> NDArray[np.int64] | NDArray[np.str_]:
        """The classes as they are given back: digits as int64 where all of them are digits, else their names as str."""
        names = np.array(self.classes)
        return names.astype(np.int64) if set(self.classes) <= set(DIGITS) else names

    @property
    def binary(self) -> bool:
        """Whether there are two classes, the second of which is the positive one."""
        return len(self.classes) == 2

    def targets(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class index of each digit label, int64 (N,); -1 where the task leaves the digit out."""
        return np.array(self.digits, np.int64)[labels]

    def select(self, data: Split) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The images that the task is about, uint8 (N, 28, 28), and their class indices, int64 (N,).

        Raises:
            DataError: There are no labels.
        """
        images, labels = data.labelled()
        targets = self.targets(labels)
        return images[targets >= 0], targets[targets >= 0]


def task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: It is none of ``digits``, ``is:D`` and ``pair:D,E``.
    """
    if name == "digits":
        return Task(name, DIGITS, tuple(range(10)))
    if name == READER:
        return Task(name, (*DIGITS, "none"), tuple(range(10)))
    if match := re.fullmatch(r"is:([0-9])", name):
        wanted = int(match[1])
        return Task(name, (f"not {wanted}", str(wanted)), tuple(int(d == wanted) for d in range(10)))
    if (match := re.fullmatch(r"pair:([0-9]),([0-9])", name)) and match[1] != match[2]:
        first, second = int(match[1]), int(match[2])
        classes = {second: 0, first: 1}  # the digit named first is the positive one
        return Task(name, (str(second), str(first)), tuple(classes.get(d, -1) for d in range(10)))
    raise UsageError(f"there is no task {name!r}: use digits, is:D (is it a 5? is:5) or pair:D,E (5 or 3? pair:5,3)")
