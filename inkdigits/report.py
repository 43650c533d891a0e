"""Self-contained pages: about a run, with figures, tables and the settings that repeat it; and about runs side by side."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.config import Project
from inkdigits.files import atomic
from inkdigits.modeling.compare import Comparison, overview
from inkdigits.plots import draw_all, load_run

#: Images on which models differ that a page shows.
_MOST_SHOWN = 120


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
        {"name": path.stem.replace("_", " "), "caption": caption, "source": _data_uri(path.read_bytes())}
        for path, caption in draw_all(run, project.reports / "figures")
    ]
    target = output or project.reports / f"{name}.html"
    _write(target, "report.html", run=run, figures=figures, result=run.evaluation.to_dict(), listed=output is None)
    if output is None:
        pages = [found for found in overview(project) if (project.reports / f"{found['name']}.html").exists()]
        _write(project.reports / "index.html", "reports.html", runs=[found for found in pages if "fault" not in found])
    return target


def make_comparison(found: Comparison, output: Path) -> None:
    """Write a page about several models: the tables of ``found``, and the images on which the models differ.

    Args:
        found: What ``modeling.compare.compare`` has given.
        output: The page's file. It holds its pictures in itself and asks no network for anything.
    """
    correct = np.stack([found.correct(number) for number in range(len(found.names))])
    differ = np.flatnonzero(correct.any(0) & ~correct.all(0))
    first = found.evaluations[0]
    images = [
        {
            "source": _data_uri(_png(255 - first.images[place])),
            "label": first.task.classes[first.targets[place]],
            "answers": [
                {"label": first.task.classes[one.predicted[place]], "right": bool(right)}
                for one, right in zip(found.evaluations, correct[:, place], strict=True)
            ],
        }
        for place in differ[:_MOST_SHOWN]
    ]
    missed = int((~correct.any(0)).sum())
    _write(
        output,
        "comparison.html",
        found=found.to_dict(),
        verdicts=found.verdicts(),
        images=images,
        differ=len(differ),
        missed=missed,
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _write(path: Path, template: str, **content: Any) -> None:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("inkdigits"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template(template).render(**content)
    with atomic(path, "w") as file:
        file.write(page)


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
