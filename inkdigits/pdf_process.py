"""Draws the pages of a PDF, in a process of its own that ``inkdigits.pdf`` starts, and ends where it asks for too much.

The arguments are the folder of pypdfium2, ``file`` or ``pipe`` as the standard input is, ``grey`` or ``colours``, dots an
inch, and the limits: pixels, pages, seconds and MB. The standard input is the PDF. To the standard output goes each page: its
height and width, then its grey levels, or red, green and blue, row by row; a height of 0 tells of an error, whose text has as
many bytes as the width says. Nothing else of inkdigits is imported, so that it starts at once.
"""

from __future__ import annotations

import io
import math
import struct
import sys

#: Of a page: its height and width.
HEAD = struct.Struct(">II")


def _limit(what: str, most: float) -> None:
    """Limit what this process may use, where the system can."""
    try:
        import resource

        limit = getattr(resource, what)
        resource.setrlimit(limit, (math.ceil(most), resource.getrlimit(limit)[1]))
    except (ImportError, AttributeError, ValueError, OverflowError, OSError):  # no such system, or a lower limit is set already
        pass


def _limit_time(seconds: float) -> None:
    """Some seconds of the processor from now on, so that even an orphan ends."""
    import time

    _limit("RLIMIT_CPU", time.process_time() + seconds + 1)


class _RefusedError(Exception):
    """A file that is whole, but cannot be used."""


def _tell(error: str) -> None:
    content = error.encode()
    sys.stdout.buffer.write(HEAD.pack(0, len(content)) + content)
    sys.stdout.buffer.flush()


def _scale(width: float, height: float, dpi: float, pixels: float) -> float:
    """Pixels for each 72nd of an inch: as many as are wanted, or fewer where the page, its sides rounded up, has too many."""
    scale = min(dpi / 72, (pixels / max(width * height, 1e-6)) ** 0.5)
    for _ in range(1_000):
        if math.ceil(width * scale) * math.ceil(height * scale) <= pixels:
            return scale
        scale *= 0.99
    raise _RefusedError(f"has a page of {width:g} × {height:g} points: save it as a picture, or raise the limit pixels")


def main() -> None:
    """Draw every page."""
    folder, kind, mode = sys.argv[1:4]
    dpi, pixels, pages, seconds, megabytes = map(float, sys.argv[4:])
    sys.path.append(folder)
    import pypdfium2

    _limit("RLIMIT_DATA", megabytes * 1e6)
    _limit_time(seconds)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    try:
        document = pypdfium2.PdfDocument(source if kind == "file" else io.BytesIO(source.read()))
        count = len(document)
        if not 0 < count <= pages:
            fix = f"split it, or raise the limit pages, which is {pages:.0f}" if count else "use a PDF with at least one"
            raise _RefusedError(f"has {count or 'no'} pages: {fix}")
        for page in document:
            _limit_time(seconds)
            width, height = page.get_size()
            scale = _scale(width, height, dpi, pixels)
            bitmap = page.render(scale=scale, grayscale=mode == "grey", rev_byteorder=True)  # red first
            page.close()
            target.write(HEAD.pack(bitmap.height, bitmap.width))
            rows = memoryview(bitmap.buffer).cast("B")
            for row in range(bitmap.height):
                target.write(rows[row * bitmap.stride : row * bitmap.stride + bitmap.width * bitmap.n_channels])
            target.flush()
            bitmap.close()
    except MemoryError:
        sys.exit(1)  # as where the library itself ends for the lack of memory
    except _RefusedError as error:
        _tell(str(error))
    except Exception as error:  # whatever is wrong with the file
        _tell(f"cannot be read as a PDF ({error}): use a whole one without a password")


if __name__ == "__main__":
    main()
