"""What a classifier's ``meta.json`` must hold, whoever wrote it; see references/data_dictionary.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt

from inkdigits.errors import ModelError
from inkdigits.settings import explained

_Share = Annotated[FiniteFloat, pydantic.Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Split(_Part):
    count: NonNegativeInt
    images_sha256: str


class _Data(_Part):
    source: str
    transpose: bool
    splits: dict[str, _Split]


class _Accuracy(_Part):
    accuracy: _Share
    wrong: NonNegativeInt
    count: NonNegativeInt


class _Versions(_Part):
    inkdigits: str
    python: str
    torch: str
    numpy: str


class _Teacher(_Part):
    run: str
    data: _Data


class _Meta(_Part):
    task: str
    recipe: str
    settings: dict[str, Any]
    parameters: NonNegativeInt
    seed: NonNegativeInt
    data: _Data
    teachers: list[_Teacher] = []
    validation: _Accuracy
    test: _Accuracy | None
    training_seconds: Annotated[FiniteFloat, pydantic.Field(ge=0)]
    device: str
    versions: _Versions
    git_commit: str | None
    model_sha256: str


def checked(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What is known of a classifier, if it has the form that it should have.

    Args:
        content: Of ``meta.json``.
        path: Its file, or that of the model, for the error.

    Raises:
        ModelError: Something is missing, or of another type.
    """
    try:
        _Meta.model_validate(content)
    except pydantic.ValidationError as error:
        raise ModelError(
            f"{path} holds no finished run of this version: {explained(error, 'meta.json')}; train it again"
        ) from None
    return dict(content)
