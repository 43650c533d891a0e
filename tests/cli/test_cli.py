"""The commands as a user types them: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits import formats
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.modeling.train import TrainResult
from tests.test_formats import write_kaggle

Run = Callable[..., tuple[int, str, str]]


def one_line_error(outcome: tuple[int, str, str], code: int, *words: str) -> None:
    """The outcome is a single line on stderr, without a traceback, that has the words in it."""
    found, out, err = outcome
    assert found == code, err
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    for word in words:
        assert word in lines[0]


@pytest.mark.slow
def test_step_by_step(run_cli: Run, small: Path, project: Project, tmp_path: Path) -> None:
    source = f"idx:{small}"
    code, out, err = run_cli("data", source)
    assert code == 0
    assert [line.split()[1:3] for line in out.splitlines()] == [["test", "1,000"], ["train", "3,000"]]
    assert err == ""
    assert run_cli("features", source)[0] == 0
    code, out, err = run_cli("train", "--recipe", "fast", "--data", source, "--epochs", "2", "--run", "r")
    assert code == 0
    assert "29,434 parameters" in out
    assert [line.split()[:2] for line in err.splitlines()] == [["epoch", "1/2"], ["epoch", "2/2"]]
    code, out, _ = run_cli("evaluate", "--model", "r", "--data", source, "-o", tmp_path / "e.json")
    assert code == 0
    assert "accuracy" in out
    assert "confusion" in out
    assert json.loads((tmp_path / "e.json").read_text())["count"] == 1000
    code, out, _ = run_cli("evaluate", "--model", "r", "--data", source, "--json")
    assert json.loads(out) == json.loads((tmp_path / "e.json").read_text())
    code, out, _ = run_cli("predict", small / "test-images-idx3-ubyte", "-o", tmp_path / "a.csv", "--model", "r")
    assert code == 0
    assert "1,000 predictions" in out


def test_help_names_every_step(run_cli: Run) -> None:
    code, out, _ = run_cli("--help")
    assert code == 0
    for command in ("data", "features", "train", "evaluate", "predict", "plots", "report", "read"):
        assert f"\n  {command} " in out
        code, text, _ = run_cli(command, "--help")
        assert code == 0
        assert "Example: inkdigits" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["data", "emnist"], 2, "there is no data source 'emnist'"),
        (["data", "kaggle:missing.csv"], 1, "missing.csv does not exist"),
        (["data", "mnist", "--transpose"], 2, "transpose is for idx"),
        (["train", "--recipe", "slow"], 2, "there is no recipe 'slow'"),
        (["train", "--task", "is:11", "--data", "sklearn"], 2, "there is no task 'is:11'"),
        (["train", "--epochs", "0"], 2, "epochs is 0"),
        (["evaluate", "--model", "missing", "--data", "sklearn"], 1, "there is no model 'missing'"),
        (["predict", "missing.csv", "-o", "x.csv"], 1, "missing.csv does not exist"),
        (["plots", "--model", "missing"], 1, "holds no finished run"),
        (["read", "missing.png"], 1, "missing.png does not exist"),
        (["read", "--mode", "word", "x.png"], 2, "there is no mode 'word'"),
    ],
)
def test_errors_are_one_line(run_cli: Run, project: Project, words: list[str], code: int, message: str) -> None:
    one_line_error(run_cli(*words), code, message)
    assert not project.models.exists()


def test_wrong_options_exit_with_2(run_cli: Run) -> None:
    code, _, err = run_cli("train", "--epochs", "many")
    assert code == 2
    assert "'many' is not a valid integer" in err


def test_bad_pictures_do_not_stop_the_good_ones(run_cli: Run, project: Project, sample: Dataset, tmp_path: Path) -> None:
    Image.fromarray(sample.split("test").images[0]).save(tmp_path / "seven.png")
    (tmp_path / "bad.png").write_bytes(b"?")
    code, out, err = run_cli("read", "--mode", "digit", tmp_path / "bad.png", tmp_path / "seven.png")
    assert code == 1
    assert out == f"{tmp_path / 'seven.png'}\t7\n"
    assert "bad.png" in err
    code, out, err = run_cli("predict", tmp_path, "-o", tmp_path / "out" / "predictions.json")
    assert code == 1
    assert [row["label"] for row in json.loads((tmp_path / "out" / "predictions.json").read_text())] == ["7"]


def test_a_damaged_file_leaves_the_earlier_predictions(run_cli: Run, project: Project, tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text("earlier")
    (tmp_path / "images").write_bytes(formats.idx_bytes(np.zeros((2, 28, 28), np.uint8))[:-5])
    one_line_error(
        run_cli("predict", tmp_path / "images", "-o", tmp_path / "predictions.csv"), 1, "images", "download it again"
    )
    assert (tmp_path / "predictions.csv").read_text() == "earlier"


def full_disk() -> None:
    """Limits the size of any file that this process writes, which fails as a full disk does."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inkdigits", "data", f"idx:{small}"]
    environment = os.environ | {"INKDIGITS_PROJECT": str(tmp_path / "p")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=full_disk, check=False)
    one_line_error((done.returncode, done.stdout, done.stderr), 1, "interim", "File too large", "free some space")
    assert not [path for path in (tmp_path / "p").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_disk_that_fills_up_in_training(small: Path, tmp_path: Path) -> None:
    environment = os.environ | {"INKDIGITS_PROJECT": str(tmp_path / "p")}
    source = f"idx:{small}"
    subprocess.run([sys.executable, "-m", "inkdigits", "features", source], env=environment, check=True, capture_output=True)
    command = [sys.executable, "-m", "inkdigits", "train", "--recipe", "fast", "--data", source, "--run", "r"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=full_disk, check=False)
    assert done.returncode == 1
    assert "checkpoint.pt: File too large; free some space" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "p" / "models" / "r").iterdir())


@pytest.mark.parametrize("module", ["click", "inkdigits.console", "inkdigits.cli.read"])
def test_ctrl_c_while_the_program_is_being_loaded(module: str) -> None:
    script = (
        "import sys\n"
        "class Impatient:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "from inkdigits.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "inkdigits: stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "reached", "kept", "told"),
    [
        ("fast", "models/r/history.jsonl", {"checkpoint.pt", "history.jsonl"}, "--resume goes on after the last whole epoch"),
        ("best", "models/.r.lock", set(), "no epoch was finished, and nothing is kept"),
    ],
)
def test_ctrl_c_leaves_nothing_half_written(
    small: Path, tmp_path: Path, recipe: str, reached: str, kept: set[str], told: str
) -> None:
    import signal
    import time

    command = [sys.executable, "-m", "inkdigits", "train", "--data", f"idx:{small}", "--epochs", "50", "--run", "r"]
    process = subprocess.Popen(
        [*command, "--recipe", recipe],
        env=os.environ | {"INKDIGITS_PROJECT": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where the tests run in the background
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / reached).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told in err
    assert err.splitlines()[-1] == "inkdigits: stopped"
    assert {path.name for path in (tmp_path / "models").glob("r/*")} == kept
    assert not list((tmp_path / "models").glob(".*"))


@pytest.mark.slow
def test_reading_needs_no_pytorch(tmp_path: Path, sample: Dataset) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    Image.fromarray(255 - sample.split("test").images[0]).resize((200, 200)).save(scans / "seven.png")
    script = (
        "import sys\n"
        "for name in ('torch', 'scipy', 'sklearn', 'matplotlib', 'onnx', 'safetensors', 'jinja2'):\n"
        "    sys.modules[name] = None\n"
        "from inkdigits.cli import main\n"
        "main()\n"
    )
    for words, code, expected in (
        (["read", str(scans / "seven.png")], 0, "7\n"),
        (["predict", str(scans), "-o", str(tmp_path / "a.csv")], 0, f"{tmp_path / 'a.csv'}  1 predictions\n"),
        (["train"], 2, ""),
        (["report"], 2, ""),
    ):
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (code, expected), done.stderr
        if code:
            assert "pip install 'inkdigits[train]'" in done.stderr
            assert len(done.stderr.strip().splitlines()) == 1


def test_import_and_help_load_nothing_heavy() -> None:
    script = (
        "import sys, inkdigits, inkdigits.cli\n"
        "print([name for name in ('numpy', 'onnxruntime', 'PIL', 'torch', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_report_has_every_figure_and_needs_no_network(
    run_cli: Run, small: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_cli("train", "--recipe", "fast", "--task", "is:5", "--data", f"idx:{small}", "--run", "fives")[0] == 0
    code, out, err = run_cli("report", "--model", "fives")
    assert code == 0, err
    page = Path(out.strip()).read_text()
    assert page.count('src="data:image/png;base64,') == 13
    assert "http" not in page.replace("http-equiv", "")
    assert "ROC AUC" in page
    assert "--recipe fast" in page
    assert (project.reports / "figures" / "precision_recall_roc.png").exists()


@pytest.mark.slow
def test_figures_of_a_kaggle_run_are_not_of_its_training_images(project: Project, sample: Dataset, tmp_path: Path) -> None:
    from inkdigits.modeling.settings import TrainSettings
    from inkdigits.modeling.train import train
    from inkdigits.plots import load_run

    write_kaggle(tmp_path / "train.csv", *sample.split("train").take(np.arange(600)).labelled())
    write_kaggle(tmp_path / "test.csv", sample.split("test").images[:50], None)
    train(TrainSettings("fast", data=f"kaggle:{tmp_path}", run="k", epochs=1), project)
    run = load_run("k", project=project)  # a LeakageWarning is an error in these tests
    assert len(run.evaluation.targets) == 50  # one in twelve of the 600


@pytest.mark.slow
def test_figures_are_drawn(run_cli: Run, small_run: tuple[Project, TrainResult], monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = small_run
    monkeypatch.setenv("INKDIGITS_PROJECT", str(project.root))
    code, out, err = run_cli("plots", "--model", "small")
    assert code == 0, err
    paths = [Path(line) for line in out.splitlines()]
    assert len(paths) == 12
    for path in paths:
        picture = np.asarray(Image.open(path).convert("L"))
        assert picture.std() > 3, f"{path} is blank"


@pytest.mark.parametrize("group", [[], ["learn"], ["corrections"]], ids=lambda words: words[0] if words else "inkdigits")
def test_every_commands_summary_fits(run_cli: Callable[..., tuple[int, str, str]], group: list[str]) -> None:
    code, out, _ = run_cli(*group, "--help")
    assert code == 0
    commands = out.partition("Commands:")[2]
    assert len(commands.splitlines()) > 2
    assert "..." not in commands
