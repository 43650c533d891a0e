"""Runs side by side: what there is, and which is better."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from inkdigits.config import Project
from inkdigits.errors import LeakageWarning, UsageError
from inkdigits.inference.classifier import load_model
from inkdigits.modeling.compare import compare, mcnemar, overview, overview_table
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.train import TrainResult, train
from inkdigits.plots import FIGURES
from inkdigits.report import make_comparison, make_report
from inkdigits.runs import Run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Project:
    """A project with a weak run, a better one, and one of another task."""
    found = Project(tmp_path_factory.mktemp("project"))
    for number, (name, task, epochs) in enumerate((("weak", "digits", 1), ("better", "digits", 5), ("fives", "is:5", 1))):
        result = train(TrainSettings("fast", task, f"idx:{small}", epochs=epochs, run=name), found)
        os.utime(result.run.model(), (1e9 + number, 1e9 + number))
    return found


def test_what_there_is(project: Project) -> None:
    fives, better, weak = overview(project)
    assert [fives["name"], better["name"], weak["name"]] == ["fives", "better", "weak"]
    assert (fives["task"], better["recipe"], weak["test"]) == ("is:5", "fast", None)
    assert better["validation"]["accuracy"] > weak["validation"]["accuracy"]
    assert (better["epochs"], better["seed"], better["from"], better["teachers"]) == (5, 0, None, [])
    assert better["trained"].startswith("2001-09-")
    lines = overview_table(overview(project)).splitlines()
    assert len(lines) == 4
    assert f"{100 * weak['validation']['accuracy']:.2f} (" in lines[3]
    latest = Run.latest(project)
    assert latest is not None and latest.name == "fives"


def test_a_damaged_run_is_listed_as_such(project: Project, tmp_path: Path) -> None:
    run = Run.named("weak", project)
    before = run.meta_path.read_bytes()
    try:
        run.meta_path.write_text('{"task": 5}')
        assert "train it again" in overview(project)[2]["fault"]
        assert "damaged" in overview_table(overview(project)).splitlines()[3]
    finally:
        run.meta_path.write_bytes(before)
    assert overview(Project(tmp_path)) == []


def test_which_is_better(project: Project, small: Path) -> None:
    found = compare(["weak", "better"], f"idx:{small}", project=project)
    weak, better = found.to_dict()["models"]
    assert (weak["wrong"], better["wrong"]) == tuple(int((~found.correct(number)).sum()) for number in (0, 1))
    assert better["right_where_first_errs"] - better["wrong_where_first_is_right"] == weak["wrong"] - better["wrong"]
    assert sum(weak["wrong_by_class"].values()) == weak["wrong"]
    assert min(weak["images_per_s"], weak["kilobytes"]) > 0
    assert better["p"] < 0.05
    table = found.to_table()
    assert "better is better than weak (McNemar's test" in table
    assert f"{found.to_dict()['images']:,} images of idx:{small}, validation" in table
    back = compare(["better", "weak"], f"idx:{small}", project=project)
    assert back.to_dict()["models"][1]["p"] == pytest.approx(better["p"])
    assert "weak is worse than better" in back.to_table()


def test_a_page_shows_where_they_differ(project: Project, small: Path, tmp_path: Path) -> None:
    found = compare(["weak", "better"], project=project)
    make_comparison(found, tmp_path / "c.html")
    page = (tmp_path / "c.html").read_text()
    weak, better = found.correct(0), found.correct(1)
    assert f"{(weak != better).sum()} images are read right by some and wrong by others" in page
    assert f"{(~weak & ~better).sum()} are read wrong by all" in page
    shown = re.findall(r'base64,([^"]+)" alt="a (\d)"><figcaption>\d:\s+<span class="(\w+)">(\d)<.*?"(\w+)">(\d)<', page)
    places = np.flatnonzero(weak != better)
    assert len(shown) == len(places)
    for place, (source, label, *answers) in zip(places, shown, strict=True):
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
        np.testing.assert_array_equal(255 - image, found.evaluations[0].images[place])
        predicted = [str(one.predicted[place]) for one in found.evaluations]
        assert label == str(found.evaluations[0].targets[place])
        assert answers[1::2] == predicted
        assert answers[::2] == ["right" if one == label else "wrong" for one in predicted]


def test_a_page_says_whose_training_images_are_among_them(project: Project, small: Path, tmp_path: Path) -> None:
    with pytest.warns(LeakageWarning):
        found = compare(["weak", "better"], f"idx:{small}", "train", project)
    assert [model["training_images_among_them"] for model in found.to_dict()["models"]] == [len(found.correct(0))] * 2
    make_comparison(found, tmp_path / "c.html")
    assert f"{len(found.correct(0))} of these images are training images of better" in (tmp_path / "c.html").read_text()


def test_a_report_names_every_setting_that_repeats_the_run(
    project: Project, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inkdigits.plots.FIGURES", dict(list(FIGURES.items())[:1]))
    settings = TrainSettings("fast", data=f"idx:{small}", epochs=1, start="weak", teachers=("better",), run="child")
    train(settings, project)
    page = make_report("child", project=project).read_text()
    assert "--from weak --teacher better --run child" in page
    shutil.rmtree(Run.named("child", project).folder)
    (project.reports / "child.html").unlink()


def test_a_model_and_its_copy_cannot_be_told_apart(project: Project, small: Path) -> None:
    copy = str(Run.named("weak", project).model())
    found = compare(["weak", copy], f"idx:{small}", project=project)
    assert found.to_dict()["models"][1]["p"] == 1
    assert "are right equally often" in found.to_table()


@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (3, 9), (9, 3), (50, 51), (400, 200), (30_000, 31_000)])
def test_mcnemar_is_the_exact_test(pair: tuple[int, int]) -> None:
    better, worse = pair
    wanted = binomtest(better, better + worse).pvalue if better + worse else 1
    assert mcnemar(better, worse) == pytest.approx(wanted, rel=1e-9)


def test_a_probability_too_small_for_numbers_is_told_as_such(project: Project, small: Path) -> None:
    found = compare(["weak", "better"], f"idx:{small}", project=project)
    first, second = found.evaluations
    zeros = np.zeros(4000, int)
    known = {"targets": zeros, "probabilities": None, "copies": None}
    sure = replace(found, evaluations=[replace(first, predicted=zeros + 1, **known), replace(second, predicted=zeros, **known)])
    assert sure.to_dict()["models"][1]["p"] == 0
    assert sure.verdicts() == ["better is better than weak (McNemar's test, p < 1e-15)."]
    assert "< 1e-15" in sure.to_table()


def test_data_are_the_same_by_what_they_hold(project: Project, small: Path) -> None:
    """However their folder was written."""
    run = Run.named("better", project)
    before = run.meta_path.read_bytes()
    meta = run.meta()
    try:
        run.write_meta(meta | {"data": meta["data"] | {"source": f"idx:{small}/"}})
        assert compare(["weak", "better"], project=project).to_dict()["data"].startswith(f"idx:{small}")
    finally:
        run.meta_path.write_bytes(before)


def test_a_folder_of_data_does_not_hide_a_run(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weak").mkdir()
    assert load_model("weak", project).path == Run.named("weak", project).model()
    shutil.copytree(Run.named("better", project).folder, tmp_path / "fives")
    assert load_model("fives", project).path.resolve() == tmp_path / "fives" / "model.onnx"


def test_what_cannot_be_compared(project: Project, small: Path) -> None:
    for models, message in (
        (["weak"], "name two models"),
        (["weak", "weak"], "each once"),
        (["weak", "fives"], "the tasks digits and is:5"),
    ):
        with pytest.raises(UsageError, match=message):
            compare(models, f"idx:{small}", project=project)


def test_a_finished_run_is_not_lost(project: Project, small: Path) -> None:
    settings = TrainSettings("fast", data=f"idx:{small}", epochs=1, run="weak")
    before = Run.named("weak", project).meta_path.read_bytes()
    assert isinstance(train(settings, project), TrainResult)  # the same: it is there already
    for other in (replace(settings, seed=1), replace(settings, epochs=2)):
        with pytest.raises(UsageError, match=r"weak is finished, with other settings.*--overwrite"):
            train(other, project)
    with pytest.raises(UsageError, match="give one of them"):
        train(settings, project, resume=True, overwrite=True)
    assert Run.named("weak", project).meta_path.read_bytes() == before


def test_a_stopped_run_is_not_lost_and_one_is_overwritten_if_asked(small: Path, tmp_path: Path) -> None:
    project = Project(tmp_path)
    settings = TrainSettings("fast", data=f"idx:{small}", epochs=1, run="r")
    first = train(settings, project)
    run = first.run
    other = train(replace(settings, seed=1), project, overwrite=True)
    assert other.meta["seed"] == 1 != first.meta["seed"]
    run.checkpoint().write_bytes(b"of a training that was stopped")
    with pytest.raises(UsageError, match="was stopped: go on with --resume, or begin anew with --overwrite"):
        train(settings, project)
    assert (
        train(settings, project, overwrite=True).run.model().read_bytes() == train(settings, project).run.model().read_bytes()
    )
    assert not run.checkpoint().exists()


def test_every_run_has_its_page_and_they_are_listed(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkdigits.plots.FIGURES", dict(list(FIGURES.items())[:1]))
    assert make_report("weak", project=project) == project.reports / "weak.html"
    assert make_report("fives", project=project) == project.reports / "fives.html"
    index = (project.reports / "index.html").read_text()
    assert index.index('href="fives.html"') < index.index('href="weak.html"')
    assert "better.html" not in index
    assert "is:5, recipe fast, trained on idx:" in (project.reports / "fives.html").read_text()
    assert make_report("better", project=project, output=tmp_path / "page.html") == tmp_path / "page.html"
    assert "index.html" not in (tmp_path / "page.html").read_text()


def test_the_commands(
    project: Project, small: Path, run_cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(project.root))
    code, out, _ = run_cli("runs")
    assert code == 0
    assert out.splitlines()[1].startswith("fives")
    assert [run["name"] for run in json.loads(run_cli("runs", "--json")[1])] == ["fives", "better", "weak"]
    code, out, _ = run_cli("compare", "weak", "better", "-o", project.root / "c.html")
    assert code == 0
    assert f"images of idx:{small}, validation" in out  # from which both have learnt
    assert "better is better than weak" in out
    code, out, err = run_cli("compare", "weak", "better", "-o", project.root / "c.png")
    assert (code, out) == (2, "")
    assert "should end in .html" in err
    code, out, err = run_cli("evaluate", "--data", f"idx:{small}", "--split", "validation", "--json")
    assert code == 0
    assert json.loads(out)["task"] == "is:5"
    assert "the model is fives, which was trained last" in err
    np.testing.assert_array_equal(np.array(json.loads(out)["confusion"]).sum(), json.loads(out)["count"])


def test_without_runs(run_cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(tmp_path))
    code, out, err = run_cli("runs")
    assert (code, out) == (0, "")
    assert "inkdigits train --recipe fast" in err
    for command in ("report", "plots"):
        code, _, err = run_cli(command)
        assert code == 2
        assert "there are no runs here yet" in err
