"""Run the notebooks: notebooks/NAME.py becomes notebooks/NAME.ipynb with all outputs, and a page in docs/notebooks.

pip install -e '.[notebooks]'
python docs/make_notebooks.py [NAME ...]
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = Path(__file__).parent / "notebooks"


def executed(script: Path) -> NotebookNode:
    """The notebook with what its cells print and draw, and nothing of the machine that ran it."""
    notebook = jupytext.read(script)
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                output.data = {"image/png": smaller(picture)}
    return notebook


def smaller(png: str) -> str:
    """The same picture, in base64, in 128 colours: a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    image.quantize(128).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def render(script: Path) -> Path:
    """Run a notebook and write both forms of it; the page's pictures stand beside it."""
    notebook = executed(script)
    nbformat.write(notebook, script.with_suffix(".ipynb"))
    page, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": script.stem})
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.glob(f"{script.stem}_*"):
        old.unlink()
    for name, content in resources["outputs"].items():
        (PAGES / name).write_bytes(content)
    note = f"*This page is `notebooks/{script.stem}.ipynb`, as `make notebooks` ran it; `make lab` opens it in JupyterLab.*\n"
    target = PAGES / f"{script.stem}.md"
    linked = page.replace("../docs/", "../").replace(".ipynb)", ".md)")
    target.write_text(linked.lstrip() + "\n" + note, encoding="utf-8")
    return target


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        if not wanted or path.stem in wanted:
            print(render(path))
