"""The pages of a PDF, drawn in a process of its own.

A PDF is a program: a few bytes may ask for hours and for all memory, and the library that draws it can neither be stopped nor
be used by two threads at once. A process can be ended.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from inkdigits import pdf_process
from inkdigits.errors import ImageError, MissingExtraError
from inkdigits.limits import Limits

#: Pages are drawn with so many pixels an inch, fewer where they would have more pixels than the limit.
_DPI = 200


def pages(file: BinaryIO, name: str, limits: Limits, own: bool = False, colours: bool = False) -> Iterator[NDArray[np.uint8]]:
    """The pages of a PDF, one at a time.

    Args:
        file: The whole PDF, from its first byte on.
        name: What it is called in errors.
        limits: What it may cost.
        own: The file was opened from a path, for this alone: the process may read it by itself.
        colours: Draw them in their colours.

    Yields:
        uint8 (H, W) a page, 255 = white; in colours (H, W, 3), red, green, blue.

    Raises:
        ImageError: It is no PDF, is damaged or locked, or costs more.
        MissingExtraError: pypdfium2 is not installed.
    """
    with _started(file, name, limits, own, colours) as process:
        assert process.stdout is not None
        try:
            number = 1
            while (page := _page(process, process.stdout, name, number, limits, 3 if colours else 1)) is not None:
                yield page if colours else page[:, :, 0]
                number += 1
            if number == 1:  # it ended well, and drew nothing: another program
                raise ImageError(f"{name} cannot be drawn: {sys.executable!r} should be Python")
        finally:
            process.kill()  # nobody wants the other pages


def _started(file: BinaryIO, name: str, limits: Limits, own: bool, colours: bool) -> subprocess.Popen[bytes]:
    library = find_spec("pypdfium2")
    if library is None or library.origin is None:
        raise MissingExtraError("pypdfium2", "pdf")
    most = (_DPI, limits.pixels, limits.pages, limits.seconds, limits.memory)
    # -I and -S: nothing of the folder one stands in, and nothing that is not needed.
    folder, kind, mode = str(Path(library.origin).parents[1]), "file" if own else "pipe", "colours" if colours else "grey"
    command = [sys.executable, "-I", "-S", pdf_process.__file__, folder, kind, mode, *map(str, most)]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=file if own else pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise ImageError(f"{name} cannot be drawn, since {sys.executable!r} cannot be started ({error.strerror})") from None
    if own:
        return process
    assert process.stdin is not None
    try:
        with process.stdin as entrance:
            shutil.copyfileobj(file, entrance)
    except OSError:
        pass  # it has ended already; its answer says why
    except BaseException:
        process.kill()
        raise
    return process


def _page(
    process: subprocess.Popen[bytes], source: IO[bytes], name: str, number: int, limits: Limits, channels: int
) -> NDArray[np.uint8] | None:
    """The next page, (H, W, channels); None after the last."""
    started = time.monotonic()
    alarm = threading.Timer(limits.seconds, process.kill)
    alarm.daemon = True
    alarm.start()
    try:
        head = source.read(pdf_process.HEAD.size)
        height, width = pdf_process.HEAD.unpack(head) if len(head) == pdf_process.HEAD.size else (0, 0)
        content = source.read(height * width * channels or width) if height * width <= limits.pixels else b""
    finally:
        alarm.cancel()
    if height and len(content) == height * width * channels:
        return np.frombuffer(content, np.uint8).reshape(height, width, channels)
    if width and not height:
        raise ImageError(f"{name} {content.decode()}")
    if not head and process.wait() == 0:
        return None
    late = time.monotonic() - started >= limits.seconds
    limit, most = ("seconds", f"{limits.seconds:g} s") if late else ("memory", f"{limits.memory} MB")
    damaged = "" if late else ", or is damaged"
    fix = f"save it as a picture, or raise the limit {limit}"
    raise ImageError(f"{name}: page {number} takes more than {most} to draw{damaged}: {fix}")
