from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.config import Project
from inkdigits.learn import loader

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(small: Path, project: Project) -> list[str]:
    """The options that name the small data set, in a project of its own."""
    return ["--data", f"idx:{small}"]


def test_look_shows_digits_with_their_labels_in_the_terminal(run_cli: Run, data: list[str]) -> None:
    code, out, _ = run_cli("learn", "look", "-n", 5, "--seed", 1, *data)
    assert code == 0
    assert "train: 2,750 images" in out
    assert "test: 1,000 images" in out
    assert run_cli("learn", "look", "-n", 5, "--seed", 1, *data)[1] == out
    assert run_cli("learn", "look", "-n", 5, "--seed", 2, *data)[1] != out


def test_a_drawn_digit_is_the_image() -> None:
    image = np.zeros((28, 28), np.float32)
    image[4:6, 3] = 1
    rows = loader.drawn(image.reshape(1, -1), ["1"]).split("\n")
    assert [(y, x, c) for y, row in enumerate(rows[:-1]) for x, c in enumerate(row) if c != " "] == [(2, 3, "@")]
    assert rows[-1].strip() == "1"


def test_shifted_images_keep_their_ink_and_move_together(small: Path, project: Project) -> None:
    examples = loader.load("train", f"idx:{small}")
    moves = set()
    for seed in range(60):
        moved = loader.shifted(examples.inputs[:50], np.random.default_rng(seed)).reshape(-1, 28, 28)
        found = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(moved, np.roll(examples.inputs[:50].reshape(-1, 28, 28), (down, right), (1, 2)))
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) == 9


def test_train_then_test(run_cli: Run, data: list[str], tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    train = ["learn", "train", "--layers", "784,40,10", "--epochs", 4, "--batch-size", 10, "-o", path, *data]
    code, out, _ = run_cli(*train)
    assert code == 0
    assert out.count("validation") == 4
    assert "31,810 parameters" in out
    code, out, _ = run_cli("learn", "test", path, "-n", 3, *data)
    assert code == 0
    wrong = int(out.split(" of 1,000 wrong")[0])
    assert 30 < wrong < 250
    run_cli(*train)
    assert (tmp_path / "net.backup.npz").exists()


def test_the_scripts_run_as_modules(small: Path, project: Project, tmp_path: Path) -> None:
    def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"inkdigits.learn.{module}", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    source = ("--data", f"idx:{small}")
    assert run("try_loader", "-n", "2", *source).returncode == 0
    assert run("train_model", "--epochs", "1", *source).returncode == 0
    assert (project.models / "mnist_ann.npz").exists()
    assert "wrong" in run("test_model", *source).stdout
    failed = run("train_model", "--layers", "784,x", *source)
    assert failed.returncode == 2
    assert failed.stderr == "inkdigits: layers are '784,x': give numbers with commas between them, such as 784,30,10\n"


def test_compare_draws_curves(run_cli: Run, data: list[str], tmp_path: Path) -> None:
    code, out, _ = run_cli("learn", "compare", "--epochs", 1, "-o", tmp_path / "curves.png", *data)
    assert code == 0
    assert out.count("s an epoch") == 9
    assert Image.open(tmp_path / "curves.png").width > 600


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers", "100,30,10"], "28×28 pixels need 784 inputs first"),
        (["--layers", "784,30,5"], "ten digits 10 outputs last"),
        (["--layers", "784,0,10"], "each at least 1"),
        (["--lr", "1000000"], "the training diverges"),
        (["--activation", "gelu"], "'gelu' is not one of"),
        (["--batch-size", "0"], "batch size is 0"),
    ],
)
def test_settings_that_do_not_work(run_cli: Run, data: list[str], tmp_path: Path, options: list[str], message: str) -> None:
    code, _, err = run_cli("learn", "train", *options, "-o", tmp_path / "net.npz", *data)
    assert code == 2
    assert message in err
    assert not (tmp_path / "net.npz").exists()


def test_unknown_learn_commands_and_help(run_cli: Run) -> None:
    assert run_cli("learn", "paint")[0] == 2
    code, out, _ = run_cli("learn", "--help")
    assert code == 0
    for name in ("look", "train", "test", "compare", "start", "check"):
        assert name in out
