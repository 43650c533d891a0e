"""The check of the exercise: grade a student's folder, or a class of them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from inkdigits.errors import DataError
from inkdigits.files import as_cell, atomic
from inkdigits.learn.exercise import isolation
from inkdigits.learn.exercise.steps import STEPS, Step

#: A student's file larger than this is no source code.
_LARGEST_SOURCE = 1_000_000
_MOST_SOURCES = 50
#: Characters of what a student's code says, and lines of what it prints.
_LONGEST_HINT, _MOST_LINES = 500, 8
#: Bytes of an answer; the worker cannot write more.
_LARGEST_ANSWER = 2_000_000
#: Bytes of what describes the arrays of an answer, how many there may be, and of which types: plain numbers.
_LONGEST_HEAD, _MOST_ARRAYS = 10_000, 50
_PLAIN = frozenset(("<f2", "<f4", "<f8", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "|i1", "|u1", "|b1"))
#: So often a step that is timed is asked, and so often code that does nothing, whose time is taken off.
_TIMED = 3
_IDLE = {
    "ann.py": b"""class NeuralNetwork:
    def __init__(self, layers, seed): pass
    def train(self, *arguments, **named): pass
    def predict(self, inputs): return [0] * len(inputs)
"""
}
#: What code meets that reaches for more than it is given.
_BEYOND = {"ModuleNotFoundError", "FileNotFoundError", "PermissionError", "OSError"}


class Verdict(NamedTuple):
    """A step's judgement: a hint if it has failed, else a figure to tell, which may be empty; and what the code printed."""

    hint: str | None
    figure: str = ""
    printed: str = ""


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

    The student's code runs in processes that see a copy of the folder, Python and NumPy, and nothing else, where the system can
    isolate them (``isolation.obstacle()`` is None); elsewhere in processes that can do what this one can.

    Args:
        folder: It holds ``ann.py``.
        on_step: Called after each step, with its name and what was found.

    Raises:
        DataError: there is no ``ann.py`` in the folder.
    """
    sources = _sources(folder)
    name = folder.name or folder.resolve().name
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
    found = [path for path in sorted(folder.glob("*.py")) if path.is_file() and not path.is_symlink()]
    sizes = {path: size for path in found if (size := path.stat().st_size) <= _LARGEST_SOURCE}
    if len(sizes) > _MOST_SOURCES or sum(sizes.values()) > 5 * _LARGEST_SOURCE:
        raise DataError(
            f"{folder} holds more than {_MOST_SOURCES} Python files or 5 MB of them: put only what ann.py needs there"
        )
    return {path.name: path.read_bytes() for path in sizes}


class _FaultError(Exception):
    """What kept the code from answering, in words for the student; and what it had printed."""

    def __init__(self, message: str, printed: str = "") -> None:
        super().__init__(message)
        self.printed = printed


def _asked(step: Step, sources: Mapping[str, bytes]) -> Verdict:
    """Ask one step's question in a new process, and judge the answer."""
    given = step.given()
    question = _packed(given)
    try:
        answer = min((_answer(step, sources, question) for _ in range(_TIMED if step.timed else 1)), key=_seconds)
        if step.timed:
            answer["seconds"] -= min(_seconds(_answer(step, _IDLE, question)) for _ in range(_TIMED))
        with np.errstate(all="ignore"):
            hint = step.hint(given, answer)
        if hint:
            return Verdict(
                _plain(hint), printed=answer.get("printed", np.zeros(0, np.uint8)).tobytes().decode(errors="replace")
            )
        return Verdict(None, step.figure(given, answer))
    except _FaultError as fault:
        return Verdict(_plain(str(fault)), printed=fault.printed)
    except Exception as error:  # whatever the student's process has answered must not stop the check of the others
        return Verdict(_plain(f"its answer cannot be read ({type(error).__name__}: {error})"))


def _seconds(answer: Mapping[str, np.ndarray]) -> float:
    return float(answer["seconds"])


def _answer(step: Step, sources: Mapping[str, bytes], packed: bytes) -> dict[str, np.ndarray]:
    """The arrays that the student's code answers to a question, and the ``seconds`` that its process took."""
    with (
        tempfile.TemporaryDirectory(prefix="inkdigits-check-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as question,
        tempfile.TemporaryFile() as said,
    ):
        for file, content in sources.items():
            (Path(folder) / file).write_bytes(content)
        question.write(packed)
        seconds = isolation.run(Path(folder), step.task, question, said, step.seconds)
        if seconds is None:
            raise _FaultError(
                f"it was stopped after {step.seconds:.0f} seconds: does a loop never end, or work on one number at a time?"
            )
        said.seek(0)
        content = said.read(_LARGEST_ANSWER + 1)
    if not content:
        raise _FaultError("the process ended without an answer: was it out of memory (4 GB), or does the code end it?")
    return _unpacked(content) | {"seconds": np.array(seconds)}


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as ``worker.py`` takes them: a line of JSON with their names, types and shapes, and their bytes."""
    about = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    return json.dumps(about).encode() + b"\n" + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())


def _unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an answer. It comes from a stranger: nothing is taken that is larger than its bytes.

    Raises:
        ValueError: It is no answer.
        _FaultError: It tells of an error.
    """
    head, _, rest = content[:_LARGEST_ANSWER].partition(b"\n")
    if len(content) > _LARGEST_ANSWER or len(head) > _LONGEST_HEAD:
        raise ValueError(f"it has more than {_LARGEST_ANSWER // 1_000_000} MB")
    about = json.loads(head)
    if isinstance(about, dict):
        raise _FaultError(_explained(*(str(word) for word in about["error"][:3])), str(about.get("printed", "")))
    answer, place = {}, 0
    for name, dtype, shape in about[:_MOST_ARRAYS]:
        if not (
            isinstance(name, str)
            and dtype in _PLAIN
            and len(shape) <= 2
            and all(type(side) is int and side >= 0 for side in shape)
        ):
            raise ValueError("it holds other things than vectors and matrices of plain numbers")
        answer[name] = np.frombuffer(rest, dtype, math.prod(shape), place).reshape(shape)
        place += answer[name].nbytes
    return answer


def _explained(kind: str, message: str, place: str) -> str:
    """An exception in words for the student."""
    if kind == "NotImplementedError":
        return f"{message or 'a method'} is not written yet: README.md has the formulas"
    if kind == "SystemExit":
        return "the code ends the program, with exit or quit: leave that out of ann.py"
    told = kind + (f" in {place}" if place else "") + f": {message}"
    if kind == "AttributeError" and not place and "'NeuralNetwork'" in message:
        if message.startswith("module"):
            return "there is no class NeuralNetwork in ann.py: keep the name that you began with"
        return f"{message}: is self. missing where it is made, or is it misspelt?"
    if kind == "ValueError" and "matmul" in message:
        return (
            f"{told}: is one of the two to be transposed, or of another layer? Examples are rows, W[l] is self.weights[l - 1]"
        )
    if kind == "ValueError" and "broadcast" in message:
        return f"{told}: both need a row for each example, and a column for each neuron of that layer"
    if kind == "TypeError" and ("positional argument" in message or "0-dimensional" in message or "length-1" in message):
        if "0-dimensional" in message or "length-1" in message:
            return f"{told}: math.exp and its kin take one number; np.exp takes whole arrays"
        return f"{told}: is self missing, as the first name in the brackets of its def, or self. where it is called?"
    if kind == "IndexError":
        return f"{told}: lists count from 0, so W[l] is self.weights[l - 1], and the last is self.weights[-1]"
    if kind == "ModuleNotFoundError" and "'inkdigits'" in message:
        return (
            f"{told}: ann.py can compute with NumPy, .py files of your own, and nothing else; loader.py is for the scripts,"
            " which hand it data"
        )
    if kind in _BEYOND or "start new thread" in message:
        return f"{told}: ann.py can compute with NumPy and the .py files beside it, in one thread, and nothing else"
    return told


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
    if not any(os.path.lexists(path / "ann.py") for path in found):  # it asks for no rights
        raise DataError(f"neither {folder} nor a folder in it holds an ann.py: make one with inkdigits learn start")
    return found


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the grades to a CSV file too.")
def main(folder: Path, output: Path | None) -> int:
    """Check the exercise, step by step. The first step that fails gets a hint. A folder of such folders is checked, too.

    \b
    Example: inkdigits learn check my-network
    Example: inkdigits learn check submissions/ -o grades.csv
    """
    found = _submissions(folder)
    obstacle = isolation.obstacle()
    if obstacle:
        click.echo(
            f"NOT ISOLATED: what is checked can do on this machine whatever you can ({obstacle}). That is right for your own"
            " code, not for that of others."
        )
    grades = []
    for submission in found:
        if submission != folder:
            click.echo(f"{_plain(submission.name)}:")
        try:
            if submission != folder and submission.is_symlink():
                raise DataError(f"{submission} is a link: put the folder itself there")
            grades.append(check(submission, _say))
        except (DataError, OSError) as error:
            grades.append(Grade(submission.name, (), STEPS[0].name, _plain(str(error))))
            _say(STEPS[0].name, Verdict(grades[-1].hint))
        if output:  # after each, so that nothing is lost if the next one is stopped
            with atomic(output, "w") as file:
                file.write(_table(grades))
    return 1 if any(grade.failed for grade in grades) else 0


def _say(step: str, verdict: Verdict) -> None:
    told = verdict.hint or verdict.figure
    click.echo(f"  {'✗' if verdict.hint else '✓'} {step}" + (f": {told}" if told else ""))
    lines = verdict.printed.splitlines()
    for line in lines[:_MOST_LINES]:
        click.echo(f"      your code prints: {_plain(line)}")
    if len(lines) > _MOST_LINES:
        click.echo("      and more")


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
    return as_cell(_plain(text))
