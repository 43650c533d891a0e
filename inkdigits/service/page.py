"""The page's files, and one file that needs no service: its modules, networks and pictures in one."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from inkdigits.runs import Run

STATIC = Path(__file__).parent / "static"
#: The pages, by their paths.
PAGES = {"/": "index.html", "/look": "look.html", "/fields": "fields.html"}

_STYLESHEET = re.compile(r'<link rel="stylesheet" href="/static/([\w.]+)">')
_ICON = re.compile(r'<link rel="icon" href="/static/([\w.]+)" type="([\w/+]+)">')
_SCRIPT = re.compile(r'<script type="module" src="/static/([\w.]+)"></script>')
_IMPORT = re.compile(r'(?<=from )"\./([\w.]+)"')
#: Nothing is asked of anybody: a page from the disk holds all it needs.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none';"
    " form-action 'none'"
)


def weights(model: Path | None = None) -> dict[str, Path]:
    """The files that the page computes with, by their names.

    Args:
        model: A folder that ``inkdigits train-reader`` has made; None: the weights that ship with inkdigits.
    """
    reader, page = Run(model) if model else Run.shipped("reader"), Run.shipped("page")
    return {
        "digit.onnx": reader.model("digit"),
        "line.onnx": reader.model("line"),
        "cnn.onnx": Run.shipped("default").model(),
        "numpy.onnx": page.model("numpy"),
        "known.png": page.folder / "known.png",
    }


def offline(model: Path | None = None) -> str:
    """The page that looks inside, as one HTML file that opens from the disk.

    Args:
        model: As for ``weights``.
    """
    html = (STATIC / PAGES["/look"]).read_text("utf-8")
    html = re.sub(r"\s*<nav.*?</nav>", "", html)
    html = _ICON.sub(lambda found: f'<link rel="icon" href="{_data(STATIC / found[1], found[2])}">', html)
    html = _STYLESHEET.sub(lambda found: f"<style>\n{(STATIC / found[1]).read_text('utf-8')}</style>", html)
    held = "".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(path.read_bytes()).decode()}</script>\n'
        for name, path in weights(model).items()
    )
    html = _SCRIPT.sub(lambda found: _modules(found[1]), html)
    html = html.replace("</body>", f"{held}</body>")
    return html.replace(
        '<meta charset="utf-8">', f'<meta charset="utf-8">\n  <meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    )


def _modules(main: str) -> str:
    """A module and all that it imports, within a page: browsers load no module from beside a file."""
    found: dict[str, str] = {}
    waiting = [main]
    while waiting:
        name = waiting.pop()
        if name not in found:
            content = (STATIC / name).read_text("utf-8")
            waiting += _IMPORT.findall(content)
            found[name] = _IMPORT.sub(r'"\1"', content)  # a bare name, which the map below says the content of
    imports = {
        name: f"data:text/javascript;base64,{base64.b64encode(content.encode()).decode()}" for name, content in found.items()
    }
    table = json.dumps({"imports": imports})
    return f'<script type="importmap">{table}</script>\n  <script type="module">import "{main}";</script>'


def _data(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
