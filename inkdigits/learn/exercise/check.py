"""The check of the exercise: grade a student's folder, or a class of them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from inkdigits.errors import DataError
from inkdigits.files import atomic
from inkdigits.learn.exercise.steps import STEPS, Step
from inkdigits.learn.exercise.worker import LARGEST_FILE

_WORKER = Path(__file__).with_name("worker.py")
#: A student's file larger than this is no source code.
_LARGEST_SOURCE = 1_000_000
#: Characters of what a student's code says.
_LONGEST_HINT = 500
#: What the worker needs to find Python and NumPy, wherever they are installed.
_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "SYSTEMROOT", "USERPROFILE", "APPDATA", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"),
)


class Verdict(NamedTuple):
    """A step's judgement: a hint if it has failed, else a figure to tell, which may be empty."""

    hint: str | None
    figure: str = ""


@dataclass(frozen=True)
class Grade:
    """What the check of one folder has found.

    Attributes:
        name: The folder's.
        passed: Names of the steps that are right, in order.
        failed: Name of the first that is not, or None.
        hint: What to think about, or None.
        figures: What the steps that are right have to tell, by their names: the share of the test digits, the speed.
    """

    name: str
    passed: tuple[str, ...]
    failed: str | None = None
    hint: str | None = None
    figures: Mapping[str, str] = field(default_factory=dict)


def check(folder: Path, on_step: Callable[[str, Verdict], None] | None = None) -> Grade:
    """Go through the steps until one fails.

    The student's code runs in processes of their own, in a copy of the folder that is deleted afterwards.

    Args:
        folder: It holds ``ann.py``.
        on_step: Called after each step, with its name and what was found.

    Raises:
        DataError: there is no ``ann.py`` in the folder.
    """
    sources = _sources(folder)
    name = folder.resolve().name
    figures: dict[str, str] = {}
    for step in STEPS:
        verdict = _asked(step, sources)
        if on_step:
            on_step(step.name, verdict)
        if verdict.hint:
            return Grade(name, tuple(figures), step.name, verdict.hint, figures)
        figures[step.name] = verdict.figure
    return Grade(name, tuple(figures), figures=figures)


def _sources(folder: Path) -> dict[str, bytes]:
    """The Python files of a folder; links are left out, for they may lead anywhere."""
    ours = folder / "ann.py"
    if not ours.is_file():
        raise DataError(f"{folder} holds no ann.py: give a folder that 'inkdigits learn start' has made")
    if ours.is_symlink() or ours.stat().st_size > _LARGEST_SOURCE:
        raise DataError(f"{ours} is a link, or larger than {_LARGEST_SOURCE // 1_000_000} MB: put the file itself there")
    found = [path for path in folder.glob("*.py") if path.is_file() and not path.is_symlink()]
    return {path.name: path.read_bytes() for path in found if path.stat().st_size <= _LARGEST_SOURCE}


def _asked(step: Step, sources: dict[str, bytes]) -> Verdict:
    """Ask one step's question in a new process, and judge the answer."""
    given = step.given()
    with tempfile.TemporaryDirectory(prefix="inkdigits-check-", ignore_cleanup_errors=True) as name:
        outer = Path(name)
        folder = outer / "submission"
        folder.mkdir()
        for file, content in sources.items():
            (folder / file).write_bytes(content)
        np.savez(outer / "task.npz", **given)  # type: ignore[arg-type]
        in_time = _run(step, folder)
        try:
            fault = _fault(step, outer, in_time)
            if fault:
                return Verdict(_plain(fault))
            answer = _answer(outer / "answer.npz")
            hint = step.hint(given, answer)
            return Verdict(_plain(hint)) if hint else Verdict(None, step.figure(given, answer))
        except Exception as error:  # whatever the student's process has left there must not stop the check of the others
            return Verdict(_plain(f"its answer cannot be read ({type(error).__name__}: {error})"))


def _run(step: Step, folder: Path) -> bool:
    """Let the worker ask; False if it had to be stopped."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (folder.parent / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-X", "utf8", str(_WORKER), step.task],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            process.wait(step.seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _stop(process)
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _answer(path: Path) -> dict[str, np.ndarray]:
    """The arrays that the worker has written."""
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_FILE:
            raise ValueError(f"it unpacks to more than {LARGEST_FILE // 1_000_000} MB")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _fault(step: Step, outer: Path, in_time: bool) -> str | None:
    """What kept the code from answering, in words for the student; None if it has answered."""
    violations = (outer / "violations.txt").read_text("utf-8", "replace") if (outer / "violations.txt").exists() else ""
    if (outer / "printed.txt").stat().st_size >= LARGEST_FILE:
        return f"it prints more than {LARGEST_FILE // 1_000_000} MB: leave out the prints inside of loops"
    if not in_time:
        return f"it was stopped after {step.seconds:.0f} seconds: does a loop never end, or work on one number at a time?"
    if violations:
        what = violations.splitlines()[0][:200]
        return f"it {what}, which is not allowed: the network works with NumPy and with what it is given, and nothing else"
    if (outer / "answer.npz").exists() and (outer / "answer.npz").stat().st_size:
        return None
    if not (outer / "error.json").exists() or not (outer / "error.json").stat().st_size:
        return "the process ended without an answer: was it out of memory (4 GB), or does the code end it?"
    error = json.loads((outer / "error.json").read_text())
    kind, message = str(error["type"]), str(error["message"])
    if kind == "NotImplementedError":
        return f"{message or 'a method'} is not written yet: README.md has the formulas"
    if kind == "SystemExit":
        return "the code ends the program, with exit or quit: leave that out of ann.py"
    return kind + (f" in line {error['line']} of ann.py" if error["line"] else "") + f": {message}"


def _plain(text: str) -> str:
    """Text without line ends and control characters, and cut: what a student's code says must not paint the terminal."""
    printable = "".join(c if c.isprintable() else " " for c in text[:_LONGEST_HINT])
    return " ".join(printable.encode(errors="backslashreplace").decode().split())


# --- The command ------------------------------------------------------------------------------------------------------


def _submissions(folder: Path) -> list[Path]:
    """The folder itself if it holds an ``ann.py``, else the folders in it."""
    if (folder / "ann.py").exists():
        return [folder]
    found = sorted(path for path in folder.glob("[!.]*") if path.is_dir())
    if not any((path / "ann.py").exists() for path in found):
        raise DataError(f"neither {folder} nor a folder in it holds an ann.py: make one with inkdigits learn start")
    return found


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the grades to a CSV file too.")
def main(folder: Path, output: Path | None) -> int:
    """Check the exercise, step by step, up to the first that fails, with a hint; or a folder of such folders.

    \b
    Example: inkdigits learn check my-network
    Example: inkdigits learn check submissions/ -o grades.csv
    """
    found = _submissions(folder)
    grades = []
    for submission in found:
        if submission != folder:
            click.echo(f"{_plain(submission.name)}:")
        try:
            grades.append(check(submission, _say))
        except DataError as error:
            grades.append(Grade(submission.name, (), STEPS[0].name, _plain(str(error))))
            _say(STEPS[0].name, Verdict(grades[-1].hint))
        if output:  # after each, so that nothing is lost if the next one is stopped
            with atomic(output, "w") as file:
                file.write(_table(grades))
    return 1 if any(grade.failed for grade in grades) else 0


def _say(step: str, verdict: Verdict) -> None:
    told = verdict.hint or verdict.figure
    click.echo(f"  {'✗' if verdict.hint else '✓'} {step}" + (f": {told}" if told else ""))


def _table(grades: list[Grade]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["submission", "passed", "of", "failed", "hint", "test", "speed"])
    for found in grades:
        figures = [found.figures.get(step, "") for step in ("test", "speed")]
        told = map(_cell, (found.failed or "", found.hint or "", *figures))
        writer.writerow([_cell(found.name), len(found.passed), len(STEPS), *told])
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    plain = _plain(text)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain
