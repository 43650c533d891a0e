"""Ask the service for pictures, by wrk, beside the same pictures through the Python API; by its page; and for all at once.

    apt install wrk chromium
    python benchmarks/serve.py [--seconds 15] [--minutes 10] [--workers CORES]

Singles are pictures of one digit, one by one and 256 in a form; lines are parts of a page; photos have twelve megapixels.
The mixed traffic has some of each and of the other requests, and 5 % that are broken. The memory is that of the service and
its processes together. Needs inkdigits[serve]; Linux alone tells memory.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import inkdigits
from inkdigits import files
from inkdigits.reading.page import Mode

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "serve.json"
CLIENTS = (1, 8, 64)
#: Kinds of pictures of which it is known what they hold.
MODES: dict[str, Mode] = {"single": "digit", "line": "line"}
_FORM, _BOUNDARY = 256, "a-boundary-of-the-benchmark"
#: Of mixed traffic: how often each kind is asked for, by its name, and how many clients ask.
_SHARES = {"single": 60, "form": 3, "line": 20, "page": 8, "photo": 1, "draw": 2, "explain": 1, "broken": 5}
_ASKING = 8


@dataclass(frozen=True)
class Request:
    """A request, and how many pictures it has."""

    path: str
    body: bytes
    kind: str = "application/octet-stream"
    pictures: int = 1


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    image.save(file, form, quality=90)
    return file.getvalue()


def form_of(pictures: Sequence[bytes]) -> bytes:
    """A multipart form with pictures."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="p"; filename="digit.png"\r\n\r\n'.encode()
    return b"".join(head + picture + b"\r\n" for picture in pictures) + f"--{_BOUNDARY}--\r\n".encode()


def pictures() -> dict[str, list[bytes]]:
    """Files of each kind: those of examples/, and parts of them."""
    page = Image.open(ROOT / "examples" / "page.jpg")
    lines = inkdigits.read(ROOT / "examples" / "page.jpg").pages[0].lines
    digits = [digit.box for line in lines for word in line.words for digit in word.digits]
    wide = [np.array([digit.box for word in line.words for digit in word.digits]) for line in lines]
    boxes = [(*(box[:, :2].min(0) - 12), *(box[:, 2:].max(0) + 12)) for box in wide]
    singles = [
        encoded(page.crop((left - 6, top - 6, right + 6, bottom + 6)).convert("L")) for left, top, right, bottom in digits
    ]
    return {
        "single": singles,
        "line": [encoded(page.crop((left, top, right, bottom)).convert("L")) for left, top, right, bottom in boxes],
        "page": [(ROOT / "examples" / name).read_bytes() for name in ("page.jpg", "meter.jpg", "sudoku.jpg")],
        "photo": [encoded(page.resize((4000, 3000)), "JPEG")],
    }


def requests(some: dict[str, list[bytes]]) -> dict[str, list[Request]]:
    """What is asked, by its kind."""
    many = (some["single"] * _FORM)[:_FORM]
    form = Request("/v1/read?mode=digit", form_of(many), f"multipart/form-data; boundary={_BOUNDARY}", _FORM)
    broken = [one[: len(one) // 2] for one in (*some["single"][:2], *some["page"])]
    return {
        "single": [Request("/v1/read?mode=digit", one) for one in some["single"]],
        "form": [form],
        "line": [Request("/v1/read?mode=line", one) for one in some["line"]],
        "page": [Request("/v1/read", one) for one in some["page"]],
        "photo": [Request("/v1/read", some["photo"][0])],
        "draw": [Request("/v1/draw", one) for one in some["page"]],
        "explain": [Request("/v1/explain", some["page"][0])],
        "broken": [
            *(Request("/v1/read", one) for one in broken),
            Request("/v1/read", b""),
            Request("/v1/read?mode=none", some["single"][0]),
            Request("/v1/read", form.body[:-100], form.kind),
            Request("/v1/read", b"{}", "application/json"),
        ],
    }


# --- The service ------------------------------------------------------------------------------------------------------------


@contextmanager
def served(workers: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A service for as many clients as will ask, and its process."""
    options = ["--port", "0", "--workers", str(workers), "--waiting", str(max(CLIENTS))]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([sys.executable, "-m", "inkdigits", "serve", *options], stderr=log, text=True)
        try:
            while not (said := re.search(r"http://\S+", _read(log))):
                time.sleep(0.1)
            yield said[0], process
        finally:
            process.terminate()
            process.wait()


def _read(log: Any) -> str:
    log.seek(0)
    text: str = log.read()
    return text


def memory_mb(process: int) -> float:
    """What a process and its children have to themselves, and their share of what they have together."""
    threads = Path(f"/proc/{process}/task").glob("*/children")  # any of them may have started a child
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return _proportional_mb(process) + sum(map(memory_mb, children))


def _proportional_mb(process: int) -> float:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1e3


# --- Speed ----------------------------------------------------------------------------------------------------------------

_LUA = """
local names = {%s}
local bodies, number = {}, 0
for at, name in ipairs(names) do
    local file = io.open(name, "rb")
    bodies[at] = file:read("*a")
    file:close()  -- wrk has few handles
end
request = function()
    number = number + 1
    return wrk.format("POST", %s, {["Content-Type"] = %s}, bodies[number %% #bodies + 1])
end
done = function(summary, latency)
    local errors = summary.errors
    print(string.format('{"requests": %%d, "us": %%d, "p50": %%d, "p95": %%d, "p99": %%d, "errors": %%d}', summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def asked(address: str, some: Sequence[Request], clients: int, seconds: float) -> dict[str, float]:
    """Pictures a second, and percentiles of the milliseconds of a request."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / str(number) for number in range(len(some))]
        for name, request in zip(names, some, strict=True):
            name.write_bytes(request.body)
        script = Path(folder) / "ask.lua"
        listed = ", ".join(json.dumps(str(name)) for name in names)
        script.write_text(_LUA % (listed, json.dumps(some[0].path), json.dumps(some[0].kind)))
        command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds:g}s", "--timeout", "60s", "-s", str(script), address]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = json.loads(said.strip().splitlines()[-1])
    milliseconds = {name: round(told[name] / 1e3, 1) for name in ("p50", "p95", "p99")}
    rate = told["requests"] * some[0].pictures / (told["us"] / 1e6)
    return {"clients": clients, "pictures_per_s": round(rate, 1), **milliseconds, "errors": told["errors"]}


def read_here(kind: str, some: Sequence[bytes], seconds: float) -> float:
    """Pictures a second through the Python API, one by one, or for a form as one batch."""
    reader, end, count = inkdigits.Reader(), time.perf_counter() + seconds, 0
    batch = (list(some) * _FORM)[:_FORM]
    started = time.perf_counter()
    while (now := time.perf_counter()) < end:
        if kind == "form":
            reader.read_many(batch, mode="digit")
            count += _FORM
        else:
            reader.read(some[count % len(some)], MODES.get(kind, "auto"))
            count += 1
    return round(count / (now - started), 1)


# --- The page -----------------------------------------------------------------------------------------------------------------

_STROKES = (
    ((0.1, 0.1), (0.9, 0.1), (0.4, 0.95)),
    ((0.5, 0.05), (0.5, 0.95)),
    ((0.2, 0.2), (0.8, 0.2), (0.3, 0.9), (0.85, 0.9)),
)
_WATCH = """() => {
    const answer = document.querySelector("#answer");
    window.waits = [];
    let [inked, settled] = [0, 0];
    document.addEventListener("pointermove", (event) => event.buttons && (inked = performance.now()));
    const next = () => {
        if (settled > inked) window.waits.push(settled - inked);
        inked = Infinity;
    };
    document.addEventListener("pointerdown", next, true);
    new MutationObserver(() => (settled = performance.now())).observe(answer, { childList: true });
}"""


def behind_the_pen(address: str, strokes: int = 60) -> dict[str, float]:
    """Milliseconds from the last ink of a stroke until the answer has settled, in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.evaluate(_WATCH)
        area = page.locator("#canvas").bounding_box()
        assert area is not None
        side = 0.5 * area["height"]
        for number in range(strokes):
            left = area["x"] + (0.1 + 0.3 * (number % 3)) * area["width"]
            first, *rest = [(left + x * side, area["y"] + (0.2 + y * 0.5) * area["height"]) for x, y in _STROKES[number % 3]]
            page.mouse.move(*first)
            page.mouse.down()
            for place in rest:
                page.mouse.move(*place, steps=10)
                page.wait_for_timeout(60)
            page.mouse.up()
            page.wait_for_timeout(700)
            if number % 3 == 2:
                page.locator("#clear").click()
        waits = np.array(page.evaluate("() => window.waits"))
        browser.close()
    return {"strokes": len(waits), **{f"p{share}": round(float(np.percentile(waits, share)), 1) for share in (50, 95, 99)}}


# --- Mixed traffic -----------------------------------------------------------------------------------------------------------


def mixed(address: str, kinds: dict[str, list[Request]], process: int, seconds: float) -> dict[str, Any]:
    """Let clients ask for anything; what was answered, and how the memory went."""
    answers: Counter[str] = Counter()
    end, failures = time.monotonic() + seconds, []

    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        names, shares = list(_SHARES), np.array(list(_SHARES.values()), float)
        where = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
        while time.monotonic() < end:
            name = names[random.choice(len(names), p=shares / shares.sum())]
            request = kinds[name][random.integers(len(kinds[name]))]
            try:
                where.request("POST", request.path, request.body, {"Content-Type": request.kind})
                answer = where.getresponse()
                answer.read()
                answers[f"{'broken' if name == 'broken' else 'whole'} {answer.status}"] += 1
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                where.close()

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(_ASKING)]
    for thread in threads:
        thread.start()
    memory: list[float] = []
    for _ in tqdm(range(int(seconds)), unit="s", desc="mixed"):
        time.sleep(1)
        memory.append(round(memory_mb(process), 1))
    for thread in threads:
        thread.join()
    first, last = max(memory[50:60] or memory[:1]), max(memory[-10:])
    return {
        "seconds": seconds,
        "answers": dict(sorted(answers.items())),
        "failures": failures[:10],
        "memory_mb": {"first_minute": first, "end": last, "growth": round(last / first - 1, 3), "most": max(memory)},
    }


def main() -> None:
    """Measure, and write down what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15, help="for each figure")
    parser.add_argument("--minutes", type=float, default=10, help="of mixed traffic")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    some = pictures()
    kinds = requests(some)
    found: dict[str, Any] = {"cores": os.cpu_count(), "workers": args.workers, "speed": {}}
    with served(args.workers) as (address, _):
        for kind in ("single", "form", "line", "photo"):
            rows = [asked(address, kinds[kind], clients, args.seconds) for clients in CLIENTS]
            here = read_here(kind, some["single" if kind == "form" else kind], args.seconds)
            found["speed"][kind] = {"api_pictures_per_s": here, "service": rows}
            print(kind, "API", here, *rows, sep="\n  ")
    if shutil.which("chromium"):
        with served(args.workers) as (address, _):
            found["behind_the_pen_ms"] = behind_the_pen(address)
            print("behind the pen, ms", found["behind_the_pen_ms"])
    with served(args.workers) as (address, process):
        found["mixed"] = mixed(address, kinds, process.pid, 60 * args.minutes)
    print(json.dumps(found["mixed"], indent=2))
    files.write_json(RESULTS, found)


if __name__ == "__main__":
    main()
