"""Every step works in the project that it is given, and leaves the current one alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from inkdigits import sources
from inkdigits.config import Project
from inkdigits.features import make_features
from inkdigits.inference.classifier import load_model
from inkdigits.modeling.baselines import measure
from inkdigits.modeling.evaluate import EvaluateSettings, evaluate
from inkdigits.modeling.predict import predict
from inkdigits.modeling.quantize import quantize
from inkdigits.modeling.settings import TrainSettings
from inkdigits.modeling.train import train
from inkdigits.plots import FIGURES, make_plots
from inkdigits.report import make_report
from inkdigits.runs import Run
from inkdigits.synthesis.synthesize import SynthesizeSettings, synthesize

pytestmark = pytest.mark.slow


def test_every_step_honours_its_project(small: Path, home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("INKDIGITS_PROJECT", str(elsewhere))
    project, source = Project(tmp_path / "mine"), f"idx:{small}"
    sources.prepare(source, project)
    make_features(source, project)
    run = train(TrainSettings("fast", data=source, epochs=3, run="r"), project).run
    assert run == Run.named("r", project)
    assert Run.all(project) == [run]
    assert load_model("r", project).path == run.model()
    assert evaluate(EvaluateSettings("r", source), project).name.startswith("r on")
    assert run.meta()["test"]["count"] == 1000
    assert quantize("r", project).path == run.quantized_model
    assert len(predict(small / "test-images-idx3-ubyte", "r", project).names) == 1000
    monkeypatch.setattr("inkdigits.plots.FIGURES", dict(list(FIGURES.items())[:1]))  # one shows where all go
    assert all(project.reports in path.parents for path in make_plots("r", project=project))
    assert make_report("r", project=project).parent == project.reports
    synthesize(SynthesizeSettings("line", count=1, data=source), tmp_path / "lines", project)
    assert next(measure((3,), quick=True, models=("darkness",), project=home)).model == "darkness"
    assert not elsewhere.exists()
