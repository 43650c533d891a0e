"""The order of the layers: a module imports what stands below it, never what stands above or beside its folder."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import inkdigits

ROOT = Path(inkdigits.__file__).parent

#: From the bottom to the top. Those of one line don't import each other; docs/architecture.md draws the same.
LAYERS = (
    ("errors", "geometry", "config"),
    ("extras", "files", "settings", "limits", "pdf_process"),
    ("console", "formats", "download", "pdf"),
    ("images",),
    ("preparation", "dataset", "labelled", "pages"),
    ("splits", "leakage", "sources"),
    ("features", "runs"),
    ("inference",),
    ("reading",),
    ("forms",),
    ("reader",),
    ("learn", "synthesis", "service"),
    ("modeling",),
    ("plots",),
    ("report",),
    ("cli",),
    ("__main__",),
)
#: A student's project stands alone, and is run beside its own ``ann.py``.
EXERCISE = ROOT / "learn" / "exercise" / "project"


def modules() -> dict[str, Path]:
    """Every module by its name without ``inkdigits.``; the package itself is the empty name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        if EXERCISE not in path.parents:
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The modules of inkdigits that a file imports, wherever in it: inside functions and for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if _short(whole) in MODULES else str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    names = {_short(name) for name in found if name.split(".")[0] == "inkdigits"}
    return (names & MODULES.keys()) - {""}  # the package itself has but a version


def _short(name: str) -> str:
    return name.removeprefix("inkdigits").lstrip(".")


def layer(module: str) -> int:
    """Index of the layer of a module."""
    top = module.split(".")[0]
    places = [i for i, names in enumerate(LAYERS) if top in names]
    assert places, f"{module} stands in no layer: add it to LAYERS"
    return places[0]


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name))
def test_nothing_reaches_upwards(module: str) -> None:
    for other in imported(MODULES[module]):
        same_folder = other.split(".")[0] == module.split(".")[0]
        assert same_folder or layer(other) < layer(module), f"{module} imports {other}, which stands above or beside it"


def test_there_are_no_circles() -> None:
    TopologicalSorter({name: imported(path) for name, path in MODULES.items() if name}).prepare()


def test_every_layer_exists() -> None:
    tops = {name.split(".")[0] for name in MODULES if name}
    assert tops == {name for names in LAYERS for name in names}
