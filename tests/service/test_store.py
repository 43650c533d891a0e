"""Corrections stay: whole after a kill, the same for several services, and the same again after a way through files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inkdigits.errors import DataError, UsageError
from inkdigits.service.store import Correction, Corrections, Counts, FullError, Store

EXAMPLES = Path(__file__).parents[2] / "examples"
METER = (EXAMPLES / "meter.jpg").read_bytes()
SEVEN = Correction(box=(10, 20, 30, 40), label=7, read=1, confidence=0.43)
NONE = Correction(box=(50, 20, 60, 40), label=None, read=4, confidence=0.9)
MISSED = Correction(page=2, box=(1, 2, 3, 4), label=0)


def test_the_last_word_on_a_place_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.add("meter.jpg", METER, [SEVEN, NONE])
    store.add("the same.jpg", METER, [SEVEN.model_copy(update={"label": 1}), MISSED])
    store.add("other", b"other", [SEVEN])
    assert store.counts() == Store(tmp_path / "c.sqlite").counts() == Counts(2, 4)
    (name, content, corrections), (_, other, _) = store.pictures()
    assert (name, content, other) == ("meter.jpg", METER, b"other")
    assert [(one.page, one.box, one.label, one.read) for one in corrections] == [
        (1, (10, 20, 30, 40), 1, 1),
        (1, (50, 20, 60, 40), None, 4),
        (2, (1, 2, 3, 4), 0, None),
    ]


def test_what_is_exported_comes_back_the_same(tmp_path: Path) -> None:
    store, again = Store(tmp_path / "c.sqlite"), Store(tmp_path / "d.sqlite")
    store.add('a, "b"\n=1.jpg', METER, [SEVEN, NONE, MISSED])
    store.add("page.jpg", (EXAMPLES / "page.jpg").read_bytes(), [NONE])
    assert store.export(tmp_path / "out") == again.take(tmp_path / "out") == again.take(tmp_path / "out") == Counts(2, 4)
    assert [one[1:] for one in again.pictures()] == [one[1:] for one in store.pictures()]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".csv", ".jpeg", ".jpeg"]
    again.export(tmp_path / "again")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    with pytest.raises(DataError, match="is not empty"):
        store.export(tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10 20 30 40", "30 20 10 40", "row 2 cannot be"),
        ("10 20 30 40", "10 20", "row 2 cannot be"),
        (",7,1,", ",17,1,", "row 2 cannot be"),
        ("file,name", "name,file", "has other columns"),
        (".jpeg,", ".png,", "which is not there"),
    ],
)
def test_an_export_that_was_changed_is_not_taken(tmp_path: Path, old: str, new: str, message: str) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.add("meter.jpg", METER, [SEVEN])
    store.export(tmp_path / "out")
    labels = tmp_path / "out" / "labels.csv"
    assert old in labels.read_text()
    labels.write_text(labels.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        Store(tmp_path / "d.sqlite").take(tmp_path / "out")
    assert Store(tmp_path / "d.sqlite").counts() == Counts(0, 0)


def test_a_row_of_an_export_leads_nowhere_else(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.add("meter.jpg", METER, [SEVEN])
    store.export(tmp_path / "out")
    (tmp_path / "secret.jpeg").write_bytes(b"secret")
    labels = tmp_path / "out" / "labels.csv"
    name = labels.read_text().splitlines()[1].partition(",")[0]
    labels.write_text(labels.read_text().replace(name, "../secret.jpeg"))
    with pytest.raises(DataError, match="names the picture"):
        store.take(tmp_path / "out")


def test_it_grows_no_larger(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite", 1)
    with pytest.raises(FullError, match="has reached 1 MB: export it"):
        for number in range(20):
            store.add("noise", os.urandom(100_000) + bytes([number]), [SEVEN])
    counts = store.counts()
    assert 5 <= counts.pictures == counts.corrections < 10
    store.export(tmp_path / "out")


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(100)])
def test_another_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="name another file"):
        Store(path)
    assert path.read_bytes() == content


def test_another_database_is_left_as_it_is(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "c.sqlite") as database:
        database.execute("CREATE TABLE precious (x)")
    database.close()
    with pytest.raises(UsageError, match="something else"):
        Store(tmp_path / "c.sqlite")
    with pytest.raises(UsageError, match="cannot be used"):
        Store(tmp_path / "nowhere" / "c.sqlite")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"corrections": []}',
        b'{"corrections": [{"box": [1, 2, 3, 4]}]}',
        b'{"corrections": [{"box": [1, 2, 1, 4], "label": 3}]}',
        b'{"corrections": [{"box": [1, 2, 3, 4], "label": 10}]}',
        b'{"corrections": [{"box": [-1, 2, 3, 4], "label": 1}]}',
        b'{"corrections": [{"box": [1, 2, 3, 4], "label": 1, "time": "yesterday"}]}',
        b'{"corrections": [{"box": [1, 2, 3, 4], "label": 1, "confidence": NaN}]}',
        b'{"corrections": [{"box": [1, 2, 3, 4], "label": 1, "writer": "me"}]}',
    ],
)
def test_what_is_no_correction(content: bytes) -> None:
    with pytest.raises((UsageError, DataError)):
        Corrections.parsed(content)


_WRITER = """
import sys, itertools
from pathlib import Path
from inkdigits.service.store import Store, Correction
store = Store(Path(sys.argv[1]))
for number in itertools.count():
    store.add("x", f"{sys.argv[2]} {number}".encode() * 2000, [Correction(box=(0, 0, 1, 1 + i), label=3) for i in range(3)])
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_promised(tmp_path: Path) -> None:
    path, promised = tmp_path / "c.sqlite", 0
    for run in range(4):
        command = [sys.executable, "-c", _WRITER, str(path), str(run)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
        process.wait()
        promised += 1 + len(said)
    counts = Store(path).counts()
    assert promised <= counts.pictures <= promised + 4
    assert counts.corrections == 3 * counts.pictures
    assert promised > 8


@pytest.mark.slow
def test_many_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    stores = [Store(path) for _ in range(2)]
    failures: list[BaseException] = []

    def write(store: Store, writer: int) -> None:
        try:
            for number in range(20):
                store.add("x", f"{writer} {number}".encode(), [SEVEN, NONE])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(stores[writer % 2], writer)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert stores[0].counts() == Counts(160, 320)
