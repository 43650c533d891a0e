"""What programs outside rely on: the names, their signatures, and docstrings that leave nothing open."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import inkdigits
from inkdigits import errors

REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, class and method, by its name below ``inkdigits``."""
    for name in inkdigits.__all__:
        found = getattr(inkdigits, name)
        if inspect.isclass(found) and issubclass(found, Exception):
            continue
        yield name, found
        if inspect.isclass(found):
            for method, value in inspect.getmembers(found):
                own = (getattr(value, "__module__", None) or "").startswith("inkdigits")  # not of a mapping, which Python has
                if own and not method.startswith("_") and callable(value) and (inspect.getdoc(value) or "") != "":
                    yield f"{name}.{method}", value


CALLABLES = dict(public_callables())


def test_the_exported_names_are_those_that_are_documented() -> None:
    members = re.findall(r"members: \[([^]]*)\]", REFERENCE.read_text())
    documented = {name.strip() for names in members for name in names.split(",")}
    assert documented >= {name for name in inkdigits.__all__ if name in CALLABLES}
    for name in inkdigits.__all__:
        assert getattr(inkdigits, name).__name__ == name
    assert set(inkdigits.__all__) == set(dir(inkdigits))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = inkdigits.nonsense


@pytest.mark.parametrize("name", ["read", "read_many", "read_pages", "read_fields", "read_fields_pages"])
def test_the_functions_are_the_methods_with_a_default_reader(name: str) -> None:
    function, method = getattr(inkdigits, name), getattr(inkdigits.Reader, name)
    wanted = list(inspect.signature(method).parameters.values())[1:]
    found = list(inspect.signature(function).parameters.values())
    assert [(p.name, p.kind, p.default) for p in found] == [(p.name, p.kind, p.default) for p in wanted]
    assert f"``Reader.{name}``" in str(function.__doc__)


@pytest.mark.parametrize("name", CALLABLES)
def test_a_docstring_says_what_goes_in_and_comes_out(name: str) -> None:
    found = CALLABLES[name]
    text = inspect.getdoc(found) or ""
    if text.startswith("``Reader."):  # the test above holds them against the methods
        return
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    if parameters:
        section = re.search(r"^(Args|Attributes):\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
        assert section, f"{name} does not describe its arguments"
        named = set(re.findall(r"^    \*{0,2}(\w+):", text, re.MULTILINE))
        missing = [p.name for p in parameters if p.name not in named]
        assert not missing, f"{name} does not describe {missing}"
    if "raise " in inspect.getsource(found) and not inspect.isclass(found):
        assert "Raises:" in text, f"{name} does not say what it raises"


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = errors.__doc__ or ""
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, Exception):
            assert name in drawn
            assert name in inkdigits.__all__
    assert issubclass(errors.ImageError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
    assert issubclass(errors.LeakageError, errors.DataError)
