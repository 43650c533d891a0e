"""The reader: one object that is made once and reads any picture; the door to ``reading`` and ``forms``."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits import images
from inkdigits import pages as page_numbers
from inkdigits.errors import ImageError, MissingExtraError, UsageError
from inkdigits.images import Picture
from inkdigits.inference.sheet_finder import Sheet
from inkdigits.limits import DEFAULTS, Limits
from inkdigits.reading import overlay
from inkdigits.reading.candidates import PageCandidates, Unit
from inkdigits.reading.page import Mode, check_mode, find_candidates
from inkdigits.reading.reading import Reading
from inkdigits.reading.recogniser import Recogniser
from inkdigits.runs import Run

if TYPE_CHECKING:
    from inkdigits.forms.reader import FormReading
    from inkdigits.forms.template import Template
    from inkdigits.inference.classifier import Classifier

#: Digits whose chance of error is larger are given as "unsure", unless something else is asked for.
MAX_ERROR = 0.02
#: So many pictures make one batch of the classifier, so that memory stays bounded.
_BATCH = 256


class Reader:
    """Reads digits in pictures.

    It loads its weights once. It can be shared between threads and pickled, and it survives ``fork`` and ``spawn``.

    Args:
        model: A folder that ``inkdigits train-reader`` has made; None: the weights that ship with inkdigits.
        threads: Threads of one run of a network; None: as many as there are cores.
        providers: ONNX Runtime's execution providers, in the order of preference; None: the processor.
        limits: What a picture may cost; None: the defaults of ``Limits``.

    Raises:
        ModelError: The folder lacks a network, or one is damaged or of another kind.
        UsageError: ``threads`` or ``providers`` cannot be.

    Example:
        ``reader = inkdigits.Reader(); print(reader.read("cheque.jpg").text)``
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        run = Run.shipped("reader") if model is None else Run(Path(model))
        self._name = "shipped" if model is None else str(model)
        self._threads = threads
        self._limits = limits or DEFAULTS
        self._recogniser = Recogniser(run, threads, providers, self._limits)

    def __repr__(self) -> str:
        threads = "" if self._threads is None else f", threads={self._threads}"
        return f"Reader({self._name!r}{threads})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def limits(self) -> Limits:
        """What a picture may cost."""
        return self._limits

    @property
    def classifier(self) -> Classifier:
        """The network for single digits that are prepared already; its last class is what is no digit."""
        return self._recogniser.classifier

    def close(self) -> None:
        """Give the memory of the networks back; what needs one of them afterwards raises a ``ModelError``."""
        self._recogniser.close()

    def read(
        self,
        source: Picture,
        mode: Mode = "auto",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        per: Unit = "digit",
        pages: Collection[int] | None = None,
    ) -> Reading:
        """Read the digits in a picture.

        Args:
            source: A path, the bytes of a file, an open binary file, a PIL image, or a uint8 array (H, W), (H, W, 3) or
                (H, W, 4). Of a TIFF or PDF all pages are read.
            mode: ``digit`` (all ink is one digit), ``line``, ``page`` (digits anywhere), or ``auto``, the same as ``page``.
            min_confidence: Digits below it get no label; in [0, 1].
            max_error: The same, told as the largest chance of error; 0.02 unless one of the two is given.
            per: What they are asked of: each ``digit``, or the text of each ``line`` as a whole, which is given without a ``?``
                or not at all.
            pages: Numbers of the pages that are read, from 1; None: all.

        Returns:
            what was found, page by page.

        Raises:
            ImageError: The source is no picture, is damaged, lacks a page, or asks for more than the limits.
            MissingExtraError: It is a PDF or HEIC file, and the package that opens these is missing.
            UsageError: There is no such mode or unit, or a number lies outside its range.
            ModelError: The reader was closed.
        """
        _check(mode, per, pages)
        threshold = confidence_threshold(min_confidence, max_error)
        return self._readings([self._plan(source, mode, pages)], threshold, per)[0]

    @overload
    def read_many(
        self,
        sources: Iterable[Picture],
        mode: Mode = "auto",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        per: Unit = "digit",
        pages: Collection[int] | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> list[Reading]: ...

    @overload
    def read_many(
        self,
        sources: Iterable[Picture],
        mode: Mode = "auto",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        per: Unit = "digit",
        pages: Collection[int] | None = None,
        on_error: Literal["return"],
    ) -> list[Reading | ImageError | MissingExtraError]: ...

    def read_many(
        self,
        sources: Iterable[Picture],
        mode: Mode = "auto",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        per: Unit = "digit",
        pages: Collection[int] | None = None,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Sequence[Reading | ImageError | MissingExtraError]:
        """Read many pictures; the same as ``read`` on each, with the classifier run on the digits of many at once.

        Args:
            sources: Pictures as ``read`` takes them; they are taken one by one, as they are needed.
            mode: As for ``read``.
            min_confidence: As for ``read``.
            max_error: As for ``read``.
            per: As for ``read``.
            pages: As for ``read``.
            on_error: What becomes of a picture that cannot be read: ``raise`` stops, with an error that names its index;
                ``return`` puts the error in the place of the reading, and goes on.

        Returns:
            a reading for each source, in the order given.

        Raises:
            ImageError: A source is no picture or is damaged; its index, from 0, is in the message and in ``error.index``.
            MissingExtraError: As ``read``.
            UsageError: There is no such mode or unit, a number lies outside its range, or a single picture was given.
            ModelError: The reader was closed.
        """
        _check(mode, per, pages)
        if on_error not in ("raise", "return"):
            raise UsageError(f"on_error is {on_error!r}: use raise or return")
        threshold = confidence_threshold(min_confidence, max_error)
        if _is_one_picture(sources):
            raise UsageError("read_many takes a list of pictures: use read for one, or put it into a list")
        found: list[Reading | ImageError | MissingExtraError] = []
        numbered = enumerate(sources)
        while part := list(itertools.islice(numbered, _BATCH)):
            plans: list[_Plan | ImageError | MissingExtraError] = []
            for index, source in part:
                try:
                    plans.append(self._plan(source, mode, pages))
                except (ImageError, MissingExtraError) as error:
                    error.index = index
                    if on_error == "raise":
                        error.prefix = f"sources[{index}]: "
                        raise
                    # What an error remembers of its way would keep the picture in memory.
                    error.__traceback__ = error.__context__ = None
                    plans.append(error)
            readings = iter(self._readings([plan for plan in plans if isinstance(plan, _Plan)], threshold, per))
            found += [next(readings) if isinstance(plan, _Plan) else plan for plan in plans]
        return found

    def read_pages(
        self,
        source: Picture,
        mode: Mode = "auto",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        per: Unit = "digit",
        pages: Collection[int] | None = None,
    ) -> Iterator[Reading]:
        """Read a file of several pages one at a time; each reading has one page, with its number, and no other is held.

        Args:
            source: As for ``read``.
            mode: As for ``read``.
            min_confidence: As for ``read``.
            max_error: As for ``read``.
            per: As for ``read``.
            pages: As for ``read``.

        Returns:
            an iterator over a reading a page.

        Raises:
            ImageError: As ``read``; also between pages, where a later one is damaged.
            MissingExtraError: As ``read``.
            UsageError: As ``read``.
            ModelError: The reader was closed.
        """
        _check(mode, per, pages)
        threshold = confidence_threshold(min_confidence, max_error)
        return (
            self._readings([_Plan(picture, [self._page_plan(picture, number, mode)])], threshold, per)[0]
            for number, picture in page_numbers.numbered(source, self._limits, pages)
        )

    def find_sheet(self, source: Picture) -> Sheet:
        """The corners of the sheet, note or card in a photo, and of the frame that is printed on it.

        Args:
            source: A picture, as for ``read``; of a file of several pages the first.

        Returns:
            both, as shares of the picture's width and height; ``inkdigits.rectified`` cuts a sheet out by its corners.

        Raises:
            ImageError: The picture cannot be read.
            MissingExtraError: As ``read``.
            ModelError: The reader was closed, or its folder lacks the sheet finder.
        """
        return self._recogniser.sheet_finder.find(next(images.pages(source, self._limits)))

    def explain(self, reading: Reading) -> Image.Image:
        """How the first page was read, step by step, as one picture.

        Above: the picture with its boxes, and where the detector sees digits and other writing. Below, for each digit: what
        the network saw of it, 28×28 pixels of ink or a part of the line, and the ten probabilities as bars.

        Args:
            reading: What ``read`` has given.

        Raises:
            ImageError: The picture is no longer where it was.
            ModelError: The reader was closed.
        """
        return overlay.explain(reading, self._recogniser.detector)

    def read_fields(
        self,
        source: Picture,
        template: Template | Mapping[str, Any] | str | PathLike[str],
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
    ) -> FormReading:
        """Read the fields of a form.

        Args:
            source: A picture, as for ``read``; of a file of several pages the first; ``read_fields_pages`` reads all.
            template: A ``Template``, the same as plain data, or the path of a JSON file.
            min_confidence: As for ``read``, of whole fields.
            max_error: As for ``read``, of whole fields.

        Returns:
            a reading for each field, by name; it can be drawn.

        Raises:
            ImageError: The picture cannot be read, or no frame is found in it.
            MissingExtraError: As ``read``.
            UsageError: The template is not understood, or a number lies outside its range.
            ModelError: The reader was closed.
        """
        return next(self.read_fields_pages(source, template, min_confidence=min_confidence, max_error=max_error))

    def read_fields_pages(
        self,
        source: Picture,
        template: Template | Mapping[str, Any] | str | PathLike[str],
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        pages: Collection[int] | None = None,
    ) -> Iterator[FormReading]:
        """Read the same form on every page of a file, one at a time; otherwise as ``read_fields``.

        Args:
            source: As for ``read``.
            template: As for ``read_fields``.
            min_confidence: As for ``read_fields``.
            max_error: As for ``read_fields``.
            pages: As for ``read``.

        Returns:
            an iterator over the fields of a page.

        Raises:
            ImageError: As ``read_fields``.
            MissingExtraError: As ``read``.
            UsageError: As ``read_fields``.
            ModelError: The reader was closed.
        """
        from inkdigits.forms.reader import read_sheet, template_of  # with pydantic, which reading without forms can do without

        form = template_of(template)
        page_numbers.check(pages)
        threshold = confidence_threshold(min_confidence, max_error)
        numbered = page_numbers.numbered(source, self._limits, pages)
        return (read_sheet(picture, form, self._recogniser, threshold, number) for number, picture in numbered)

    # --- What is known of pictures before the networks have spoken about all of them ---

    def _plan(self, source: Picture, mode: Mode, pages: Collection[int] | None) -> _Plan:
        numbered = page_numbers.numbered(source, self._limits, pages)
        plans = [self._page_plan(picture, number, mode) for number, picture in numbered]
        # A stream has been read to its end, and draws no more.
        return _Plan(None if hasattr(source, "read") else source, plans)

    def _page_plan(self, picture: NDArray[np.uint8], number: int, mode: Mode) -> _PagePlan:
        size = (picture.shape[1], picture.shape[0])
        return _PagePlan(find_candidates(picture, mode, self._recogniser), number, size)

    def _readings(self, plans: Sequence[_Plan], threshold: float, per: Unit) -> list[Reading]:
        candidates = [candidate for plan in plans for page in plan.pages for candidate in page.candidates.all()]
        self._recogniser.classify(candidates)
        self._recogniser.rescore(candidates)
        self._recogniser.weigh(candidates)
        return [
            Reading(
                tuple(page.candidates.page(page.number, page.size, threshold, per) for page in plan.pages),
                plan.source,
                self._limits,
            )
            for plan in plans
        ]


def _is_one_picture(sources: object) -> bool:
    if isinstance(sources, np.ndarray):  # (N, H, W) is taken for N grey pictures
        return sources.ndim == 2 or (sources.ndim == 3 and sources.shape[2] in (3, 4))
    return isinstance(sources, str | bytes | bytearray | PathLike | Image.Image) or hasattr(sources, "read")


@dataclass(frozen=True)
class _PagePlan:
    """The candidates on a page; its number, from 1; its width and height in pixels."""

    candidates: PageCandidates
    number: int
    size: tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """The pages of a picture, and the picture itself where it can be drawn."""

    source: Picture | None
    pages: list[_PagePlan]


def _check(mode: str, per: str, pages: Collection[int] | None) -> None:
    check_mode(mode)
    page_numbers.check(pages)
    if per not in get_args(Unit):
        raise UsageError(f"per is {per!r}: use digit or line")


def confidence_threshold(min_confidence: float | None, max_error: float | None) -> float:
    """The confidence from which on there is a label, by whichever of the two was given.

    Raises:
        UsageError: Both were given, or a number lies outside its range.
    """
    if min_confidence is not None and max_error is not None:
        raise UsageError("min_confidence and max_error say the same in two ways: give one of them")
    for name, value in (("min_confidence", min_confidence), ("max_error", max_error)):
        if value is not None and not (isinstance(value, Real) and 0 <= value <= 1):
            raise UsageError(f"{name} is {value!r}: choose it between 0 and 1")
    if min_confidence is not None:
        return min_confidence
    return 1 - (MAX_ERROR if max_error is None else max_error)


# --- The same with a reader that is made when it is first needed -------------------------------------------------------


@functools.cache
def default_reader() -> Reader:
    """The reader behind the functions below."""
    return Reader()


def read(
    source: Picture,
    mode: Mode = "auto",
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    per: Unit = "digit",
    pages: Collection[int] | None = None,
) -> Reading:
    """``Reader.read`` with a default reader."""
    return default_reader().read(source, mode, min_confidence=min_confidence, max_error=max_error, per=per, pages=pages)


@overload
def read_many(
    sources: Iterable[Picture],
    mode: Mode = "auto",
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    per: Unit = "digit",
    pages: Collection[int] | None = None,
    on_error: Literal["raise"] = "raise",
) -> list[Reading]: ...


@overload
def read_many(
    sources: Iterable[Picture],
    mode: Mode = "auto",
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    per: Unit = "digit",
    pages: Collection[int] | None = None,
    on_error: Literal["return"],
) -> list[Reading | ImageError | MissingExtraError]: ...


def read_many(
    sources: Iterable[Picture],
    mode: Mode = "auto",
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    per: Unit = "digit",
    pages: Collection[int] | None = None,
    on_error: Any = "raise",
) -> Any:
    """``Reader.read_many`` with a default reader."""
    return default_reader().read_many(
        sources, mode, min_confidence=min_confidence, max_error=max_error, per=per, pages=pages, on_error=on_error
    )


def read_pages(
    source: Picture,
    mode: Mode = "auto",
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    per: Unit = "digit",
    pages: Collection[int] | None = None,
) -> Iterator[Reading]:
    """``Reader.read_pages`` with a default reader."""
    return default_reader().read_pages(source, mode, min_confidence=min_confidence, max_error=max_error, per=per, pages=pages)


def find_sheet(source: Picture) -> Sheet:
    """``Reader.find_sheet`` with a default reader."""
    return default_reader().find_sheet(source)


def read_fields(
    source: Picture,
    template: Template | Mapping[str, Any] | str | PathLike[str],
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
) -> FormReading:
    """``Reader.read_fields`` with a default reader."""
    return default_reader().read_fields(source, template, min_confidence=min_confidence, max_error=max_error)


def read_fields_pages(
    source: Picture,
    template: Template | Mapping[str, Any] | str | PathLike[str],
    *,
    min_confidence: float | None = None,
    max_error: float | None = None,
    pages: Collection[int] | None = None,
) -> Iterator[FormReading]:
    """``Reader.read_fields_pages`` with a default reader."""
    return default_reader().read_fields_pages(source, template, min_confidence=min_confidence, max_error=max_error, pages=pages)
