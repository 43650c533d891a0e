"""Run the notebooks and write them, with what they print and draw, into docs/notebooks.

pip install -e '.[notebooks]'
python docs/make_notebooks.py [NAME ...]
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "notebooks"


def render(script: Path) -> Path:
    """Run a notebook and write it as a page; its pictures stand beside it."""
    notebook = jupytext.read(script)
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    page, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": script.stem})
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob(f"{script.stem}_*"):
        old.unlink()
    for name, content in resources["outputs"].items():
        Image.open(io.BytesIO(content)).convert("RGB").quantize(128).save(FOLDER / name, optimize=True)  # a third of the size
    note = f"*This page is `notebooks/{script.name}`, run by `make notebooks`. It opens in Jupyter, with jupytext, as it is.*\n"
    target = FOLDER / f"{script.stem}.md"
    target.write_text(page.replace("../docs/", "../").lstrip() + "\n" + note, encoding="utf-8")
    return target


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        if not wanted or path.stem in wanted:
            print(render(path))
