"""The notebooks run from the first cell to the last, as plain Python, on a part of the data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inkdigits.config import Project

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "notebooks"
PAGES = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, home: Project) -> None:
    environment = os.environ | {"INKDIGITS_QUICK": "1", "INKDIGITS_PROJECT": str(home.root), "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, path], cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) >= 4
    assert "nan" not in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_that_opens_is_the_script_that_was_run(path: Path) -> None:
    assert path.with_suffix(".ipynb").stat().st_size < 500_000
    notebook = json.loads(path.with_suffix(".ipynb").read_text())
    cells = [cell.split("\n", 1) for cell in re.split(r"^# %%", path.read_text(), flags=re.MULTILINE)[1:]]
    assert [cell["cell_type"] == "markdown" for cell in notebook["cells"]] == [head == " [markdown]" for head, _ in cells]
    ran = 0
    for cell, (head, text) in zip(notebook["cells"], cells, strict=True):
        plain = re.sub(r"^# ?", "", text, flags=re.MULTILINE) if head else text
        assert "".join(cell["source"]) == plain.strip()
        if not head:
            ran += 1
            assert cell["execution_count"] == ran
            assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in cell["outputs"])
    last = "".join(notebook["cells"][-1]["source"])
    assert "**You did it:**" in last
    for page in re.findall(r"\]\(([^)]+)\)", last):
        assert (FOLDER / page).is_file()


def test_opened_anywhere_it_leaves_nothing_there(tmp_path: Path, home: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INKDIGITS_PROJECT", raising=False)
    script = NOTEBOOKS[0].read_text().split("# %% [markdown]")[1].split("# %%")[1]  # the cell that gets the data
    environment = os.environ | {"INKDIGITS_CACHE_DIR": str(tmp_path / "cache"), "MPLBACKEND": "Agg"}
    (tmp_path / "here").mkdir()
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "here", env=environment, check=True)
    assert not list((tmp_path / "here").iterdir())
    assert (tmp_path / "cache" / "notebooks" / "data" / "processed").is_dir()


def test_there_are_eight_each_with_its_page() -> None:
    assert [path.stem.split("-")[0] for path in NOTEBOOKS] == [f"{number}.0" for number in range(1, 9)]
    for path in NOTEBOOKS:
        page = (PAGES / f"{path.stem}.md").read_text()
        title = re.search(r"^# # (.*)$", path.read_text(), re.MULTILINE)
        assert title
        assert page.startswith(f"# {title[1]}\n")
        for picture in re.findall(r"!\[[^]]*]\(([^)]+)\)", page):
            assert (PAGES / picture).is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_percent_script_that_begins_with_its_title(path: Path) -> None:
    cells = re.split(r"^# %%", path.read_text(), flags=re.MULTILINE)
    assert cells[0] == ""
    assert cells[1].startswith(" [markdown]\n# # ")
    for cell in cells[1:]:
        if cell.startswith(" [markdown]"):
            assert all(line.startswith("#") for line in cell.strip().splitlines()[1:])
