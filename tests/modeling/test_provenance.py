from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from inkdigits.modeling.provenance import git_commit, provenance

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def repository(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / ".git" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_the_commit_is_read_wherever_git_keeps_it(tmp_path: Path) -> None:
    branch = "ref: refs/heads/main\n"
    loose = repository(tmp_path / "loose", HEAD=branch, refs__heads__main=f"{COMMIT}\n")
    packed = repository(tmp_path / "packed", HEAD=branch)
    (packed / ".git" / "packed-refs").write_text(
        f"# pack-refs with: peeled\n{COMMIT[::-1]} refs/heads/other\n{COMMIT} refs/heads/main\n"
    )
    detached = repository(tmp_path / "detached", HEAD=f"{COMMIT}\n")
    (loose / ".git" / "worktrees" / "w").mkdir(parents=True)
    (loose / ".git" / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/main\n")
    (loose / ".git" / "worktrees" / "w" / "commondir").write_text("../..\n")
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {loose}/.git/worktrees/w\n")
    below = loose / "a" / "b"
    below.mkdir(parents=True)
    for folder in (loose, packed, detached, worktree, below):
        assert git_commit(folder) == COMMIT


def test_what_is_no_repository_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(repository(tmp_path / "new", HEAD="ref: refs/heads/main\n")) is None
    assert git_commit(repository(tmp_path / "odd", HEAD="<script>")) is None
    assert git_commit(repository(tmp_path / "away", HEAD="ref: refs/heads/main", refs__heads__main="not a commit")) is None


def test_nothing_of_a_strangers_repository_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.chdir(repository(tmp_path, HEAD=f"{COMMIT}\n", config="[core]\n\tfsmonitor = touch run-by-git\n"))
    assert provenance()["git_commit"] == COMMIT
    assert not (tmp_path / "run-by-git").exists()
