"""One self-contained page about a run: figures, tables and the settings that repeat it."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from inkdigits.config import Project
from inkdigits.files import atomic
from inkdigits.plots import draw_all, load_run


def make_report(name: str, data: str | None = None, project: Project | None = None) -> Path:
    """Draw every figure of a run and write them, with its measures, as ``reports/index.html``.

    The page holds its pictures in itself and asks no network for anything.

    Args:
        name: Of a run below ``models/``.
        data: The source to evaluate on; by default the run's own.
        project: Where; by default the current one.

    Returns:
        the page's path.

    Raises:
        ModelError: There is no such finished run.
    """
    project = project or Project.current()
    run = load_run(name, data, project)
    figures = [
        {"name": path.stem.replace("_", " "), "caption": caption, "source": _data_uri(path)}
        for path, caption in draw_all(run, project.reports / "figures")
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("inkdigits"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("report.html").render(run=run, figures=figures, result=run.evaluation.to_dict())
    target = project.reports / "index.html"
    with atomic(target, "w") as file:
        file.write(page)
    return target


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
