"""Every command and every example in README, tutorial and how-tos, in the order in which it stands there, in one project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from inkdigits.cli.main import cli
from inkdigits.dataset import Dataset
from inkdigits.plots import FIGURES
from inkdigits.runs import Run
from tests.conftest import write_idx_folder

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/tutorial.md", "docs/learn.md", "docs/howto/sources.md", "docs/howto/train.md")
DOCUMENTS += ("docs/howto/evaluate.md", "docs/howto/read.md", "docs/howto/serve.md")

#: Commands that take minutes to hours, or never end: they are only parsed; what they do has tests of its own.
LONG = re.compile(r"inkdigits (serve|train-reader|baselines|learn compare|synthesize (line|digit) -n \d{5,})")
#: Those that are made short.
SHORTER = {
    r"inkdigits learn train(?!.*--epochs)": "--epochs 1",
    r"inkdigits train --recipe (default|best)": "--epochs 1",
    r"inkdigits train --data (kaggle|folder)": "--epochs 1",
    r"inkdigits train .*--data folder": "--epochs 1",
}
#: What is written for a reader to fill in, and commands of other programs.
OTHERS = re.compile(r"(git|pip|python3?|make|curl|docker|apt)\b")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sample: Dataset) -> Iterator[Path]:
    """A folder with the files of which the documents speak."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "docs" / "templates", folder / "docs" / "templates")
    for name in (
        "photo.jpg",
        "cheque.png",
        "table.jpg",
        "bill.jpg",
        "a.png",
        "b.png",
        "scans/one.png",
        "scans/two.png",
        "more/x.tif",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.open(ROOT / "examples" / "page.jpg").save(folder / name)
    Image.open(ROOT / "examples" / "score_sheet.png").convert("RGB").save(folder / "form.jpg")
    shutil.copy(ROOT / "docs" / "templates" / "score_sheet.json", folder / "template.json")
    Image.open(ROOT / "examples" / "page.jpg").save(folder / "long.pdf")
    train, test = sample.split("train"), sample.split("test")
    assert train.labels is not None
    for name, digits in (("my-digits", 80), ("own", 10)):
        for number in range(digits):
            path = folder / name / str(train.labels[number]) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - train.images[number]).resize((90, 90)).save(path)
    pixels = ",".join(f"pixel{number}" for number in range(784))
    rows = [",".join(map(str, image.ravel())) for image in test.images[:50]]
    kaggle = folder / "digit-recognizer"
    kaggle.mkdir()
    (kaggle / "test.csv").write_text("\n".join([pixels, *rows]) + "\n")
    labelled = [
        f"{label},{','.join(map(str, image.ravel()))}" for label, image in zip(train.labels[:600], train.images, strict=False)
    ]
    (kaggle / "train.csv").write_text("\n".join([f"label,{pixels}", *labelled]) + "\n")
    shutil.copy(kaggle / "test.csv", folder)
    write_idx_folder(folder / "secret-set", test=test.take(np.arange(50)))
    assert test.labels is not None
    (folder / "submissions").mkdir()
    answers = [f"{number},{label}" for number, label in enumerate(test.labels[:50], start=1)]
    (folder / "submissions" / "one.csv").write_text("\n".join(["ImageId,Label", *answers]) + "\n")
    shutil.copytree(Run.shipped("reader").folder, folder / "models" / "my-reader")
    _correct(folder / "corrections.sqlite")
    (folder / "my-numbers").mkdir()
    shutil.copy(ROOT / "examples" / "page.jpg", folder / "my-numbers")
    (folder / "my-numbers" / "labels.csv").write_text("file,text\npage.jpg,2048 771|60025|1984 39|88 4071 6\n")
    before = Path.cwd()
    os.chdir(folder)
    os.environ["INKDIGITS_PROJECT"] = str(folder)
    yield folder
    del os.environ["INKDIGITS_PROJECT"]
    os.chdir(before)


def _correct(path: Path) -> None:
    from inkdigits.service.store import Correction, Store

    Store(path).add("page.jpg", (ROOT / "examples" / "page.jpg").read_bytes(), [Correction(box=(1, 2, 30, 40), label=3)])


def blocks(document: str) -> list[tuple[str, str]]:
    """The blocks of a document: of which language, and what they say, with what is included."""
    text = re.sub(r'--8<-- "(.*?)"', lambda found: (ROOT / found[1]).read_text(), (ROOT / document).read_text())
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(command: str) -> None:
    """Run a command of ours in this process, or make sure that it is understood."""
    command = re.sub(r"\s+#.*", "", command)
    for pattern, more in SHORTER.items():
        if re.match(pattern, command):
            command += f" {more}"
            break
    words = shlex.split(command)[1:]
    if LONG.match(command):
        context = click.Context(cli)
        while isinstance(found := context.command, click.Group):
            name, child, words = found.resolve_command(context, words)
            assert child is not None
            context = (
                child.make_context(name, list(words), context) if not isinstance(child, click.Group) else click.Context(child)
            )
        return
    words = [
        path
        for word in words
        for path in (sorted(map(str, Path().glob(word))) if "*" in word and "'" not in command else [word])
    ]
    done = CliRunner().invoke(cli, words)
    failed = done.exception is not None and not (words[:2] == ["learn", "check"] and isinstance(done.exception, SystemExit))
    assert not failed, f"{command}: {done.exception!r} {done.output}"


def run_shell(block: str) -> None:
    """Run lines that only a shell understands."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(block, shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{block}: {done.stderr}"


def run_bash(block: str) -> None:
    lines = re.sub(r"\\\n\s*", " ", block).splitlines()
    if any(line.startswith(("for ", "cat ")) for line in lines):
        shells, lines = (
            [line for line in lines if not line.startswith("inkdigits")],
            [line for line in lines if line.startswith("inkdigits")],
        )
        run_shell("\n".join(shells))
    for whole in filter(str.strip, lines):
        line = re.sub(r"^(\w+=\S+ )+", "", whole)  # variables
        if line.startswith("inkdigits"):
            run(line)
        else:
            assert OTHERS.match(line), f"what is this line? {line}"


@pytest.mark.filterwarnings("default::inkdigits.errors.LeakageWarning")  # a newcomer measures on what was learnt, and is told
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_runs(document: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkdigits.plots.FIGURES", dict(list(FIGURES.items())[:2]))  # drawing all takes long, and has its tests
    shutil.rmtree("my-network", ignore_errors=True)  # which several documents begin
    known: dict[str, object] = {"paths": ["a.png", "b.png"], "scan": "examples/score_sheet.png"}
    for language, block in blocks(document):
        if language == "bash":
            run_bash(block)
        elif (
            language == "python" and document != "docs/howto/serve.md"
        ):  # whose examples ask a service; tests/service runs them
            short = block.replace("epochs=30", "epochs=1")
            exec(compile(short, document, "exec"), known)


@pytest.mark.parametrize(
    "path", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("references/*.md")}), ids=lambda path: path.stem
)
def test_every_table_has_headings(path: Path) -> None:
    for head in re.findall(r"^\|(.*)\|\n\|[-|: ]+\|$", path.read_text(), re.MULTILINE):
        assert all(map(str.strip, head.split("|"))), head


def test_every_example_of_a_help_text_is_understood() -> None:
    """Options that are there, and values that they take; what is done with them is tested above and elsewhere."""
    examples = 0
    waiting: list[tuple[str, click.Command]] = [("inkdigits", cli)]
    while waiting:
        name, command = waiting.pop()
        if isinstance(command, click.Group):
            waiting += [(f"{name} {child}", found) for child, found in command.commands.items()]
        text = re.sub(r"\\\n\s*", " ", command.help or "")
        for example in re.findall(r"Example: (?:\w+=\S+ )*(inkdigits .*)", text):
            words = shlex.split(example)[1:]
            context = click.Context(cli)
            while isinstance(found := context.command, click.Group):
                _, child, words = found.resolve_command(context, words)
                assert child is not None
                context = click.Context(child)
            parser = child.make_parser(context)
            parser.parse_args(args=list(words))
            examples += 1
    assert examples > 25
