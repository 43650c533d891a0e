"""The lines of docs/howto/serve.md are run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jinja2
import pytest
import yaml
from playwright.sync_api import Browser

from tests.service.browsing import EXAMPLES, in_browser
from tests.service.conftest import served

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "serve.md").read_text()
pytestmark = pytest.mark.slow


def blocks(language: str, address: str) -> list[str]:
    """The examples in a language, which ask this service."""
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return [re.sub(r"(http://)?localhost:8080", lambda match: address if match[1] else address[7:], block) for block in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pictures lie that the examples send."""
    for name in ("photo.jpg", "one.jpg", "two.jpg", "meter.jpg"):
        shutil.copy(EXAMPLES / "meter.jpg", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(folder: Path) -> None:
    with served("--corrections", str(folder / "corrections.sqlite")) as (address, _):
        read, many, correct = (block for block in blocks("bash", address) if block.startswith("curl"))
        assert shell(read, folder) == "04732\n"
        assert [result["text"] for result in json.loads(shell(many, folder))["results"]] == ["04732"] * 2
        assert json.loads(shell(correct, folder)) == {"saved": 1}


def test_python(address: str, folder: Path) -> None:
    said = []
    for block in blocks("python", address):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "serve.md", "exec"), {})
        said.append(out.getvalue())
    assert said[0] == "04732\n"
    assert len(said[1].replace("[", "").replace("]", "").split()) == 11


class Site(BaseHTTPRequestHandler):
    """Another site than the service."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<input type=file>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(in_browser[1].args[0], reason="needs Chromium: apt install chromium")
def test_javascript(browser: Browser, folder: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        other = f"http://127.0.0.1:{site.server_port}"
        with served("--origin", other) as (address, _):
            (block,) = blocks("javascript", address)
            page = browser.new_context().new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(other)
            page.set_input_files("input", folder / "photo.jpg")
            page.evaluate(f"async () => {{ const [file] = document.querySelector('input').files; {block} }}")
            assert "04732" in said
            page.context.close()
        site.shutdown()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_home_assistant(address: str, folder: Path) -> None:
    (block,) = blocks("yaml", address)
    sensor = yaml.safe_load(block)["command_line"][0]["sensor"]
    answer = yaml.safe_load(shell(sensor["command"].replace("/config/www/", ""), folder))
    assert jinja2.Template(sensor["value_template"]).render(value_json=answer) == "04732"
