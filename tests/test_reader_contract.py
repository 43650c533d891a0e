"""What a program that holds a Reader relies on: one load, few network runs, threads, processes, memory, named faults."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import inkdigits
from inkdigits.dataset import Dataset
from inkdigits.errors import ImageError, ModelError, UsageError
from inkdigits.inference.session import Session
from inkdigits.runs import Run

EXAMPLES = Path(__file__).parents[1] / "examples"


# --- Network runs -----------------------------------------------------------------------------------------------------


class Counter:
    """Counts what goes through the networks: 28×28 inputs, and passes over strips."""

    def __init__(self) -> None:
        self.crops: list[bytes] = []
        self.strips: list[bytes] = []

    def __enter__(self) -> Counter:
        self._run = run = Session.run

        def counted(session: Session, inputs: Any) -> Any:
            for image in inputs.get("images", ()):
                self.crops.append(image.tobytes())
            for strip in inputs.get("strips", ()):
                self.strips.append(strip.tobytes())
            return run(session, inputs)

        Session.run = counted  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Session.run = self._run  # type: ignore[method-assign]


def sheet(sample: Dataset, rows: list[str], pitch: int = 56) -> np.ndarray:
    """Clear digits of MNIST's test set in rows on paper: uint8 (H, W)."""
    images, labels = sample.split("test").labelled()
    ink = np.zeros((pitch * len(rows) + 30, pitch * max(map(len, rows)) + 30), np.uint8)
    rng = np.random.default_rng(2)
    for r, row in enumerate(rows):
        for c, character in enumerate(row):
            image = images[rng.choice(np.flatnonzero(labels == int(character)))]
            ink[30 + pitch * r :, 30 + pitch * c :][:28, :28] = image
    return 255 - ink


@pytest.mark.parametrize("mode", ["page", "auto"])
def test_a_digit_is_classified_once(sample: Dataset, mode: str) -> None:
    picture = sheet(sample, ["20481", "93715", "60254", "88407", "16392"])
    reader = inkdigits.Reader()
    with Counter() as counter:
        (reading,) = reader.read_many([picture], mode)  # type: ignore[arg-type]
    assert len(reading.digits) >= 23
    assert len(counter.crops) == len(set(counter.crops))


@pytest.mark.parametrize("mode", ["digit", "line", "page", "auto"])
@pytest.mark.parametrize("name", ["drawing.png", "blackboard.png", "page.jpg", "meter.jpg", "score_sheet.png", "sudoku.jpg"])
def test_no_network_sees_the_same_input_twice(name: str, mode: str) -> None:
    reader = inkdigits.Reader()
    with Counter() as counter:
        reader.read(EXAMPLES / name, mode)  # type: ignore[arg-type]
    assert len(counter.crops) == len(set(counter.crops))
    assert len(counter.strips) == len(set(counter.strips))


def test_a_line_is_read_once_in_auto() -> None:
    reader = inkdigits.Reader()
    with Counter() as line:
        reader.read(EXAMPLES / "blackboard.png", "line")
    with Counter() as auto:
        reader.read(EXAMPLES / "blackboard.png", "auto")
    assert [auto.strips.count(strip) for strip in line.strips] == [1] * len(line.strips)


def test_a_scribbled_line_is_passed_over_once_for_each_strip() -> None:
    reader, rng = inkdigits.Reader(), np.random.default_rng(0)
    for _ in range(20):
        picture = Image.new("L", (int(rng.integers(40, 200)), 48), 245)
        ImageDraw.Draw(picture).line([tuple(p) for p in rng.integers(0, 200, (9, 2)).tolist()], fill=20, width=3)
        with Counter() as counter:
            reader.read(picture, "line")
        assert len(counter.strips) == len(set(counter.strips))


def test_a_doubtful_digit_is_shown_to_the_line_recogniser_too(sample: Dataset) -> None:
    images, labels = sample.split("test").labelled()
    four, nine = (images[labels == label][0].astype(int) for label in (4, 9))
    picture = Image.fromarray((255 - (four + nine) // 2).astype(np.uint8)).resize((84, 84))
    with Counter() as counter:
        (digit,) = inkdigits.Reader().read(picture, "digit").digits
    assert digit.confidence < 0.97
    assert counter.strips


def test_many_single_digits_make_one_batch(sample: Dataset) -> None:
    reader, images = inkdigits.Reader(), list(sample.split("test").images[:300])
    reader.read(images[0], "digit")  # a network that is loaded is tried
    with Counter() as counter:
        readings = reader.read_many(images, "digit")
    assert len(counter.crops) == len(readings) == 300
    assert not counter.strips


# --- Threads and processes --------------------------------------------------------------------------------------------


def pictures() -> Iterator[tuple[Any, str]]:
    """What the threads read: every mode, and decoders that would like to warn."""
    odd = io.BytesIO()
    Image.open(EXAMPLES / "drawing.png").convert("L").save(odd, "TIFF")
    for source in (EXAMPLES / "drawing.png", odd.getvalue(), EXAMPLES / "blackboard.png"):
        for mode in ("digit", "line", "page", "auto"):
            yield source, mode


@pytest.mark.slow
def test_eight_threads_read_what_one_reads_and_leave_the_process_as_it_was(tmp_path: Path) -> None:
    reader = inkdigits.Reader(threads=1)
    work = list(pictures())
    wanted = [reader.read(source, mode).to_json() for source, mode in work]  # type: ignore[arg-type]
    os.umask(mask := os.umask(0o022))
    filters, show = list(warnings.filters), warnings.showwarning
    faults: list[str] = []

    def read(number: int) -> None:
        for i in range(30):
            place = (i + number) % len(work)
            reading = reader.read(*work[place])  # type: ignore[arg-type]
            if reading.to_json() != wanted[place]:
                faults.append(f"thread {number}, reading {i}")
            if i % 10 == 0:
                reading.save(tmp_path / f"{number}-{i}.json")
            if warnings.filters != filters:
                faults.append("filters of warnings changed")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert list(warnings.filters) == filters
    assert warnings.showwarning is show
    os.umask(after := os.umask(0o022))
    assert after == mask
    os.umask(mask)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.json")} == {0o666 & ~mask}


def test_files_get_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    reading = inkdigits.read(EXAMPLES / "drawing.png")
    for mask in (0o077, 0o002):
        before = os.umask(mask)
        try:
            reading.save(tmp_path / f"{mask}.txt")
        finally:
            os.umask(before)
        assert (tmp_path / f"{mask}.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def _read_in_child(reader: inkdigits.Reader, pipe: Any) -> None:
    pipe.send([reader.read(EXAMPLES / name).to_json() for name in ("drawing.png", "blackboard.png")])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_survives_a_new_process(method: str) -> None:
    reader = inkdigits.Reader()
    wanted = [reader.read(EXAMPLES / name).to_json() for name in ("drawing.png", "blackboard.png")]
    context = multiprocessing.get_context(method)
    for _ in range(2):
        mine, theirs = context.Pipe()
        child = context.Process(target=_read_in_child, args=(reader, theirs))  # type: ignore[attr-defined]
        child.start()
        assert mine.poll(60), f"the child of a {method} does not answer"
        assert mine.recv() == wanted
        child.join(10)
        assert child.exitcode == 0
    assert [reader.read(EXAMPLES / name).to_json() for name in ("drawing.png", "blackboard.png")] == wanted


def test_a_reader_can_be_pickled_is_said_and_closed() -> None:
    with inkdigits.Reader(threads=1) as reader:
        copy = pickle.loads(pickle.dumps(reader))
        assert repr(copy) == repr(reader) == "Reader('shipped', threads=1)"
        assert copy.read(EXAMPLES / "drawing.png") == reader.read(EXAMPLES / "drawing.png")
    with pytest.raises(ModelError, match="was closed: make a new reader"):
        reader.read(EXAMPLES / "drawing.png")
    assert copy.read(EXAMPLES / "drawing.png").text == "5"
    closed = pickle.loads(pickle.dumps(reader))
    with pytest.raises(ModelError, match="was closed"):
        closed.read(EXAMPLES / "drawing.png")


def test_a_pickled_reader_of_a_relative_folder_is_read_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Run.shipped("reader")
    (tmp_path / "mine").mkdir()
    for network in ("digit", "line", "page", "sheet"):
        shutil.copy(shipped.model(network), tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(inkdigits.Reader("mine"))
    monkeypatch.chdir("/")
    assert pickle.loads(content).read(EXAMPLES / "drawing.png").text == "5"


def test_weights_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = inkdigits.Reader()
    monkeypatch.setattr(Session, "_load", lambda self: pytest.fail("loaded again"))
    reader.read(EXAMPLES / "page.jpg")
    reader.read_many([EXAMPLES / "drawing.png"] * 3)


def test_a_reader_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"digit\.onnx does not exist"):
        inkdigits.Reader(tmp_path)
    with pytest.raises(ModelError, match="nothing does not exist"):
        inkdigits.Reader(tmp_path / "nothing")
    with pytest.raises(UsageError, match="threads is 0"):
        inkdigits.Reader(threads=0)
    with pytest.raises(UsageError, match=r"threads is '2': give a whole number"):
        inkdigits.Reader(threads="2")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no provider 'Abacus'"):
        inkdigits.Reader(providers=["Abacus"])
    with pytest.raises(UsageError, match="providers is 'Abacus': give a list"):
        inkdigits.Reader(providers="Abacus")


# --- Named faults -----------------------------------------------------------------------------------------------------


def test_a_bad_picture_among_many_is_named_or_returned() -> None:
    good, bad = EXAMPLES / "drawing.png", b"no picture"
    with pytest.raises(ImageError, match=r"^sources\[1\]: the picture cannot be read") as raised:
        inkdigits.read_many([good, bad, good])
    assert raised.value.index == 1
    found = inkdigits.read_many([good, bad, good, Path("missing.png")], "digit", on_error="return")
    assert [type(one).__name__ for one in found] == ["Reading", "ImageError", "Reading", "ImageError"]
    assert [one.index for one in found if isinstance(one, ImageError)] == [1, 3]
    assert [one.text for one in found if isinstance(one, inkdigits.Reading)] == ["5", "5"]
    assert [one.__traceback__ for one in found if isinstance(one, ImageError)] == [None, None]  # it would keep the pictures
    with pytest.raises(UsageError, match="on_error is 'ignore'"):
        inkdigits.read_many([good], on_error="ignore")  # type: ignore[call-overload]


def test_one_picture_is_not_taken_for_many() -> None:
    photo = np.asarray(Image.open(EXAMPLES / "page.jpg").convert("RGB"))
    with (EXAMPLES / "page.jpg").open("rb") as file:
        for one in (str(EXAMPLES / "page.jpg"), b"bytes", Image.fromarray(photo), photo, photo[:, :, 0], file):
            with pytest.raises(UsageError, match="use read for one"):
                inkdigits.read_many(one)  # type: ignore[arg-type]
    assert len(inkdigits.read_many(np.full((3, 50, 40), 255, np.uint8), "digit")) == 3


def test_wrong_words_are_told_at_the_call() -> None:
    for read in (inkdigits.read_pages, inkdigits.Reader().read_pages):
        with pytest.raises(UsageError, match="mode"):
            read(EXAMPLES / "page.jpg", "pages")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"max_error is '0\.5'"):
            read(EXAMPLES / "page.jpg", max_error="0.5")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"missing\.json"):
        inkdigits.read_fields_pages(EXAMPLES / "page.jpg", "missing.json")


def test_pictures_are_taken_as_they_are_needed(sample: Dataset) -> None:
    taken = 0

    def stream() -> Iterator[np.ndarray]:
        nonlocal taken
        for image in sample.split("test").images[:600]:
            taken += 1
            yield image
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        inkdigits.read_many(stream(), "digit")
    assert taken == 600


# --- Memory -----------------------------------------------------------------------------------------------------------

_MEASURE = """
import resource, sys
import numpy as np
import inkdigits

mode, kind = sys.argv[1:]
reader = inkdigits.Reader()
reader.read(np.full((60, 90), 200, np.uint8), mode)
rng = np.random.default_rng(0)
height, width = (10_000, 15_000) if kind != "wide" else (3_000, 50_000)
picture = np.full((height, width), 235, np.uint8)
for y in range(200, height - 900, 1500):
    for x in range(300, width - 900, 1100):
        picture[y : y + 600, x : x + 90] = 30
        picture[y : y + 90, x : x + 400] = 30
if kind == "noisy":
    for rows in range(0, height, 1000):
        picture[rows : rows + 1000] -= rng.integers(0, 40, (1000, width), np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reader.read(picture, mode)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "noisy", "wide"])
@pytest.mark.parametrize("mode", ["digit", "line", "page", "auto"])
def test_memory_is_bounded_at_the_pixel_limit(mode: str, kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", _MEASURE, mode, kind], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 500  # MB above a decoded picture of 150 megapixels


_DECODE = """
import io, resource, sys
import numpy as np
from PIL import Image, ImageDraw
from inkdigits import images

mode = sys.argv[1]
picture = Image.new(mode, (8_000, 6_000))
if sys.argv[2] == "turned":
    picture.getexif()[0x0112] = 6
images.load(np.zeros((9, 9), np.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
grey = images.load(picture)
assert sorted(grey.shape) == [6_000, 8_000]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("turned", ["turned", "upright"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "I;16", "I", "F"])
def test_decoding_takes_little_more_than_the_grey_picture(mode: str, turned: str) -> None:
    done = subprocess.run([sys.executable, "-c", _DECODE, mode, turned], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 200  # MB; 48 megapixels of grey are 46
