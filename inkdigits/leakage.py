"""Finding training images among those that a figure is to be measured on.

A signature is the size of an image's low spatial frequencies. It does not change when the image is shifted or ink and
paper are swapped, and changes little under re-encoding, while two images of different strokes differ clearly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.preparation.digit import renewed

#: Frequencies kept in each direction, in periods per picture.
_FREQUENCIES = 6
#: Cosine of the angle between signatures from which on two images are taken for copies. The nearest pair of an MNIST
#: test image and a training image lies at 0.9992, shifted or inverted copies at 1.0000, all JPEG copies of quality 90
#: above 0.9997 and 97 % of those of quality 75 above this limit; tests/test_leakage.py measures it again.
COPY_SIMILARITY = 0.9994
#: From this similarity on the nearest training image is looked at again.
_NEAR = 0.98
_BLOCK = 1_000


def signatures(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Signatures of length 1, float32 (N, 90), of images uint8 (N, 28, 28); a blank image's is zero."""
    blocks = [_signatures(images[i : i + _BLOCK]) for i in range(0, len(images), _BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros((0, (2 * _FREQUENCIES + 1) * (_FREQUENCIES + 1) - 1), np.float32)


def _signatures(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    spectrum = np.abs(np.fft.rfft2(images.astype(np.float32)))
    kept = np.concatenate([spectrum[:, : _FREQUENCIES + 1], spectrum[:, -_FREQUENCIES:]], axis=1)[:, :, : _FREQUENCIES + 1]
    flat = kept.reshape(len(images), -1)[:, 1:]  # without the mean, so that swapped ink and paper are alike
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0).astype(np.float32)


def find_copies(training: NDArray[np.uint8], evaluated: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the evaluated images are copies of a training image, perhaps shifted, inverted or re-encoded.

    Both are network inputs. A copy that was changed has gone through all of ``preparation.prepare``, while its original, in
    MNIST's form already, passed it unchanged. Either may be the changed one; so an image and the training image that is nearest
    to it are compared again with one and the other put through it too.

    Args:
        training: uint8 (M, 28, 28).
        evaluated: uint8 (N, 28, 28).

    Returns:
        bool (N,).
    """
    if not len(training) or not len(evaluated):
        return np.zeros(len(evaluated), bool)
    known, asked = signatures(training), signatures(evaluated)
    similarity, nearest = np.empty(len(asked), np.float32), np.empty(len(asked), np.int64)
    for i in range(0, len(asked), _BLOCK):  # all pairs at once would take gigabytes
        block = asked[i : i + _BLOCK] @ known.T
        nearest[i : i + _BLOCK] = block.argmax(1)
        similarity[i : i + _BLOCK] = block.max(1)
    copies = similarity >= COPY_SIMILARITY
    candidates = np.flatnonzero(~copies & (similarity >= _NEAR))
    if candidates.size:
        near, own = nearest[candidates], asked[candidates]
        training_again = signatures(np.stack([renewed(training[i]) for i in near]))
        own_again = signatures(np.stack([renewed(evaluated[i]) for i in candidates]))
        pairs = ((training_again, own), (known[near], own_again))
        copies[candidates] = np.max([(one * other).sum(1) for one, other in pairs], axis=0) >= COPY_SIMILARITY
    return copies
