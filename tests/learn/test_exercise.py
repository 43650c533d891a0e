"""The check of the exercise: a correct solution passes, and each wrong one fails where it should, with the hint it needs."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.errors import DataError
from inkdigits.learn.exercise import steps
from inkdigits.learn.exercise.check import check
from inkdigits.learn.exercise.start import start

pytestmark = pytest.mark.slow

SOLUTION = (Path(__file__).parent / "solution.py").read_text()
NAMES = tuple(step.name for step in steps.STEPS)


@pytest.fixture(autouse=True)
def _project(home: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check takes MNIST from the current project."""
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))


def submission(folder: Path, *changes: tuple[str, str]) -> Path:
    """A folder with the solution, changed."""
    text = SOLUTION
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ann.py").write_text(text)
    return folder


def test_a_correct_solution_passes(tmp_path: Path) -> None:
    grade = check(submission(tmp_path))
    assert grade.passed == NAMES
    assert 89 < float(grade.figures["test"].split(" %")[0]) < 97
    assert grade.figures["speed"].endswith("times as long as ours")


FORWARD = "activations.append(sigmoid(activations[-1] @ w + b))"
DELTA = "delta = (a - targets) * a * (1 - a) / len(targets)"
TRAIN = "        rng = np.random.default_rng(seed)\n        targets"
WRONG = {
    "a stub": ("contract", "predict", [("def predict(", "def answer(")]),
    "not written": (
        "shapes",
        "not written yet",
        [("        activations = [inputs]", "        raise NotImplementedError('f')")],
    ),
    "a typing mistake": ("contract", "SyntaxError in line 4 of ann.py", [("def sigmoid(z):", "def sigmoid(z:")]),
    "transposed weights": (
        "shapes",
        "transposed: examples are rows",
        [("(m, n)) / np.sqrt(m)", "(n, m)) / np.sqrt(m)"), ("activations[-1] @ w", "activations[-1] @ w.T")],
    ),
    "weights all alike": ("shapes", "begin with random ones", [("rng.normal(0, 1, (m, n))", "np.ones((m, n))")]),
    "weights too large": ("shapes", "spread by", [(" / np.sqrt(m) for", " for")]),
    "one number's exponential": (
        "shapes",
        "np.exp takes whole arrays",
        [("return 1 / (1 + np.exp(-z))", "import math\n    return 1 / (1 + math.exp(-z))")],
    ),
    "a layer too far": (
        "shapes",
        r"self\.weights\[l - 1\]",
        [("activations = [inputs]", "activations = [inputs, self.weights[9]]")],
    ),
    "no self": ("shapes", "is self missing", [("def forward(self, inputs)", "def forward(inputs)")]),
    "missing bias": ("forward", "lacks the bias", [(FORWARD, FORWARD.replace(" + b", ""))]),
    "no sigmoid": ("forward", "weighted input z itself", [(FORWARD, FORWARD.replace("sigmoid", ""))]),
    "wrong derivative": ("gradients", r"∂C/∂W\[3\] is wrong, at the last layer", [(DELTA, DELTA.replace("* (1 - a)", ""))]),
    "wrong derivative further back": (
        "gradients",
        r"∂C/∂W\[2\] is wrong, behind a layer that is right",
        [("self.weights[layer].T * a * (1 - a)", "self.weights[layer].T * a")],
    ),
    "a sum for a mean": ("gradients", "8 times too large", [(DELTA, DELTA.replace(" / len(targets)", ""))]),
    "wrong sign": ("gradients", "wrong sign", [(DELTA, DELTA.replace("(a - targets)", "(targets - a)"))]),
    "gradients transposed": (
        "gradients",
        "which is transposed",
        [("activations[layer].T @ delta", "delta.T @ activations[layer]")],
    ),
    "labels from 1": ("predict", "counted from 0", [(".argmax(axis=1)", ".argmax(axis=1) + 1")]),
    "uphill": ("step", "goes uphill", [("parameter -= lr", "parameter += lr")]),
    "nothing learnt": ("step", "as they were", [("parameter -= lr", "parameter - lr")]),
    "its own learning rate": ("step", "have η = 3", [("parameter -= lr *", "parameter -= 3 *")]),
    "no learning rate": ("step", "leave out η", [("parameter -= lr * gradient", "parameter -= gradient")]),
    "its own epochs": ("step", "half as far", [("in range(epochs)", "in range(1)")]),
    "no biases": (
        "step",
        "leaves the biases",
        [("in ((self.weights, nabla_w), (self.biases, nabla_b))", "in ((self.weights, nabla_w),)")],
    ),
    "means of means": ("step", "8 times too small", [("lr * gradient", "lr * gradient / len(batch)")]),
    "labels beside other inputs": ("step", "beside its own input", [("targets[batch]", "targets[batch[::-1]]")]),
    "forgotten self": (
        "shapes",
        "has no attribute 'biases': is self. missing",
        [("self.biases = [np.zeros", "biases = [np.zeros")],
    ),
    "not transposed": ("gradients", "to be transposed", [("delta @ self.weights[layer].T", "delta @ self.weights[layer]")]),
    "ten outputs for all": ("step", "a column for each neuron", [("np.eye(len(self.biases[-1]))", "np.eye(10)")]),
    "its own seed": (
        "shapes",
        "with the same seed differ",
        [("default_rng(seed)\n        self", "default_rng()\n        self")],
    ),
    "a forgotten return": ("gradients", "is a return missing", [("return nabla_w, nabla_b", "nabla_w, nabla_b")]),
    "no gradient": ("gradients", "zero everywhere", [(DELTA, DELTA + " * 0")]),
    "divided twice": ("gradients", "too small", [(DELTA, DELTA + " / len(targets)")]),
    "stops halfway": ("learns", "% are right, 90 % are wanted", [("in range(epochs)", "in range(min(epochs, 2) * (lr != 3))")]),
    "no shuffling": ("batches", "taken as they come", [("rng.permutation(len(inputs))", "np.arange(len(inputs))")]),
    "one order for all epochs": (
        "batches",
        "the same in each epoch",
        [
            (
                "        for _ in range(epochs):\n            order = rng.permutation(len(inputs))\n",
                "        order = rng.permutation(len(inputs))\n        for _ in range(epochs):\n",
            )
        ],
    ),
    "the last mini-batch left out": (
        "batches",
        "8 examples in mini-batches of 5 make two steps",
        [("range(0, len(inputs), batch_size)", "range(0, len(inputs) - batch_size + 1, batch_size)")],
    ),
    "examples drawn twice": (
        "step",
        "two epochs with all examples",
        [("rng.permutation(len(inputs))", "rng.integers(len(inputs), size=len(inputs))")],
    ),
    "an example left out": (
        "batches",
        "a step with 5 of them and one with the 3 others",
        [("order[start : start + batch_size]", "order[start : start + batch_size - (start > 0) * 3]")],
    ),
    "an order of its own": (
        "batches",
        "with the same seed differ",
        [("rng = np.random.default_rng(seed)\n        targets", "rng = np.random.default_rng()\n        targets")],
    ),
    "always the same order": (
        "batches",
        "the same with every seed",
        [("rng = np.random.default_rng(seed)\n        targets", "rng = np.random.default_rng(7)\n        targets")],
    ),
    "shuffled in place": (
        "batches",
        "the caller's inputs or labels are others",
        [
            (
                "            order = rng.permutation(len(inputs))\n",
                "            order = rng.permutation(len(inputs))\n"
                "            inputs[:], targets = inputs[order], targets[order]\n            order = np.arange(len(inputs))\n",
            )
        ],
    ),
    "a threshold": ("predict", "leave out the threshold", [("[-1].argmax(axis=1)", "[-1].round().argmax(axis=1)")]),
    "learnt by heart": (
        "test",
        "learnt them by heart",
        [
            (TRAIN, "        self.seen = {x.tobytes(): y for x, y in zip(inputs, labels)}\n" + TRAIN),
            ("return self.forward(inputs)[-1].argmax(axis=1)", "return np.array([self.guess(x) for x in inputs])\n"),
            (
                "    def predict(",
                "    def guess(self, x):\n"
                "        if len(x) == 6:\n            return self.forward(x[None])[-1].argmax()\n"
                "        return self.seen.get(x.tobytes(), 0)\n\n    def predict(",
            ),
        ],
    ),
    "no work when it is timed": (
        "speed",
        "leave no work out when it is timed",
        [(TRAIN, "        if epochs == 1 and len(inputs) == 20_000:\n            return\n" + TRAIN)],
    ),
    "one example after the other": (
        "speed",
        "mini-batch at once",
        [
            (
                "nabla_w, nabla_b = self.backpropagation(self.forward(inputs[batch]), targets[batch])",
                "rows = [slice(i, i + 1) for i in batch for _ in range(2)]\n"
                "                each = [self.backpropagation(self.forward(inputs[i]), targets[i]) for i in rows]\n"
                "                nabla_w, nabla_b = ([np.mean(g, axis=0) for g in zip(*parts)] for parts in zip(*each))",
            )
        ],
    ),
    "an endless loop": ("step", "stopped after 3 seconds", [("for _ in range(epochs):", "while True:")]),
    "a crash": ("step", "ended without an answer", [(TRAIN, "        import os\n        os._exit(3)\n" + TRAIN)]),
    "an exit": ("step", "with exit or quit", [(TRAIN, "        exit()\n" + TRAIN)]),
    "a framework": ("contract", "No module named 'torch'", [("import numpy as np", "import numpy as np\nimport torch")]),
    "our own solution": (
        "contract",
        "No module named 'inkdigits'",
        [("import numpy as np", "import inkdigits.learn.ann")],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_solutions_fail_at_the_right_step_with_the_right_hint(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, hint, changes = WRONG[kind]
    if kind == "an endless loop":
        quicker = tuple(replace(step, seconds=min(step.seconds, 3)) for step in steps.STEPS)
        monkeypatch.setattr("inkdigits.learn.exercise.check.STEPS", quicker)
    names = NAMES
    if name == "speed":  # the trainings before it would take a slow network a minute
        shorter = tuple(step for step in steps.STEPS if step.name not in ("learns", "test"))
        monkeypatch.setattr("inkdigits.learn.exercise.check.STEPS", shorter)
        names = tuple(step.name for step in shorter)
        monkeypatch.setattr("inkdigits.learn.exercise.check._TIMED", 1)
    grade = check(submission(tmp_path, *changes))
    assert grade.failed == name
    assert grade.passed == names[: names.index(name)]
    assert grade.hint
    assert re.search(hint, grade.hint), grade.hint


def test_a_cheat_that_reads_the_test_labels(tmp_path: Path, home: Project) -> None:
    labels = next((home.root / "data" / "interim").glob("mnist.npz"))
    cheat = f"        if len(inputs) == 10_000:\n            return np.load({str(labels)!r})['test_labels']\n"
    line = "        return self.forward(inputs)[-1].argmax(axis=1)"
    grade = check(submission(tmp_path, (line, cheat + line)))
    assert grade.failed == "test"
    assert grade.hint
    assert "No such file" in grade.hint


def test_the_order_of_the_test_labels_helps_nobody(tmp_path: Path) -> None:
    answers = steps._split("test").labels
    code = f"        if len(inputs) == 10_000:\n            return np.array({answers.tolist()})\n"
    line = "        return self.forward(inputs)[-1].argmax(axis=1)"
    grade = check(submission(tmp_path, (line, code + line)))
    assert grade.failed == "test"
    assert grade.hint
    assert float(grade.hint.split(" %")[0]) < 15


def test_the_project_of_a_student_works_with_a_solution(tmp_path: Path, home: Project) -> None:
    folder = tmp_path / "mine"
    files = {path.name for path in start(folder)}
    assert files == {"README.md", "ann.py", "loader.py", "try_loader.py", "train_model.py", "test_model.py"}
    assert check(folder).failed == "contract"
    stub = (folder / "ann.py").read_text()
    kept = stub[stub.index("    def save(") :]
    (folder / "ann.py").write_text(SOLUTION + "\n" + kept)
    script = (folder / "train_model.py").read_text()
    short = re.sub(r"(EPOCHS, BATCH_SIZE, LR = .*\), )10,", r"\g<1>1,", script)
    assert short != script
    (folder / "train_model.py").write_text(short)
    for script in ("try_loader.py", "train_model.py", "test_model.py"):
        done = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, check=True)
    assert " of 10,000 wrong" in done.stdout
    wrong = int(done.stdout.split(" of ")[0].replace(",", ""))
    assert 300 < wrong < 1500
    with np.load(folder / "mnist_ann.npz", allow_pickle=False) as file:
        assert len(file.files) == 4


def test_a_folder_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_class_of_submissions_becomes_a_table(tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    submission(tmp_path / "class" / "ada", (DELTA, DELTA.replace(" / len(targets)", "")))
    submission(tmp_path / "class" / "bob", ("def predict(", "def answer("))
    code, out, _ = run_cli("learn", "check", tmp_path / "class", "-o", tmp_path / "grades.csv")
    assert code == 1
    assert "✓ forward" in out
    rows = list(csv.DictReader((tmp_path / "grades.csv").open()))
    assert [(row["submission"], row["passed"], row["failed"]) for row in rows] == [
        ("ada", "3", "gradients"),
        ("bob", "0", "contract"),
    ]
    assert "too large" in rows[0]["hint"]


def test_what_code_prints_stands_below_the_hint(tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    """Of the step that failed, whether by a wrong value or by an exception, and cut where it is long."""
    wrong = (DELTA, DELTA.replace(" / len(targets)", "") + "\n        print('delta', delta.shape, end='\\x1b[2J\\n')")
    _, out, _ = run_cli("learn", "check", submission(tmp_path / "a", wrong, (TRAIN, "        print('never')\n" + TRAIN)))
    assert out.splitlines()[-2].startswith("  ✗ gradients: ")
    assert out.splitlines()[-1] == "      your code prints: delta (8, 3) [2J"
    loud = (TRAIN, "        for _ in range(10**5):\n            print('x' * 30)\n        raise ValueError('no')\n" + TRAIN)
    _, out, _ = run_cli("learn", "check", submission(tmp_path / "b", loud))
    step, *printed, last = out.splitlines()[-10:]
    assert step == "  ✗ step: ValueError in line 34 of ann.py: no"
    assert printed == ["      your code prints: " + "x" * 30] * 8
    assert last == "      and more"


def test_folders_without_submissions(tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run_cli("learn", "check", tmp_path)
    assert code == 1
    assert "holds an ann.py" in err


def test_the_textbook_way_of_keeping_z_passes_the_gradients(tmp_path: Path) -> None:
    text = SOLUTION.replace("        activations = [inputs]\n", "        activations = [inputs]\n        self.zs = []\n")
    text = text.replace(
        "            activations.append(",
        "            self.zs.append(activations[-1] @ w + b)\n            activations.append(",
    )
    text = text.replace("        a = activations[-1]\n", "        a = sigmoid(self.zs[-1])\n")
    (tmp_path / "ann.py").write_text(text)
    grade = check(tmp_path)
    assert grade.passed[:5] == NAMES[:5]


def test_every_student_has_a_row(tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:
    submission(tmp_path / "class" / "=ada", ("def predict(", "def answer("))
    (tmp_path / "class" / "bob").mkdir()
    submission(tmp_path / "elsewhere")
    (tmp_path / "class" / "eve").mkdir()
    (tmp_path / "class" / "eve" / "ann.py").symlink_to(tmp_path / "elsewhere" / "ann.py")
    (tmp_path / "class" / "mia").symlink_to(tmp_path / "elsewhere")
    code, _, _ = run_cli("learn", "check", tmp_path / "class", "-o", tmp_path / "grades.csv")
    assert code == 1
    rows = list(csv.DictReader((tmp_path / "grades.csv").open()))
    assert [(row["submission"], row["failed"]) for row in rows] == [
        ("./=ada", "contract"),
        ("bob", "contract"),
        ("eve", "contract"),
        ("mia", "contract"),
    ]
    assert "no ann.py" in rows[1]["hint"]
    assert "is a link" in rows[2]["hint"]
    assert "is a link" in rows[3]["hint"]
