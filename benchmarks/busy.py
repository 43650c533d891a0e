"""What another process on the machine does to a training: seconds of ``fast`` on a quiet machine, and with one core loaded.

    python benchmarks/busy.py

Commands let OpenMP's threads sleep while they wait (``inkdigits.console``). The same runs with threads that spin, as OpenMP has
it by default, stand beside them. Each figure is the median of some whole runs, all kinds in turn. Run nothing else beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from results import FOLDER, machine, markdown

from inkdigits import files

#: How OpenMP's threads wait, and what the environment says for that.
WAITING = {"asleep, as the commands have it": "PASSIVE", "spinning, OpenMP's own default": "ACTIVE"}


@contextmanager
def loaded_core() -> Iterator[None]:
    """Another process that takes a core."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def seconds(policy: str, run: str) -> float:
    """Of the steps of a training of ``fast``."""
    command = [sys.executable, "-m", "inkdigits", "train", "--recipe", "fast", "--run", run]
    with tempfile.TemporaryDirectory() as models:
        environment = os.environ | {"OMP_WAIT_POLICY": policy, "INKDIGITS_PROJECT": models}
        subprocess.run([*command[:3], "features", "mnist"], env=environment, check=True, capture_output=True)
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return float(json.loads((Path(models) / "models" / run / "meta.json").read_text())["training_seconds"])


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each kind")
    args = parser.parse_args()
    found: dict[tuple[str, bool], list[float]] = {(name, busy): [] for name in WAITING for busy in (False, True)}
    for number in range(args.runs):
        for (name, busy), times in found.items():
            with loaded_core() if busy else nullcontext():
                times.append(seconds(WAITING[name], f"busy-{number}"))
    rows = [["threads that wait are", "quiet, s", "one core loaded, s", "times"]]
    for name in WAITING:
        quiet, loaded = statistics.median(found[name, False]), statistics.median(found[name, True])
        rows.append([name, f"{quiet:.1f}", f"{loaded:.1f}", f"{loaded / quiet:.2f}"])
    print(markdown(rows))
    kept = {f"{name}, {'one core loaded' if busy else 'quiet'}, s": times for (name, busy), times in found.items()}
    files.write_json(FOLDER / "busy.json", kept | {"machine": machine()})


if __name__ == "__main__":
    main()
