"""What the scripts here share: the time of a call, and the time and memory of a whole process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

RUNS = 5

#: Run in a process of its own, whose only child is then the one that is measured.
_MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def shortest(action: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of a call, the best of some; one more goes before them."""
    action()
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return min(found)


def process(*command: object, runs: int = RUNS) -> tuple[float, int]:
    """The least seconds and the most memory, in MB, of some runs of a whole process."""
    found = []
    for _ in range(runs):
        measure = [sys.executable, "-c", _MEASURE, *map(str, command)]
        seconds, megabytes = subprocess.run(measure, check=True, capture_output=True, text=True).stdout.split()
        found.append((float(seconds), int(megabytes)))
    return min(seconds for seconds, _ in found), max(megabytes for _, megabytes in found)
