"""One self-contained page about a run: figures, tables and the settings that repeat it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2

from inkdigits.config import Project
from inkdigits.files import atomic
from inkdigits.modeling.compare import overview
from inkdigits.plots import draw_all, load_run


def make_report(name: str, data: str | None = None, project: Project | None = None, output: Path | None = None) -> Path:
    """Draw every figure of a run and write them, with its measures, as ``reports/<run>.html``.

    ``reports/index.html`` lists such pages. The page holds its pictures in itself and asks no network for anything.

    Args:
        name: Of a run below ``models/``.
        data: The source to evaluate on; by default the run's own.
        project: Where; by default the current one.
        output: Another file for the page, which no list then names.

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
    target = output or project.reports / f"{name}.html"
    _write(target, "report.html", run=run, figures=figures, result=run.evaluation.to_dict(), listed=output is None)
    if output is None:
        pages = [found for found in overview(project) if (project.reports / f"{found['name']}.html").exists()]
        _write(project.reports / "index.html", "reports.html", runs=[found for found in pages if "fault" not in found])
    return target


def _write(path: Path, template: str, **content: Any) -> None:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("inkdigits"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template(template).render(**content)
    with atomic(path, "w") as file:
        file.write(page)


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
