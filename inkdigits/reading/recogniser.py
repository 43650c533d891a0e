"""The reader's networks: classifier, line recogniser, detector and sheet finder, and what the first three say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelError
from inkdigits.geometry import Box, around, corners_of
from inkdigits.inference.classifier import Classifier
from inkdigits.inference.detector import FAINTEST, Detector, Found, separate
from inkdigits.inference.line_recogniser import LineRecogniser, Passes
from inkdigits.inference.sheet_finder import SheetFinder
from inkdigits.inference.tasks import NON_DIGIT, READER
from inkdigits.limits import DEFAULTS, Limits
from inkdigits.preparation.digit import crops
from inkdigits.preparation.ink import border
from inkdigits.reading.candidates import Candidate, mean_confidence
from inkdigits.reading.layout import Piece, pieces_of
from inkdigits.runs import Run

#: How much more probable each less usual crop of a digit must make it to be preferred.
_LESS_USUAL = 0.1
#: … which none can where the usual one makes it as probable as this.
_SURE_USUAL = 1 - _LESS_USUAL
#: The line recogniser is asked about digits outside of lines that are less sure than this.
DOUBTFUL = 0.97
#: Temperatures of the classifier, of both networks together and of the line recogniser, chosen on strangers' digits
#: (docs/reading.md): what is synthesised to train on is harder than what people write, and makes the classifier too modest; the
#: line recogniser, trained without smoothed labels, is too bold, and so are two networks that are taken for independent.
#: Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
_TEMPERATURE, _BOTH_TEMPERATURE, _LINE_TEMPERATURE = 0.88, 1.3, 1.2
#: How much the classifier's and the detector's odds of a digit count, and what is added: fitted on synthetic pages by logistic
#: regression, but for the first, which was raised from 0.1 on strangers' pages, whose signs the detector takes for digits.
_OWN_WEIGHT, _SEEN_WEIGHT, _SEEN_BIAS = 0.8, 1.7, 1.0
#: No probability is less.
_LEAST = 1e-6
#: A line whose digits are less sure than this on average, or less high than this share of the picture, gets a further pass.
_CLEAR_LINE, _LARGE_SHARE = 0.8, 0.35
#: … over where the detector sees digits with at least this probability.
_SEEN = 0.4


class Recogniser:
    """The networks of a reader.

    It can be shared between threads, pickled, and used after a fork.

    Args:
        run: The folder with ``digit.onnx``, ``line.onnx``, ``page.onnx`` and ``sheet.onnx``, as
            ``inkdigits train-reader`` makes it.
        threads: Threads of one run of a network; None: as many as there are cores.
        providers: ONNX Runtime's execution providers; None: the processor.
        limits: What a picture may cost.

    Raises:
        ModelError: A network is missing, damaged or of another kind.
        UsageError: ``threads`` or ``providers`` cannot be.
    """

    def __init__(
        self,
        run: Run,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        self.classifier = Classifier(run.model("digit"), threads, providers)
        if self.classifier.task.name != READER:
            raise ModelError(f"{run.model('digit')} has no class for what is no digit: make one with inkdigits train-reader")
        self.line_recogniser = LineRecogniser(run.model("line"), threads, providers)
        self.detector = Detector(run.model("page"), threads, providers, limits)
        self._sheet_finder: SheetFinder | None = None
        self._settings = run, threads, providers
        self._closed = False

    def close(self) -> None:
        """Give the memory back."""
        self.classifier.close()
        self.line_recogniser.close()
        self.detector.close()
        self._closed = True
        if self._sheet_finder is not None:
            self._sheet_finder.close()

    @property
    def sheet_finder(self) -> SheetFinder:
        """The network that finds sheets and frames; it is loaded when it is first needed, since most readings don't need it.

        Raises:
            ModelError: It is missing or damaged, or the reader was closed.
        """
        finder = self._sheet_finder
        if self._closed:
            raise ModelError("the reader was closed: make a new one")
        if finder is None:  # two threads may come here at once, and load it twice; the last one stays
            run, threads, providers = self._settings
            finder = self._sheet_finder = SheetFinder(run.model("sheet"), threads, providers)
        return finder

    # --- Single digits ---

    def classify(self, candidates: Iterable[Candidate]) -> None:
        """Ask the classifier about every candidate that has crops and was not asked about; all of them in one batch.

        Where the usual crop is too doubtful to be taken for sure, less usual ones are made of the picture, in a second batch.

        Args:
            candidates: Filled in: scores, probabilities, the chosen crop.
        """
        waiting = [candidate for candidate in candidates if candidate.crops and candidate.scores is None]
        known: dict[bytes, NDArray[np.float32]] = {}
        self._score(waiting, known)
        doubtful = [one for one in waiting if one.cut is not None and self._usual(one) < _SURE_USUAL]
        for candidate in doubtful:
            assert candidate.cut is not None
            candidate.crops = crops(candidate.cut)[0]
        self._score(doubtful, known)
        for candidate in waiting:
            candidate.cut = None
            assert candidate.scores is not None
            best = self._chosen(candidate)
            candidate.chosen = candidate.crops[best]
            candidate.probabilities = _temperature_scaled(_logs(candidate.scores[best]), _TEMPERATURE)

    def _score(self, candidates: Sequence[Candidate], known: dict[bytes, NDArray[np.float32]]) -> None:
        """Fill in the scores of all crops; ``known`` are those of crops by their bytes, and grows."""
        shown = {crop.tobytes(): crop for candidate in candidates for crop in candidate.crops}
        new = {key: crop for key, crop in shown.items() if key not in known}
        if new:
            known |= dict(zip(new, self.classifier.predict_proba(np.stack(list(new.values()))), strict=True))
        for candidate in candidates:
            candidate.scores = np.stack([known[crop.tobytes()] for crop in candidate.crops])

    @staticmethod
    def _usual(candidate: Candidate) -> float:
        """How much the usual crop looks like a digit."""
        assert candidate.scores is not None
        return float(candidate.scores[0, :NON_DIGIT].max())

    @staticmethod
    def _chosen(candidate: Candidate) -> int:
        """The crop that looks most like a digit; the first is the usual one, the others must be clearly better."""
        assert candidate.scores is not None
        return int(np.argmax(candidate.scores[:, :NON_DIGIT].max(1) - _LESS_USUAL * np.arange(len(candidate.scores))))

    def rescore(self, candidates: Iterable[Candidate]) -> None:
        """Let the line recogniser have a say on candidates that it has read in their lines, and on doubtful ones from their
        context crops; after ``classify``.

        The two networks see different things, ink in 28×28 pixels and grey paper, and err on different digits. A context crop
        is dropped once it was looked at.

        Args:
            candidates: Filled in: the probabilities of those.
        """
        for candidate in candidates:
            if candidate.scores is None or candidate.sign:
                if candidate.second is not None:
                    candidate.probabilities = _temperature_scaled(_logs(candidate.second), _LINE_TEMPERATURE)
                continue
            scores, second = candidate.scores[self._chosen(candidate)], candidate.second
            if candidate.context is not None and scores[:NON_DIGIT].max() < DOUBTFUL:
                second = self._of_one_digit(candidate.context)
            if second is not None:
                candidate.probabilities = _temperature_scaled(_logs(scores) + _logs(second), _BOTH_TEMPERATURE)
            candidate.context = None

    @staticmethod
    def weigh(candidates: Iterable[Candidate]) -> None:
        """Let the detector have a say on whether there is a digit at all; after ``rescore``.

        Its odds and the classifier's are multiplied, each to some power; which digit it is stays as it was.

        Args:
            candidates: Filled in: the probabilities of those that the detector has seen.
        """
        for candidate in candidates:
            if candidate.detected is None or candidate.sign:
                continue
            probabilities = candidate.known()
            none = float(np.clip(probabilities[NON_DIGIT], _LEAST, 1 - _LEAST))
            seen = float(np.clip(candidate.detected, FAINTEST, 1 - _LEAST))  # what is less is not told
            odds = _OWN_WEIGHT * np.log((1 - none) / none) + _SEEN_WEIGHT * np.log(seen / (1 - seen)) + _SEEN_BIAS
            digit = min(1 / (1 + np.exp(-odds)), 1 - _LEAST)
            weighed = probabilities * (digit / max(float(probabilities[:NON_DIGIT].sum()), _LEAST))
            weighed[NON_DIGIT] = 1 - digit
            candidate.probabilities = weighed.astype(np.float32)

    def _of_one_digit(self, context: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """What the line recogniser makes of a picture of one digit, uint8 (H, W), if it sees one digit there."""
        paper = int(np.median(border(context)))
        found: list[NDArray[np.float32]] = []
        passes: Passes = {}
        for picture in (context, np.pad(context, max(context.shape) // 4, constant_values=paper)):
            digits = [symbol.digits for symbol in self.line_recogniser.read(picture, passes)]
            digits = [probabilities for probabilities in digits if probabilities[NON_DIGIT] < 0.5]
            found += digits if len(digits) == 1 else []
        return np.mean(found, axis=0) if found else None

    # --- Lines ---

    def line_candidates(self, picture: NDArray[np.uint8], seen: Found | None = None) -> list[Candidate]:
        """The digits in a picture of a line, with their probabilities, from left to right.

        Where the line recogniser sees nothing clearly, or small digits, it may have missed others: it gets a further pass, over
        where the detector sees digits. What the detector doubts may be a wall between cells.

        Args:
            picture: uint8 (H, W).
            seen: What the detector has seen in it, where it was asked already.
        """
        seen = self.detector.look(picture) if seen is None else seen
        found = separate(seen)
        found = found[found.scores[:, 0] >= _SEEN]
        passes: Passes = {}
        candidates = self._read_line(picture, passes)
        if not len(found):
            return candidates
        heights = [one.box[3] - one.box[1] for one in candidates if one.sign is None]
        if not heights or mean_confidence(candidates) < _CLEAR_LINE or np.median(heights) < _LARGE_SHARE * picture.shape[0]:
            left, top, right, bottom = _clearest_line(found, picture.shape)
            closer = [candidate.moved(left, top) for candidate in self._read_line(picture[top:bottom, left:right], passes)]
            candidates = max(candidates, closer, key=lambda some: sum(one.confidence() - 0.5 for one in some if not one.sign))
        for candidate in candidates:
            candidate.detected = seen.support(corners_of(candidate.box))
        return candidates

    def _read_line(self, picture: NDArray[np.uint8], passes: Passes) -> list[Candidate]:
        return [
            Candidate(symbol.box, probabilities=_temperature_scaled(_logs(symbol.digits), _LINE_TEMPERATURE), symbol=symbol)
            for symbol in self.line_recogniser.read(picture, passes)
        ]


def _clearest_line(found: Found, shape: tuple[int, ...]) -> Box:
    """Where the clearest line of digits stands in a picture of ``shape`` (H, W), with some paper around it."""

    def clear(line: list[Piece]) -> float:
        return float(sum((found.scores[piece.digits, 0] - _SEEN).sum() for piece in line))

    line = max(pieces_of(found, turn=0.0), key=clear)
    return around(np.concatenate([piece.corners for piece in line]), shape)


def _logs(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, _LEAST))


def _temperature_scaled(logs: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities from their logarithms, up to a constant, at a temperature."""
    powers = np.exp((logs - logs.max()) / temperature)
    return powers / powers.sum()
