"""The reader's two networks: the classifier of single digits and the line recogniser, and what they say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelError
from inkdigits.inference.classifier import Classifier
from inkdigits.inference.line_recogniser import LineRecogniser, Passes
from inkdigits.inference.tasks import NON_DIGIT, READER
from inkdigits.preparation.ink import ink, reduced, reduction
from inkdigits.reading.candidates import LONGEST, Candidate, mean_confidence
from inkdigits.reading.detect import detect
from inkdigits.runs import Run

#: How much more probable each less usual crop of a digit must make it to be preferred.
_LESS_USUAL = 0.1
#: The line recogniser is asked about digits that are less sure than this.
DOUBTFUL = 0.97
#: Temperatures of the classifier, of both networks together and of the line recogniser, chosen on strangers' digits
#: (docs/reading.md): what is synthesised to train on is harder than what people write, and makes the classifier too modest; the
#: line recogniser, trained without smoothed labels, is too bold, and so are two networks that are taken for independent.
#: Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
_TEMPERATURE, _BOTH_TEMPERATURE, _LINE_TEMPERATURE = 0.88, 1.3, 1.2
#: No probability is less.
_LEAST = 1e-6
#: A line whose digits are less sure than this on average, or less high than this share of the picture, gets a further pass.
_CLEAR_LINE, _LARGE_SHARE = 0.8, 0.35


class Recogniser:
    """Both networks of a reader.

    It can be shared between threads, pickled, and used after a fork.

    Args:
        run: The folder with ``digit.onnx`` and ``line.onnx``, as ``inkdigits train-reader`` makes it.
        threads: Threads of one run of a network; None: as many as there are cores.
        providers: ONNX Runtime's execution providers; None: the processor.

    Raises:
        ModelError: A network is missing, damaged or of another kind.
        UsageError: ``threads`` or ``providers`` cannot be.
    """

    def __init__(self, run: Run, threads: int | None = None, providers: Sequence[str] | None = None) -> None:
        self.classifier = Classifier(run.model("digit"), threads, providers)
        if self.classifier.task.name != READER:
            raise ModelError(f"{run.model('digit')} has no class for what is no digit: make one with inkdigits train-reader")
        self.line_recogniser = LineRecogniser(run.model("line"), threads, providers)

    def close(self) -> None:
        """Give the memory back."""
        self.classifier.close()
        self.line_recogniser.close()

    # --- Single digits ---

    def classify(self, candidates: Iterable[Candidate], known: Mapping[bytes, NDArray[np.float32]] | None = None) -> None:
        """Ask the classifier about every candidate that has crops and was not asked about; all of them in one batch.

        Args:
            candidates: Filled in: scores, probabilities, the chosen crop.
            known: Scores of crops that the classifier was asked about before, by the crops' bytes.
        """
        known = dict(known or {})
        waiting = [candidate for candidate in candidates if candidate.crops and candidate.scores is None]
        crops = {crop.tobytes(): crop for candidate in waiting for crop in candidate.crops}
        asked = [key for key in crops if key not in known]
        if asked:
            known |= zip(asked, self.classifier.predict_proba(np.stack([crops[key] for key in asked])), strict=True)
        for candidate in waiting:
            candidate.scores = np.stack([known[crop.tobytes()] for crop in candidate.crops])
            best = self._chosen(candidate)
            candidate.chosen = candidate.crops[best]
            candidate.probabilities = _temperature_scaled(_logs(candidate.scores[best]), _TEMPERATURE)

    @staticmethod
    def _chosen(candidate: Candidate) -> int:
        """The crop that looks most like a digit; the first is the usual one, the others must be clearly better."""
        assert candidate.scores is not None
        return int(np.argmax(candidate.scores[:, :NON_DIGIT].max(1) - _LESS_USUAL * np.arange(len(candidate.scores))))

    def rescore(self, candidates: Iterable[Candidate], passes: Passes | None = None) -> None:
        """Let the line recogniser have a say on doubtful candidates, from their context crops; after ``classify``.

        The two networks see different things, ink in 28×28 pixels and grey paper, and err on different digits. A context crop
        is dropped once it was looked at.

        Args:
            candidates: Filled in: the probabilities of the doubtful ones.
            passes: What the line recogniser has said of strips of this picture; those of now are added.
        """
        for candidate in candidates:
            if candidate.context is None or candidate.scores is None:
                continue
            scores = candidate.scores[self._chosen(candidate)]
            if scores[:NON_DIGIT].max() < DOUBTFUL:
                second = self._of_one_digit(candidate.context, passes)
                if second is not None:
                    candidate.probabilities = _temperature_scaled(_logs(scores) + _logs(second), _BOTH_TEMPERATURE)
            candidate.context = None

    def _of_one_digit(self, context: NDArray[np.uint8], passes: Passes | None) -> NDArray[np.float32] | None:
        """What the line recogniser makes of a picture of one digit, uint8 (H, W), if it sees one digit there."""
        around = [context[0], context[-1], context[:, 0], context[:, -1]]
        paper = int(np.median(np.concatenate(around)))
        found = []
        for picture in (context, np.pad(context, max(context.shape) // 4, constant_values=paper)):
            digits = [digit.probabilities for digit in self.line_recogniser.read(picture, passes)]
            digits = [probabilities for probabilities in digits if probabilities[NON_DIGIT] < 0.5]
            found += digits if len(digits) == 1 else []
        return np.mean(found, axis=0) if found else None

    # --- Lines ---

    def line_candidates(self, picture: NDArray[np.uint8], passes: Passes | None = None) -> list[Candidate]:
        """The digits in a picture of a line, uint8 (H, W), with their probabilities, from left to right.

        Where the line recogniser sees nothing clearly, or small digits, it may have missed others: it gets a further pass, over
        what is near the ink.

        Args:
            picture: uint8 (H, W).
            passes: As for ``rescore``.
        """
        passes = {} if passes is None else passes
        candidates = self._read_line(picture, passes)
        heights = [candidate.box[3] - candidate.box[1] for candidate in candidates]
        if mean_confidence(candidates) >= _CLEAR_LINE and np.median(heights) >= _LARGE_SHARE * picture.shape[0]:
            return candidates
        factor = reduction(picture.shape, LONGEST)
        glyphs = detect(ink(reduced(picture, LONGEST))).lines
        boxes = factor * np.array([glyph.box for line in glyphs for glyph in line])
        if not boxes.size:
            return candidates
        tall = float(np.median(boxes[:, 3] - boxes[:, 1]))
        top, bottom = max(0, int(boxes[:, 1].min() - 0.1 * tall)), int(boxes[:, 3].max() + 0.1 * tall) + 1
        left, right = max(0, int(boxes[:, 0].min() - 0.3 * tall)), int(boxes[:, 2].max() + 0.3 * tall) + 1
        closer = [candidate.moved(left, top) for candidate in self._read_line(picture[top:bottom, left:right], passes)]
        return max(candidates, closer, key=lambda found: sum(candidate.confidence() - 0.5 for candidate in found))

    def _read_line(self, picture: NDArray[np.uint8], passes: Passes | None) -> list[Candidate]:
        return [
            Candidate(digit.box, probabilities=_temperature_scaled(_logs(digit.probabilities), _LINE_TEMPERATURE))
            for digit in self.line_recogniser.read(picture, passes)
        ]


def _logs(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, _LEAST))


def _temperature_scaled(logs: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities from their logarithms, up to a constant, at a temperature."""
    powers = np.exp((logs - logs.max()) / temperature)
    return powers / powers.sum()
