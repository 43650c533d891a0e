"""The pictures in examples/ are read as the demo shows them: no digit wrong, hardly one unsure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_demo_reads_its_own_pictures() -> None:
    told = subprocess.run([sys.executable, DOCS / "read_examples.py"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert sum(map(str.isdigit, "".join(line for line in told.stdout.splitlines() if line[0] == " "))) >= 80
    assert told.stdout.count("?") <= 5


@pytest.mark.parametrize(
    ("read", "true", "right"),
    [("1? 3", "123", True), ("13", "123", False), ("124", "123", False), ("1\n2", "12", False), ("", "1", False)],
)
def test_what_counts_as_wrong(read: str, true: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    import read_examples

    assert read_examples.agrees(read, true) is right
