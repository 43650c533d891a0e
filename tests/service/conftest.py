from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
import pytest


@contextmanager
def served(*options: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service in a process of its own, by its command: its address, and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", str(port), "--workers", "1", *options]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/v2/health/ready").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[1].decode()
                time.sleep(0.1)
        yield address, process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a service answers."""
    with served() as (found, _):
        yield found
