"""Stop commands at any moment, by Ctrl-C and by a kill, and see what they say and what they leave. See docs/security.md.

    python benchmarks/stops.py [--times 12]

Each command is stopped so many times, each time a little later, from its first moments to its end. Stopped by Ctrl-C it ends
with 130, or 0 where it was done, and without a traceback. Whatever it has left, the same command does its work when it is
called again, and what lies there then is what a run that nobody stopped leaves, beside temporary files of a kill, which are
cleared after an hour, since another process may own them. Needs inkdigits[train].
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from inkdigits import files

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "stops.json"
#: The commands, by name; {out} is a folder of their own.
COMMANDS = {
    "read": ["read", str(ROOT / "examples"), "-o", "{out}/digits.csv"],
    "synthesize": ["synthesize", "digit", "-n", "300", "-o", "{out}/pictures", "--data", "sklearn"],
    "train": ["train", "--recipe", "tiny-1k", "--epochs", "1", "--data", "sklearn", "--run", "stopped", "--resume"],
}


def started(name: str, out: Path) -> subprocess.Popen[str]:
    """A command that begins its work, with a project of its own."""
    words = [word.format(out=out) for word in COMMANDS[name]]
    environment = {**os.environ, "INKDIGITS_PROJECT": str(out / "project")}
    return subprocess.Popen(
        [sys.executable, "-m", "inkdigits", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in the background
    )


def left(out: Path) -> dict[str, str]:
    """What lies in a folder, by name: the hash of each file; but for files that tell times."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix not in (".json", ".jsonl")
    }


def stopped(name: str, way: signal.Signals, times: int) -> dict[str, int]:
    """Stop a command so often, and count what came of it."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        whole.mkdir()
        begun = time.perf_counter()
        assert started(name, whole).wait() == 0
        seconds, wanted = time.perf_counter() - begun, left(whole)
        for number in tqdm(range(times), f"{name}, {way.name}", disable=None):
            out = Path(folder) / str(number)
            out.mkdir()
            process = started(name, out)
            time.sleep(seconds * number / times)
            process.send_signal(way)
            _, said = process.communicate(timeout=60)
            outcomes["stopped" if process.returncode else "done"] += 1
            outcomes["tracebacks"] += "Traceback" in said
            outcomes["other exit codes"] += process.returncode not in (0, 130, -way)
            if left(out) == wanted:
                outcomes["whole already"] += 1
                continue
            outcomes["fails when it is called again"] += started(name, out).wait() != 0
            found = left(out)
            outcomes["temporary files left"] += len(found) > len(wanted)
            outcomes["other files in the end"] += {name: found.get(name) for name in wanted} != wanted
    return dict(outcomes)


def main() -> None:
    """Stop them, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=12)
    args = parser.parse_args()
    found = {
        f"{name}, {way.name}": stopped(name, way, args.times) for name in COMMANDS for way in (signal.SIGINT, signal.SIGKILL)
    }
    for name, outcomes in found.items():
        print(f"{name:22}", "  ".join(f"{key} {value}" for key, value in outcomes.items()))
    files.write_json(RESULTS, found)


if __name__ == "__main__":
    main()
