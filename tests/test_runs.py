from __future__ import annotations

from pathlib import Path

import pytest

from inkdigits.config import Project
from inkdigits.errors import ModelError, UsageError
from inkdigits.files import sha256_file
from inkdigits.modeling.train_reader import NETWORKS
from inkdigits.runs import Run


def test_a_run_keeps_what_is_written(tmp_path: Path) -> None:
    run = Run.named("mine", Project(tmp_path))
    assert run.folder == tmp_path / "models" / "mine"
    assert run.meta() == {}
    run.write_meta({"model_sha256": "of another file", "task": "digits"})
    run.write_history([{"epoch": 1}, {"epoch": 2}])
    assert run.meta()["task"] == "digits"
    assert run.history() == [{"epoch": 1}, {"epoch": 2}]
    run.model().write_bytes(b"a model")
    assert run.meta_of(run.model()) == {}
    assert Run.all(Project(tmp_path)) == [run]


def test_no_two_files_of_a_run_have_one_name(tmp_path: Path) -> None:
    run = Run(tmp_path)
    names = [run.meta_path, run.tensorboard, run.quantized_model]
    for network in ("model", "digit", "line"):
        names += [run.model(network), run.weights(network), run.checkpoint(network), run.history_path(network)]
    assert len(set(names)) == len(names)
    assert {path.parent for path in names} == {tmp_path}


@pytest.mark.parametrize("name", ["", "../elsewhere", "/elsewhere", ".hidden", "a/b", "a b"])
def test_a_run_lies_below_models(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a run"):
        Run.named(name)


@pytest.mark.parametrize("content", ["[]", "{", "5"])
def test_damaged_files_are_named(tmp_path: Path, content: str) -> None:
    run = Run(tmp_path)
    run.meta_path.write_text(content)
    with pytest.raises(ModelError, match=r"meta\.json"):
        run.meta()
    run.history_path().write_text(f"{content}\n")
    with pytest.raises(ModelError, match=r"history\.jsonl is missing or damaged"):
        run.history()


@pytest.mark.parametrize("name", ["default", "reader"])
def test_the_shipped_runs_are_there(name: str) -> None:
    run = Run.shipped(name)
    for network in ("model",) if name == "default" else ("digit", "line"):
        assert run.model(network).stat().st_size > 10_000


def test_what_is_said_of_shipped_networks_is_said_of_those_that_ship() -> None:
    """The hashes of ``meta.json`` are of the files beside it."""
    reader, default = Run.shipped("reader"), Run.shipped("default")
    assert {name: reader.meta()[name]["sha256"] for name in NETWORKS} == {
        name: sha256_file(reader.model(name)) for name in NETWORKS
    }
    assert default.meta()["model_sha256"] == sha256_file(default.model())
