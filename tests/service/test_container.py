"""The container's own lines, run where there is no engine: its installation in a plain environment, its command, its check."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

ROOT = Path(__file__).parents[2]
#: What the files of the image python:3.13-slim take, rounded up; and what all layers together may.
BASE_MB, MOST_MB = 130, 350


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile and what it says, in its order."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def said(name: str) -> str:
    """What the last instruction of that name says."""
    return [rest for one, rest in instructions() if one == name][-1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the build makes, elsewhere than in /opt."""
    source, place = tmp_path_factory.mktemp("src"), tmp_path_factory.mktemp("opt") / "inkdigits"
    for names in (rest for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")):
        *given, target = names.split()
        for one in given:
            path = ROOT / one
            shutil.copytree(path, source / target) if path.is_dir() else shutil.copy(path, source / target)
    build = instructions()[: [rest for _, rest in instructions()].index("python:3.13-slim")]
    steps = [rest for name, rest in build if name == "RUN"]
    assert len(steps) == 3
    for step in steps:
        command = shlex.split(step.replace("/opt/inkdigits", str(place)))
        command[0] = sys.executable if command[0] == "python" else command[0]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    return place


@pytest.mark.slow
def test_the_image_serves_and_is_small(installed: Path, tmp_path: Path) -> None:
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file() and not path.is_symlink())
    assert size / 1e6 + BASE_MB <= MOST_MB
    assert not list(installed.rglob("torch"))
    command = [part.replace("/opt/inkdigits", str(installed)) for part in json.loads(said("ENTRYPOINT"))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("INKDIGITS", "PYTHON"))}
    environment |= dict(pair.split("=") for name, pair in instructions() if name == "ENV")
    # As compose.yaml has it where nothing is set.
    environment |= {"INKDIGITS_TOKEN": "", "INKDIGITS_CORRECTIONS": "", "INKDIGITS_PORT": "0"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = process.stderr.readline().split()[1].replace("0.0.0.0", "127.0.0.1")
        check = json.loads(said("HEALTHCHECK").partition("CMD ")[2])
        check = [part.replace("/opt/inkdigits", str(installed)).replace("http://127.0.0.1:8080", address) for part in check]
        assert subprocess.run(check, timeout=60).returncode == 0
        content = (ROOT / "examples" / "meter.jpg").read_bytes()
        assert httpx.post(f"{address}/v1/read?format=text", content=content, timeout=60).text == "04732\n"
        process.terminate()
        assert process.wait(30) in (0, -15)
        assert subprocess.run(check, capture_output=True, timeout=60).returncode != 0
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []  # nothing is written where it runs


def test_nobody_has_rights_and_nothing_is_written() -> None:
    user, _, group = said("USER").partition(":")
    assert int(user) > 0 and int(group) > 0
    assert [name for name, _ in instructions()].index("USER") < [name for name, _ in instructions()].index("ENTRYPOINT")
    compose = (ROOT / "compose.yaml").read_text()
    for line in (
        "read_only: true",
        "cap_drop: [ALL]",
        '"no-new-privileges:true"',
        "mem_limit:",
        "pids_limit:",
        '"127.0.0.1:8080:8080"',
    ):
        assert line in compose
    assert said("EXPOSE") == "8080"
