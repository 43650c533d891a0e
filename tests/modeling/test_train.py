from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from torch import nn

from inkdigits import sources
from inkdigits.config import Project
from inkdigits.dataset import Dataset
from inkdigits.errors import LeakageError, MissingExtraError, ModelError, UsageError
from inkdigits.features import make_features
from inkdigits.inference.classifier import load_model
from inkdigits.inference.tasks import task
from inkdigits.modeling import devices, recipes
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.loop import TrainingLoop, load_weights
from inkdigits.modeling.networks import PIXEL_MEAN, PIXEL_STD, DigitNet, parameter_count
from inkdigits.modeling.objectives import Classification, network_of, schedule_of
from inkdigits.modeling.recipes import RECIPES
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.train import TrainResult, load_network, train
from inkdigits.modeling.train_reader import ReaderSettings, train_reader
from inkdigits.plots import load_run
from inkdigits.runs import Run
from tests.conftest import write_idx_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fast(home: Project) -> TrainResult:
    """The fast recipe on all of MNIST: the main job."""
    return train(TrainSettings("fast", run="test-fast"), home)


@pytest.fixture(scope="module")
def short(few: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """The fast recipe on next to nothing; ``finished`` gives each test a copy of its own."""
    return train(TrainSettings("fast", data=f"idx:{few}", epochs=1, run="r"), Project(tmp_path_factory.mktemp("short")))


@pytest.fixture
def finished(short: TrainResult, few: Path, project: Project) -> tuple[TrainSettings, TrainResult]:
    """A finished run of the current project, and its settings."""
    run = Run.named("r", project)
    shutil.copytree(short.folder, run.folder)
    return TrainSettings("fast", data=f"idx:{few}", epochs=1, run="r"), replace(short, run=run)


def test_fast_learns_mnist(fast: TrainResult, home: Project) -> None:
    result = evaluate(EvaluateSettings(str(fast.folder)), home)
    assert result.to_dict()["accuracy"] >= 0.985
    assert result.copies is not None
    assert not result.copies.any()
    meta = json.loads((fast.folder / "meta.json").read_text())
    assert meta["test"]["accuracy"] == result.to_dict()["accuracy"]
    assert meta["validation"]["count"] == 5_000
    assert meta["parameters"] == 29_434
    assert meta["data"]["splits"]["train"]["count"] == 55_000
    history = [json.loads(line) for line in (fast.folder / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history] == [1]


def test_onnx_and_pytorch_agree_on_the_whole_test_set(fast: TrainResult, mnist: Dataset) -> None:
    network, _ = load_network(fast.run)
    images = mnist.split("test").images.copy()
    with torch.inference_mode():
        wanted = torch.softmax(network(torch.from_numpy(images[:, None]).float()), 1).numpy()
    found = load_model(fast.folder).predict_proba(images)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    # A batch of one, and none, go through as well.
    np.testing.assert_allclose(load_model(fast.folder).predict_proba(images[:1]), wanted[:1], atol=1e-5)
    assert load_model(fast.folder).predict_proba(images[:0]).shape == (0, 10)


def test_the_model_file_tells_nothing_of_this_machine(fast: TrainResult) -> None:
    model = onnx.load(fast.folder / "model.onnx")
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")  # among many thousand bytes of weights any three letters may stand
    content = model.SerializeToString()
    for word in (b".py", b"site-packages", str(Path.cwd()).encode()):
        assert word not in content


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    finished: tuple[TrainSettings, TrainResult], project: Project
) -> None:
    settings, first = finished
    models = [first.run.model().read_bytes()]
    for run, seed in (("b", 0), ("c", 1)):
        torch.manual_seed(len(models))  # whatever was drawn before
        models.append(train(replace(settings, run=run, seed=seed), project).run.model().read_bytes())
    assert models[0] == models[1] != models[2]


def test_another_number_of_threads_gives_other_bytes_and_is_told(
    finished: tuple[TrainSettings, TrainResult], project: Project
) -> None:
    settings, first = finished
    assert first.meta["threads"] == torch.get_num_threads()
    models = {}
    for threads in (1, 3):
        for run in ("one", "two"):
            with limited_to(threads):
                trained = train(replace(settings, run=f"{run}-{threads}"), project)
            assert trained.meta["threads"] == threads
            models[run, threads] = trained.run.model().read_bytes()
    assert models["one", 1] == models["two", 1] != models["one", 3] == models["two", 3]


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_a_killed_run_ends_with_the_same_weights(few: Path, project: Project) -> None:
    settings = TrainSettings("best", data=f"idx:{few}", epochs=3, run="whole")
    whole = train(settings, project).folder
    words = ["train", "--recipe", "best", "--data", f"idx:{few}", "--epochs", "3", "--run", "killed"]
    command = [sys.executable, "-m", "inkdigits", *words]
    killed = project.models / "killed"
    process = subprocess.Popen(command, env={**os.environ})
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (killed / "checkpoint.pt").exists()
    assert not (killed / "model.onnx").exists()
    train(replace(settings, run="killed"), project, resume=True)
    assert (killed / "model.onnx").read_bytes() == (whole / "model.onnx").read_bytes()
    assert not (killed / "checkpoint.pt").exists()


def test_resuming_with_other_settings_or_a_damaged_checkpoint_is_refused(
    finished: tuple[TrainSettings, TrainResult], project: Project
) -> None:
    settings, first = finished
    checkpoint = first.folder / "checkpoint.pt"
    torch.save({"identity": {"settings": "other"}}, checkpoint)
    with pytest.raises(UsageError, match="other settings and recipe and processor and data and teachers"):
        train(settings, project, resume=True)
    before = {"settings": asdict(replace(settings, epochs=7, lr=0.5)), "recipe": "another one"}
    torch.save({"identity": json.loads(json.dumps(before))}, checkpoint)
    with pytest.raises(UsageError, match=r"with other epochs \(it was 7\) and lr \(it was 0\.5\) and teachers .*processor"):
        train(settings, project, resume=True)
    for content in ({}, {"identity": 5}, torch.zeros(3), [1]):
        torch.save(content, checkpoint)
        with pytest.raises((ModelError, UsageError)):
            train(settings, project, resume=True)
    checkpoint.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="damaged"):
        train(settings, project, resume=True)


def test_two_trainings_never_write_to_one_run(few: Path, project: Project) -> None:
    settings = TrainSettings("fast", data=f"idx:{few}", epochs=1, run="r")
    with Run.named("r", project).claimed(), pytest.raises(UsageError, match=r"another training is writing to .*r: wait"):
        train(settings, project)
    with Run.named("other", project).claimed():
        assert train(settings, project).run.model().exists()
    with Run.named("reader", project).claimed(), pytest.raises(UsageError, match="another training is writing"):
        train_reader(ReaderSettings(data=f"idx:{few}"), project)


def test_resuming_a_finished_run_leaves_it(finished: tuple[TrainSettings, TrainResult], project: Project) -> None:
    settings, first = finished
    before = (first.folder / "model.onnx").stat().st_mtime_ns
    again = train(settings, project, resume=True)
    assert again.meta == first.meta
    with pytest.raises(UsageError, match="finished, with other settings"):
        train(replace(settings, seed=5), project, resume=True)
    with pytest.raises(UsageError, match="holds a classifier already"):
        train_reader(ReaderSettings(run="r"), project)
    assert (first.folder / "model.onnx").stat().st_mtime_ns == before


def test_a_finished_run_of_a_changed_recipe_is_trained_again(
    finished: tuple[TrainSettings, TrainResult], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, first = finished
    (first.folder / "model-int8.onnx").write_bytes(b"of the earlier run")
    monkeypatch.setitem(RECIPES, "fast", replace(RECIPES["fast"], label_smoothing=0.3))
    again = train(settings, project, resume=True)
    assert again.meta["training"]["label_smoothing"] == 0.3
    assert again.meta["model_sha256"] != first.meta["model_sha256"]
    assert not (first.folder / "model-int8.onnx").exists()


def test_a_run_over_which_another_training_was_stopped_is_not_taken(
    finished: tuple[TrainSettings, TrainResult], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, first = finished
    assert load_network(first.run)[1] == task("digits")
    monkeypatch.setattr("inkdigits.modeling.train.export_classifier", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(replace(settings, seed=9), project, overwrite=True)
    with pytest.raises(ModelError, match=r"model\.safetensors is of another training, which was stopped"):
        load_network(first.run)
    monkeypatch.undo()
    monkeypatch.setenv("INKDIGITS_PROJECT", str(project.root))
    first.run.meta_path.unlink()
    assert load_network(train(replace(settings, seed=9), project, resume=True).run)[1] == task("digits")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data", 5, "data is 5"),
        ("data", {"source": ["mnist"], "transpose": False, "splits": {}}, "data.source is"),
        ("versions", None, "versions is None"),
        ("training_seconds", "long", "training_seconds is 'long'"),
        ("training_seconds", float("nan"), "training_seconds is nan"),
        ("parameters", -1, "parameters is -1"),
        ("teachers", [{}], "lacks 'run'"),
        ("test", {"accuracy": 2.0, "wrong": 0, "count": 1}, "test.accuracy is 2.0"),
        ("task", "nonsense", "there is no task 'nonsense'"),
        ("recipe", "nonsense", "there is no recipe 'nonsense'"),
    ],
)
def test_a_description_that_lies(
    finished: tuple[TrainSettings, TrainResult], project: Project, key: str, value: object, said: str
) -> None:
    run = finished[1].run
    run.meta_path.write_text(json.dumps(run.meta() | {key: value}))
    with pytest.raises(ModelError, match=f"holds no finished run of this version.*{re.escape(said)}"):
        load_run(run.name, project=project)


@pytest.mark.parametrize(
    "change",
    [lambda weights: weights.int(), lambda weights: weights * torch.nan, lambda weights: weights[:1], lambda weights: None],
)
def test_weights_that_are_none(tmp_path: Path, change: Callable[[torch.Tensor], torch.Tensor | None]) -> None:
    network = network_of(RECIPES["tiny-1k"], task("digits"))
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    name = next(name for name, value in weights.items() if value.ndim == 4)
    changed = change(weights.pop(name))
    if changed is not None:
        weights[name] = changed
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="does not hold the weights of such a network"):
        load_weights(network, tmp_path / "model.safetensors")


@pytest.mark.parametrize(("name", "least", "classes"), [("is:5", 0.97, ["not 5", "5"]), ("pair:5,3", 0.96, [3, 5])])
def test_the_binary_levels(
    small: Path, sample: Dataset, project: Project, name: str, least: float, classes: list[str] | list[int]
) -> None:
    folder = train(TrainSettings("fast", name, f"idx:{small}", epochs=8), project).folder
    assert folder.name.startswith(f"fast-{name.replace(':', '-').replace(',', '-')}-idx-")
    result = evaluate(EvaluateSettings(str(folder), f"idx:{small}", precision=0.9), project)
    figures = result.to_dict()
    assert figures["accuracy"] >= least
    assert figures["binary"]["roc_auc"] >= 0.985
    assert figures["binary"]["threshold"]["precision"] >= 0.9
    model = load_model(folder)
    assert model.task == task(name)
    assert model.classes_.tolist() == classes
    images, labels = sample.split("test").take(np.arange(300)).labelled()
    shown = np.isin(labels, (3, 5))
    wanted = labels[shown] if name == "pair:5,3" else np.where(labels[shown] == 5, "5", "not 5")
    assert (model.predict(images[shown]) == wanted).mean() > 0.9  # labels, and not indices of classes
    assert model.predict(images[:0]).dtype == model.classes_.dtype


def test_a_student_learns_its_teachers_probabilities_and_not_the_labels(
    fast: TrainResult, small: Path, project: Project, tmp_path: Path
) -> None:
    shutil.copytree(fast.folder, project.models / "teacher")
    splits = sources.prepare(f"idx:{small}", project).splits
    wrong = replace(splits["train"], labels=(splits["train"].labels + 1) % 10)
    folder = write_idx_folder(tmp_path / "wrong", train=wrong, t10k=splits["test"])
    settings = TrainSettings("fast", data=f"idx:{folder}", epochs=8, teachers=("teacher",), run="student")
    student = train(settings, project)
    assert train(settings, project, resume=True).meta == student.meta
    figures = evaluate(EvaluateSettings(str(student.folder), f"idx:{small}", split="test"), project).to_dict()
    assert figures["accuracy"] >= 0.95
    assert student.meta["settings"]["teachers"] == ["teacher"]
    # What the teacher was trained on, all of MNIST, is no clean ground to measure its student on.
    with pytest.raises(LeakageError, match="are training images of this model"):
        evaluate(EvaluateSettings(str(student.folder), "mnist", split="train", strict=True), project)


def test_a_student_sees_corrupted_images_and_its_teacher_clean_ones(small: Path, project: Project, tmp_path: Path) -> None:
    corners: dict[str, list[float]] = {"student": [], "teacher": []}

    def watch(name: str) -> Callable[[torch.nn.Module, tuple[torch.Tensor]], None]:
        return lambda module, inputs: corners[name].append(float(inputs[0][:, 0, 0, 0].max()))  # in MNIST, all are paper

    plan = replace(RECIPES["fast"], epochs=1, corrupted=1.0)
    teacher = network_of(plan, task("digits"))
    data = make_features(f"idx:{small}", project)
    objective = Classification(plan, task("digits"), data, teachers=[teacher])
    loop = TrainingLoop(objective, schedule_of(plan), Run(tmp_path))
    objective.network.blocks.register_forward_pre_hook(watch("student"))
    teacher.blocks.register_forward_pre_hook(watch("teacher"))
    loop.train()
    paper = pytest.approx(-PIXEL_MEAN / PIXEL_STD)
    assert max(corners["student"]) > 0
    assert max(corners["teacher"]) == paper == min(corners["teacher"])


def test_precise_norm_takes_its_statistics_from_training_images_as_they_are(
    small: Path, project: Project, tmp_path: Path
) -> None:
    data = make_features(f"idx:{small}", project)
    plan = replace(RECIPES["tiny-5k"], epochs=1)
    objective = Classification(plan, task("digits"), data)
    loop = TrainingLoop(objective, schedule_of(plan), Run(tmp_path))
    loop.train()
    images = torch.from_numpy(data.split("train").images[:, None]).float()

    @torch.no_grad()
    def error() -> float:
        """How far the means that the network uses are from those of the images."""
        found: list[float] = []

        def compare(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            found.append(float((norm.running_mean - inputs[0].mean((0, 2, 3))).abs().max()))

        network = copy.deepcopy(objective.network).train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_pre_hook(compare)
        network.maps(images)
        return max(found)

    before = error()
    objective.calibrated(loop.network)
    assert error() < before / 20


def test_a_teacher_of_another_task_is_refused(few: Path, project: Project) -> None:
    train(TrainSettings("fast", "is:5", f"idx:{few}", epochs=1, run="fives"), project)
    with pytest.raises(UsageError, match="the teacher fives has learnt the task is:5"):
        train(TrainSettings("fast", data=f"idx:{few}", teachers=("fives",)), project)
    with pytest.raises(ModelError, match="holds no finished run"):
        train(TrainSettings("fast", data=f"idx:{few}", teachers=("nobody",)), project)


def test_float32_is_used_where_the_processor_lacks_bfloat16(
    small: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    settings = TrainSettings("fast", data=f"idx:{small}", epochs=1)
    first, again = (train(replace(settings, run=run), project) for run in ("a", "b"))
    assert first.meta["precision"] == "float32"
    assert first.meta["validation"]["accuracy"] > 0.8
    assert (first.folder / "model.onnx").read_bytes() == (again.folder / "model.onnx").read_bytes()


def test_every_recipe_has_the_size_it_states() -> None:
    stated = dict(re.findall(r"^([a-z]\S+)  .*  ([\d,]{3,})  +\S", recipes.__doc__ or "", re.MULTILINE))
    counted = {name: f"{parameter_count(network_of(plan, task('digits'))):,}" for name, plan in RECIPES.items()}
    assert counted == stated


def test_a_network_accepts_all_its_images_at_once_or_one_by_one() -> None:
    network = network_of(RECIPES["default"], task("digits")).eval()
    images = torch.rand(5, 1, 28, 28) * 255
    with torch.inference_mode():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
        maps = network.activations(images)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert [m.shape[1] for m in maps] == [layer.channels for layer in RECIPES["default"].layers]
    assert isinstance(network, DigitNet)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "slow"}, "there is no recipe 'slow': use fast, default, best, tiny-1k"),
        ({"epochs": 0}, "epochs is 0: it should be greater than or equal to 1"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"lr": -1.0}, r"lr is -1\.0"),
        ({"seed": -5}, "seed is -5"),
        ({"device": "tpu"}, "device is 'tpu': it should be 'auto', 'cpu' or 'cuda'"),
        ({"task": "is:12"}, "there is no task 'is:12'"),
        ({"run": "../elsewhere"}, "cannot name a run"),
        ({"run": ""}, "cannot name a run"),
    ],
)
def test_wrong_settings_are_named(few: Path, project: Project, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(replace(TrainSettings("fast", data=f"idx:{few}"), **changes), project)  # type: ignore[arg-type]
    assert not project.models.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(few: Path, project: Project) -> None:
    with pytest.raises(UsageError, match="finds no GPU"):
        train(TrainSettings("fast", data=f"idx:{few}", device="cuda"), project)


def test_too_few_images(project: Project, mnist: Dataset, tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "few", train=mnist.split("train").take(np.arange(5)))
    with pytest.raises(UsageError, match="at least 24 are needed"):
        train(TrainSettings("fast", data=f"idx:{folder}"), project)


def test_curves_for_tensorboard(few: Path, project: Project) -> None:
    pytest.importorskip("tensorboard")
    folder = train(TrainSettings("fast", data=f"idx:{few}", epochs=1, run="tb"), project, tensorboard=True).folder
    (events,) = (folder / "tensorboard").glob("events.*")
    assert b"validation_accuracy" in events.read_bytes()


def test_tensorboard_is_an_extra(few: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"inkdigits\[tensorboard\]"):
        train(TrainSettings("fast", data=f"idx:{few}", run="tb"), project, tensorboard=True)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no finished run"):
        load_network(Run(tmp_path))


def test_interim_and_processed_are_reused(home: Project, mnist: Dataset) -> None:
    make_features("mnist", home)
    manifest = home.processed / "mnist.json"
    before = manifest.stat().st_mtime_ns
    make_features("mnist", home)
    assert manifest.stat().st_mtime_ns == before


def test_a_run_of_another_processor_is_not_taken_for_finished(
    finished: tuple[TrainSettings, TrainResult], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, first = finished
    monkeypatch.setattr(devices, "has_bfloat16", lambda device: first.meta["precision"] == "float32")
    again = train(settings, project, resume=True)
    assert again.meta["precision"] != first.meta["precision"]


def test_a_run_starts_from_the_weights_of_another(
    small: Path, small_run: tuple[Project, TrainResult], project: Project
) -> None:
    first = small_run[1]
    shutil.copytree(first.folder, project.models / "first")
    settings = TrainSettings("fast", data=f"idx:{small}", epochs=1, lr=1e-8, run="second", start="first")
    second = train(settings, project)
    assert second.meta["validation"]["accuracy"] == pytest.approx(first.meta["validation"]["accuracy"], abs=0.03)
    fresh = train(replace(settings, run="fresh", start=None), project)
    assert fresh.meta["validation"]["accuracy"] < 0.5
    assert train(settings, project, resume=True).meta == second.meta
    with pytest.raises(ModelError, match="is of the recipe fast, with other layers: add --recipe fast"):
        train(replace(settings, recipe="default"), project)
    with pytest.raises(ModelError, match="does not exist"):
        train(replace(settings, start="nobody"), project)
    with pytest.raises(UsageError, match="cannot start from its own weights"):
        train(replace(settings, run="first"), project)
